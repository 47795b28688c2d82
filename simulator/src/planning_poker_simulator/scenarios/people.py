"""The players of a scenario's file, and how actions name them. Pure."""

from typing import Final, NamedTuple

import yaml

from planning_poker_simulator.scenarios.model import Line, Player
from planning_poker_simulator.scenarios.nodes import Fields, Problems, hint, kind_of
from planning_poker_simulator.scenarios.values import Values
from planning_poker_simulator.scenarios.vocabulary import ROLES

MOST_PLAYERS: Final = 5_000
EVERYONE: Final = "everyone"
_BUT: Final = "everyone but "
_LINES: Final = tuple(each.value for each in Line)
_MOST_TABS: Final = 10
_MOST_ON_A_CONNECTION: Final = 200


class Chosen(NamedTuple):
    """The players that somebody named, in their order."""

    names: tuple[str, ...]
    at_once: bool = False
    """A crowd does not act one after another."""


class People:
    """Who there is, by name, and the crowds among them."""

    def __init__(self, players: tuple[Player, ...]) -> None:
        self.players = {player.name: player for player in players}
        self.groups: dict[str, tuple[str, ...]] = {}
        for player in players:
            if player.group:
                self.groups[player.group] = (*self.groups.get(player.group, ()), player.name)

    def choose(self, node: yaml.Node, where: str, values: Values) -> Chosen:
        """Those whom a name, a crowd, `everyone`, `everyone but X`, or a list of these means."""
        names: dict[str, None] = {}
        at_once = False
        for each in values.items(node, where):
            chosen = self.named(each, where, values)
            for name in chosen.names:
                if name in names:
                    values.problems.add(each, f"{where} names {name} twice")
                names[name] = None
            at_once = at_once or chosen.at_once
        return Chosen(tuple(names), at_once)

    def named(self, node: yaml.Node, where: str, values: Values) -> Chosen:
        """Those whom one text means."""
        text = values.text(node, where)
        if text == EVERYONE:
            return Chosen(tuple(self.players), bool(self.groups))
        if text.startswith(_BUT):
            but = text.removeprefix(_BUT)
            out = set(self.groups.get(but, (but,)))
            if not out <= self.players.keys():
                values.problems.add(node, self._unknown(where, but))
            return Chosen(tuple(n for n in self.players if n not in out), bool(self.groups))
        if text in self.groups:
            return Chosen(self.groups[text], at_once=True)
        if text in self.players:
            return Chosen((text,))
        if text:
            values.problems.add(node, self._unknown(where, text))
        return Chosen(())

    def _unknown(self, where: str, name: str) -> str:
        known = (*self.players, *self.groups)
        return f"{where} names “{name}”, who is none of the players{hint(name, known)}"


def read_players(node: yaml.Node | None, problems: Problems) -> tuple[Player, ...]:
    """All players, crowds written out."""
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        problems.add(node, f"players must be a list of players, not {kind_of(node)}")
        return ()
    players: list[Player] = []
    for number, each in enumerate(node.value, start=1):
        room = MOST_PLAYERS - len(players)
        found = _read_entry(each, f"players[{number}]", Values(problems))[: max(0, room)]
        _find_doubles(each, found, players, f"players[{number}]", problems)
        players.extend(found)
        if room <= 0:
            problems.add(each, f"there are more than {MOST_PLAYERS:,} players")
            break
    return tuple(players)


def _find_doubles(
    node: yaml.Node, found: list[Player], before: list[Player], where: str, problems: Problems
) -> None:
    taken = {player.name for player in before} | {player.group for player in before}
    for player in found:
        for name in {player.name, player.group} - {""}:
            if name in taken:
                problems.add(node, f"{where}.name “{name}” is another player's already")


def _read_entry(node: yaml.Node, where: str, values: Values) -> list[Player]:
    """One player, or a crowd of `count` of them."""
    if isinstance(node, yaml.ScalarNode):
        name = _name(node, where, values)
        return [Player(name, name)] if name else []
    fields = Fields(node, where, values.problems)
    at = fields.need("name")
    name = _name(at, f"{where}.name", values) if at is not None else ""
    called = _text(fields, "called", values) or name
    role, line = fields.take("role"), fields.take("line")
    one = Player(
        name,
        called,
        role=values.choice(role, f"{where}.role", ROLES) if role else "voter",
        facilitator=_flag(fields, "facilitator", values),
        proxied=_flag(fields, "proxied", values),
        tabs=_count(fields, "tabs", values, 1, _MOST_TABS),
        line=Line(values.choice(line, f"{where}.line", _LINES) if line else "good"),
    )
    count = _count(fields, "count", values, 0, MOST_PLAYERS)
    per = _count(fields, "per_connection", values, 1, _MOST_ON_A_CONNECTION)
    fields.close()
    return _crowd(one, count, per) if count else [one] if name else []


def _crowd(one: Player, count: int, per: int) -> list[Player]:
    return [
        Player(
            f"{one.name} {number}",
            f"{one.called} {number}",
            one.role,
            one.facilitator,
            one.proxied,
            line=one.line,
            group=one.name,
            connection=f"{one.name}/{(number - 1) // per}" if per > 1 else "",
        )
        for number in range(1, count + 1)
    ]


def _name(node: yaml.Node, where: str, values: Values) -> str:
    name = values.text(node, where)
    if name == EVERYONE or name.startswith((_BUT, "$")) or name == "none":
        values.problems.add(node, f"{where} cannot be “{name}”, which has a meaning of its own")
    return name


def _text(fields: Fields, key: str, values: Values) -> str:
    node = fields.take(key)
    return values.text(node, f"{fields.where}.{key}") if node is not None else ""


def _flag(fields: Fields, key: str, values: Values) -> bool:
    node = fields.take(key)
    return node is not None and values.flag(node, f"{fields.where}.{key}")


def _count(fields: Fields, key: str, values: Values, least: int, most: int) -> int:
    node = fields.take(key)
    if node is None:
        return least
    return values.count(node, f"{fields.where}.{key}", max(1, least), most)
