"""Single values of a scenario's file: what is written, and what it means. Pure."""

import re
from collections.abc import Mapping
from typing import Final

import yaml

from planning_poker_simulator.scenarios.nodes import Problems, hint, is_nothing, kind_of, oneof

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|min|m|h|d)")
_WORD: Final = re.compile(r"\$([a-z]+)")
LONGEST_MS: Final = 366 * 86_400_000
"""No delay or time of a scenario is longer."""
MOST: Final = 100_000
"""No count of a scenario is higher."""


class Values:
    """Reads values, and says what is wrong with them; then it gives something harmless."""

    def __init__(self, problems: Problems, words: Mapping[str, str] | None = None) -> None:
        """`words` are put in: what `$player` stands for, by name."""
        self.problems = problems
        self._words = words or {}

    def put_in(self, text: str) -> str:
        """The text with what its `$words` stand for."""
        return _WORD.sub(lambda found: self._words.get(found[1], found[0]), text)

    def text(self, node: yaml.Node, where: str, *, empty: bool = False) -> str:
        """Any scalar, as it is written: 5 and "5" are the same card."""
        if isinstance(node, yaml.ScalarNode) and (empty or not is_nothing(node)):
            return "" if is_nothing(node) else self.put_in(node.value)
        self.problems.add(node, f"{where} must be a text, not {kind_of(node)}")
        return ""

    def choice(self, node: yaml.Node, where: str, known: tuple[str, ...]) -> str:
        """One of a few words."""
        text = self.text(node, where)
        if text and text not in known:
            listed = oneof(known) if len(known) <= 12 else "a known one"
            self.problems.add(node, f"{where} must be {listed}, not “{text}”{hint(text, known)}")
        return text if text in known else known[0]

    def flag(self, node: yaml.Node, where: str) -> bool:
        """Yes or no."""
        word = self.text(node, where).lower()
        if word and word not in ("yes", "no", "true", "false"):
            self.problems.add(node, f"{where} must be yes or no, not “{word}”")
        return word in ("yes", "true")

    def count(self, node: yaml.Node, where: str, least: int = 0, most: int = MOST) -> int:
        """A whole number."""
        text = self.text(node, where)
        if text.isascii() and text.isdigit() and least <= int(text[:12]) <= most:
            return int(text)
        if text:
            what = f"must be a whole number from {least:,} to {most:,}, not “{text}”"
            self.problems.add(node, f"{where} {what}")
        return least

    def time(self, node: yaml.Node, where: str) -> int:
        """Milliseconds: "200ms", "1.5s", "5m", "2h" or "1d"."""
        text = self.text(node, where)
        found = _TIME.fullmatch(text)
        if found is None:
            if text:
                what = "must be a time such as 200ms, 1.5s, 5m, 2h or 1d"
                self.problems.add(node, f"{where} {what}, not “{text}”")
            return 0
        milliseconds = round(float(found[1]) * _UNITS[found[2]])
        if milliseconds > LONGEST_MS:
            self.problems.add(node, f"{where} is longer than a year: {text}")
            return 0
        return milliseconds

    def items(self, node: yaml.Node, where: str) -> list[yaml.Node]:
        """A list, or what stands alone as a list of one."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if isinstance(node, yaml.MappingNode) or is_nothing(node):
            self.problems.add(node, f"{where} must be a list, not {kind_of(node)}")
            return []
        return [node]

    def texts(self, node: yaml.Node, where: str) -> tuple[str, ...]:
        """Texts, in order."""
        return tuple(self.text(each, where) for each in self.items(node, where))
