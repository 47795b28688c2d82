"""YAML as nodes that know their lines, and a list of all that is wrong with them. Pure."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple, Protocol

import yaml

_DEEPEST: Final = 50
"""Lists and keys inside each other."""
_PROBLEMS: Final = 100
"""More of them are not told."""


class _Mark(Protocol):
    """A place in a file, as either of the library's two parsers gives it."""

    line: int


class Problem(NamedTuple):
    """What is wrong on a line of a file."""

    line: int
    """From 1."""
    what: str
    """A sentence without its full stop: "players[2].role must be …"."""


class Problems:
    """All that is wrong with a file, found in one reading."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def add(self, node: yaml.Node, what: str) -> None:
        """Note a problem; the same one once."""
        if len(self._found) < _PROBLEMS:
            self._found[Problem(line_of(node), what)] = None

    @property
    def found(self) -> tuple[Problem, ...]:
        """In the order of the file."""
        return tuple(sorted(self._found, key=lambda each: each.line))


class BadYaml(Exception):
    """Not YAML, or of a kind that scenarios do without."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def compose(text: str) -> yaml.Node:
    """The file's one document. Raises BadYaml."""
    try:
        _check_events(text)
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join((error.problem or error.context or "this").split())
        raise BadYaml(Problem(mark.line + 1 if mark else 1, f"this is not YAML: {what}")) from None
    except yaml.YAMLError as error:
        raise BadYaml(Problem(1, f"this is not YAML: {' '.join(str(error).split())}")) from None
    if node is None:
        raise BadYaml(Problem(1, "the file is empty"))
    return node


def _check_events(text: str) -> None:
    """Raise BadYaml for what would make much of little: aliases, and depths without end."""
    depth = 0
    for each in yaml.parse(text, yaml.SafeLoader):
        if isinstance(each, yaml.AliasEvent):
            what = "aliases (*name) are not for scenarios: repeat the text"
            raise BadYaml(Problem(_line(each.start_mark), what))
        depth += isinstance(each, yaml.CollectionStartEvent)
        depth -= isinstance(each, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise BadYaml(Problem(_line(each.start_mark), "this is nested too deeply"))


def line_of(node: yaml.Node) -> int:
    """Counted from 1."""
    return _line(node.start_mark)


def _line(mark: _Mark | None) -> int:
    return mark.line + 1 if mark is not None else 1


def is_nothing(node: yaml.Node) -> bool:
    """Whether nothing stands there: `reveal:`."""
    return (
        isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("", "~", "null")
    )


def kind_of(node: yaml.Node) -> str:
    """For a person."""
    if isinstance(node, yaml.MappingNode):
        return "keys with values"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "nothing" if is_nothing(node) else f"“{node.value}”"


def pairs(
    node: yaml.MappingNode, where: str, problems: Problems
) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Keys and values; a key that is there twice, or no text, is a problem."""
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.add(key, f"a key of {where} must be a word, not {kind_of(key)}")
        elif key.value in seen:
            problems.add(key, f"{where} has “{key.value}” twice")
        else:
            seen.add(key.value)
            yield key, value


def oneof(names: Mapping[str, object] | tuple[str, ...]) -> str:
    """As in “a, b or c”."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def hint(wrong: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """A question, if something known looks like it: " (did you mean “vote”?)"."""
    close = get_close_matches(wrong, tuple(known), n=1)
    return f" (did you mean “{close[0]}”?)" if close else ""


class Fields:
    """A mapping whose keys are taken one by one; what is left over is unknown."""

    def __init__(self, node: yaml.Node, where: str, problems: Problems) -> None:
        self.node = node
        self.where = where
        self._problems = problems
        self._known: list[str] = []
        self._left: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        if isinstance(node, yaml.MappingNode):
            found = pairs(node, where, problems)
            self._left = {key.value: (key, value) for key, value in found}
        else:
            problems.add(node, f"{where} must be keys with values, not {kind_of(node)}")

    def left(self) -> tuple[str, ...]:
        """Those not taken yet, in the order of the file."""
        return tuple(self._left)

    def line(self, key: str) -> yaml.Node:
        """The key itself, for its line."""
        return self._left[key][0]

    def take(self, key: str) -> yaml.Node | None:
        """The value; None where there is no such key."""
        self._known.append(key)
        found = self._left.pop(key, None)
        return found[1] if found is not None else None

    def need(self, key: str) -> yaml.Node | None:
        """Like `take`; that there is no such key is a problem."""
        is_mapping = isinstance(self.node, yaml.MappingNode)
        value = self.take(key)
        if value is None and is_mapping:
            self._problems.add(self.node, f"{self.where} needs “{key}”")
        return value

    def close(self) -> None:
        """What was not taken is a problem."""
        known = tuple(self._known)
        for key, (node, _) in self._left.items():
            known_as = f"{self.where} has no “{key}”{hint(key, known)}"
            self._problems.add(node, f"{known_as}; it takes {oneof(known)}")
