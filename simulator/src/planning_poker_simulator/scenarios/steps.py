"""Actions and outcomes of a scenario's file. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from planning_poker_simulator.scenarios.game_settings import read_game_settings
from planning_poker_simulator.scenarios.model import ACCEPTED, Step, Value
from planning_poker_simulator.scenarios.nodes import (
    Fields,
    Problems,
    hint,
    is_nothing,
    kind_of,
    line_of,
    pairs,
)
from planning_poker_simulator.scenarios.people import People
from planning_poker_simulator.scenarios.values import Values
from planning_poker_simulator.scenarios.vocabulary import (
    ACTIONS,
    ANSWERS,
    DIRECTIONS,
    MODIFIERS,
    OUTCOMES,
    Shape,
    Word,
)

MOST_STEPS: Final = 10_000
MOST_TIMES: Final = 1_000
_DEEPEST: Final = 5
_BARE: Final = frozenset(name for name, word in OUTCOMES.items() if word.shape is Shape.NOTHING)
"""Outcomes that are a single word."""
_PEOPLE: Final = (Shape.PLAYER_TEXTS, Shape.PLAYER_EVENTS)


class Steps:
    """Reads lists of actions and of outcomes."""

    def __init__(self, people: People, problems: Problems) -> None:
        self._people = people
        self._problems = problems
        self._left = MOST_STEPS

    # Actions

    def actions(
        self,
        node: yaml.Node,
        where: str = "actions",
        words: Mapping[str, str] | None = None,
        depth: int = 0,
    ) -> tuple[Step, ...]:
        """A list of actions, with `repeat` and `for_each` written out."""
        if depth > _DEEPEST:
            self._problems.add(node, f"{where} is nested too deeply")
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._problems.add(node, f"{where} must be a list of actions, not {kind_of(node)}")
            return ()
        read: list[Step] = []
        for number, each in enumerate(node.value, start=1):
            if self._left <= 0:
                self._problems.add(each, f"{where} come to more than {MOST_STEPS:,} in all")
                break
            read.extend(self._action(each, f"{where}[{number}]", words or {}, depth))
        return tuple(read)

    def _action(
        self, node: yaml.Node, where: str, words: Mapping[str, str], depth: int
    ) -> tuple[Step, ...]:
        values = Values(self._problems, words)
        if isinstance(node, yaml.ScalarNode) and node.value in ACTIONS:
            key = yaml.ScalarNode(node.tag, node.value, node.start_mark, node.end_mark)
            nothing = yaml.ScalarNode("", "", node.start_mark, node.end_mark)
            node = yaml.MappingNode("", [(key, nothing)], node.start_mark, node.end_mark)
        fields = Fields(node, where, self._problems)
        if {"repeat", "for_each"} & set(fields.left()):
            return self._written_out(fields, words, values, depth)
        self._left -= 1
        verb = self._verb(fields, ACTIONS, (*ACTIONS, "repeat", "for_each"), "an action")
        if verb is None:
            return ()
        word = ACTIONS[verb]
        line = line_of(fields.line(verb))
        what = fields.take(verb)
        assert what is not None  # noqa: S101, it is one of the keys
        own: dict[str, Any] = self._said(verb, word, what, where, values)
        if word.shape is Shape.ACTIONS:
            own["steps"] = self.actions(what, f"{where}.{verb}", words, depth + 1)
            self._flat(own["steps"], what, where)
        own |= self._modifiers(fields, word, values)
        own["options"] = self._options(fields, word, values)
        fields.close()
        return (Step(verb, line, **own),)

    def _flat(self, steps: tuple[Step, ...], node: yaml.Node, where: str) -> None:
        for each in steps:
            if each.verb in ("parallel", "check", "finish", "advance"):
                what = f"{where}.parallel cannot hold “{each.verb}” (line {each.line})"
                self._problems.add(node, what)

    def _written_out(
        self, fields: Fields, words: Mapping[str, str], values: Values, depth: int
    ) -> tuple[Step, ...]:
        """The actions inside, once for each time or player, with `$n` and `$player` put in."""
        times, each_of, inside = (
            fields.take("repeat"),
            fields.take("for_each"),
            fields.need("actions"),
        )
        fields.close()
        where = f"{fields.where}.actions"
        if inside is None:
            return ()
        if each_of is not None:
            names = self._people.choose(each_of, f"{fields.where}.for_each", values).names
            rounds = [{**words, "player": name} for name in names]
        else:
            assert times is not None  # noqa: S101, one of the two is there
            count = values.count(times, f"{fields.where}.repeat", 1, MOST_TIMES)
            rounds = [{**words, "n": str(number)} for number in range(1, count + 1)]
        steps: list[Step] = []
        for now in rounds:
            steps.extend(self.actions(inside, where, now, depth + 1))
        return tuple(steps)

    # Outcomes

    def outcomes(
        self, node: yaml.Node, where: str = "outcomes", values: Values | None = None
    ) -> tuple[Step, ...]:
        """A list of outcomes."""
        values = values or Values(self._problems)
        if not isinstance(node, yaml.SequenceNode):
            self._problems.add(node, f"{where} must be a list of outcomes, not {kind_of(node)}")
            return ()
        read: list[Step] = []
        for number, each in enumerate(node.value, start=1):
            step = self._outcome(each, f"{where}[{number}]", values)
            if step is not None:
                read.append(step)
        return tuple(read)

    def _outcome(self, node: yaml.Node, where: str, values: Values) -> Step | None:
        if isinstance(node, yaml.ScalarNode) and node.value in _BARE:
            return Step(node.value, line_of(node))
        fields = Fields(node, where, self._problems)
        verb = self._verb(fields, OUTCOMES, tuple(OUTCOMES), "an outcome")
        if verb is None:
            return None
        word = OUTCOMES[verb]
        line = line_of(fields.line(verb))
        what = fields.take(verb)
        assert what is not None  # noqa: S101, it is one of the keys
        own = self._said(verb, word, what, where, values)
        options = self._options(fields, word, values)
        fields.close()
        return Step(verb, line, **own, options=options)

    # What they have in common

    def _verb(
        self, fields: Fields, known: Mapping[str, Word], all_known: tuple[str, ...], what: str
    ) -> str | None:
        """The one key that says what it is."""
        keys = [key for key in fields.left() if key in known]
        optional = {option for key in keys for option in known[key].options}
        found = [key for key in keys if key not in optional] or keys
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            said = " and ".join(f"“{key}”" for key in found)
            self._problems.add(fields.node, f"{fields.where} is {what} and says both {said}")
            return None
        for key in fields.left():
            if key not in MODIFIERS:
                where = fields.line(key)
                self._problems.add(
                    where, f"{fields.where}: there is no {what[3:]} “{key}”{hint(key, all_known)}"
                )
                return None
        if isinstance(fields.node, yaml.MappingNode):
            self._problems.add(fields.node, f"{fields.where} does not say what {what} it is")
        return None

    def _said(
        self, verb: str, word: Word, node: yaml.Node, where: str, values: Values
    ) -> dict[str, Any]:
        """What stands behind the verb, as the fields of a Step."""
        where, shape = f"{where}.{verb}", word.shape
        match shape:
            case Shape.NOTHING:
                if not is_nothing(node):
                    self._problems.add(node, f"{where} takes nothing, not {kind_of(node)}")
                return {}
            case Shape.PLAYERS:
                if isinstance(node, yaml.ScalarNode) and node.value == "none":
                    return {}
                chosen = self._people.choose(node, where, values)
                return {"players": chosen.names, "at_once": chosen.at_once}
            case Shape.PLAYER_TEXTS | Shape.PLAYER_EVENTS | Shape.TEXTS_BY_NAME | Shape.COUNTS:
                return self._pairs(word, node, where, values)
            case Shape.TEXT | Shape.EVENT:
                known = word.choices
                text = values.choice(node, where, known) if known else values.text(node, where)
                return {"text": text}
            case Shape.TEXT_OR_NOTHING:
                return {"text": values.text(node, where, empty=True)}
            case Shape.TEXTS:
                return {"texts": values.texts(node, where)}
            case Shape.TIME:
                return {"number": values.time(node, where)}
            case Shape.TIME_OR_NONE:
                none = isinstance(node, yaml.ScalarNode) and node.value == "none"
                return {} if none else {"number": values.time(node, where)}
            case Shape.NUMBER:
                return {"number": values.count(node, where)}
            case Shape.SETTINGS:
                return {"settings": read_game_settings(node, where, values)}
            case Shape.OUTCOMES:
                return {"steps": self.outcomes(node, where, values)}
            case _:
                return {}

    def _pairs(self, word: Word, node: yaml.Node, where: str, values: Values) -> dict[str, Any]:
        """Names with what belongs to them."""
        if not isinstance(node, yaml.MappingNode):
            what = "names with what belongs to each, as in {Ada: …}"
            self._problems.add(node, f"{where} must be {what}, not {kind_of(node)}")
            return {}
        read: list[tuple[str, str]] = []
        at_once = False
        for key, value in pairs(node, where, self._problems):
            if word.shape in _PEOPLE:
                chosen = self._people.named(key, where, values)
                names, at_once = chosen.names, at_once or chosen.at_once
            else:
                names = (self._key(key, word, where, values),)
            for text in self._values(word, value, f"{where}.{key.value}", values):
                read.extend((name, text) for name in names)
        return {"pairs": tuple(read), "at_once": at_once}

    def _key(self, key: yaml.ScalarNode, word: Word, where: str, values: Values) -> str:
        if word.choices:
            return values.choice(key, f"what {where} names", word.choices)
        return values.text(key, where)

    def _values(self, word: Word, node: yaml.Node, where: str, values: Values) -> tuple[str, ...]:
        if word.shape is Shape.COUNTS:
            return (str(values.count(node, where)),)
        if word.shape is Shape.PLAYER_EVENTS:
            items = values.items(node, where)
            return tuple(values.choice(each, where, word.choices) for each in items)
        if word.choices and word.shape is Shape.PLAYER_TEXTS:
            return (values.choice(node, where, word.choices),)
        return (values.text(node, where),)

    def _options(self, fields: Fields, word: Word, values: Values) -> dict[str, Value]:
        read: dict[str, Value] = {}
        for name, shape in word.options.items():
            node = fields.take(name)
            if node is None:
                continue
            where = f"{fields.where}.{name}"
            match shape:
                case Shape.TIME:
                    read[name] = values.time(node, where)
                case Shape.NUMBER:
                    read[name] = values.count(node, where, 1)
                case Shape.YES_NO:
                    read[name] = values.flag(node, where)
                case Shape.DIRECTION:
                    read[name] = values.choice(node, where, DIRECTIONS)
                case Shape.PLAYERS:
                    none = isinstance(node, yaml.ScalarNode) and node.value == "none"
                    chosen = () if none else self._people.choose(node, where, values).names
                    read[name] = chosen
                case _:
                    read[name] = values.text(node, where)
        return read

    def _modifiers(self, fields: Fields, word: Word, values: Values) -> dict[str, Any]:
        read: dict[str, Any] = {}
        after, by = fields.take("after"), fields.take("by")
        if after is not None:
            read["after_ms"] = values.time(after, f"{fields.where}.after")
        if by is not None:
            named = self._people.named(by, f"{fields.where}.by", values).names
            if len(named) > 1:
                self._problems.add(by, f"{fields.where}.by must be one player")
            read["by"] = named[0] if named else ""
        if not word.asks:
            return read
        expect, background = fields.take("expect"), fields.take("background")
        if expect is not None:
            where = f"{fields.where}.expect"
            items = values.items(expect, where)
            answers = tuple(values.choice(each, where, ANSWERS) for each in items)
            read["expected"] = answers or (ACCEPTED,)
        if background is not None:
            read["background"] = values.flag(background, f"{fields.where}.background")
        tab = fields.take("tab")
        if tab is not None:
            read["tab"] = values.count(tab, f"{fields.where}.tab", 1, 10)
        return read
