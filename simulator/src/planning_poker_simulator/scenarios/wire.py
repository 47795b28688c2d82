"""Whether a card went over a line before it was turned.

Each vote carries a mark in its comment, which is sealed with the card until the
reveal; what comes from the server is searched for marks. Bytes of a frame's head
may split one, so that finding none proves little for one vote, and much for many.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

_MARK: Final = re.compile(rb"mark-([0-9a-f]{12})")
_LONGEST: Final = 17


class Leak(NamedTuple):
    """Somebody was sent another player's card too early."""

    line: str
    owner: str


class Ear:
    """Listens to all that a server sends over one line."""

    def __init__(self, line: str, now_ms: Callable[[], int | None]) -> None:
        self.line = line
        self.heard: dict[str, int | None] = {}
        """Marks, each with the server's time when it was heard first."""
        self._now_ms = now_ms
        self._end = b""

    def __call__(self, data: bytes) -> None:
        """More was sent."""
        text = self._end + data
        for found in _MARK.finditer(text):
            self.heard.setdefault(found[1].decode(), self._now_ms())
        self._end = text[-_LONGEST + 1 :]


def mark_of(number: int) -> str:
    """The comment of the scenario's vote with this number."""
    return f"mark-{number:012x}"


def leaks(
    ears: Iterable[Ear],
    owners: Mapping[str, tuple[str, str]],
    revealed_ms: Mapping[str, int],
) -> list[Leak]:
    """The marks that were heard on other lines than their owner's, and too early.

    `owners` are line and player by mark; `revealed_ms` when each was turned.
    """
    return [
        Leak(ear.line, owners[mark][1])
        for ear in ears
        for mark, heard_ms in ear.heard.items()
        if mark in owners
        and owners[mark][0] != ear.line
        and _too_early(heard_ms, revealed_ms.get(mark))
    ]


def _too_early(heard_ms: int | None, revealed_ms: int | None) -> bool:
    if revealed_ms is None:
        return True
    return heard_ms is not None and heard_ms < revealed_ms
