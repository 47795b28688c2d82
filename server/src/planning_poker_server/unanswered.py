"""The commands of one stream that wait for their answers. Pure."""

from collections.abc import Iterator
from typing import NamedTuple


class Waiting(NamedTuple):
    """One of them."""

    correlation_id: str
    """As it was sent, which need not be its canonical form."""
    game: str
    attach: bool
    deadline_ms: int


class Unanswered:
    """By serial number, in the order of asking; all have the same time-out."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, waiting: Waiting) -> int:
        """The number under which its answer will come."""
        self._serial += 1
        self._waiting[self._serial] = waiting
        return self._serial

    def find(self, serial: int) -> Waiting | None:
        return self._waiting.get(serial)

    def pop(self, serial: int) -> Waiting | None:
        """It is answered; None if it was before."""
        return self._waiting.pop(serial, None)

    def of_game(self, game: str) -> int:
        """How many are about this game."""
        return sum(waiting.game == game for waiting in self._waiting.values())

    @property
    def attaching(self) -> int:
        """How many will make the stream follow a game."""
        return sum(waiting.attach for waiting in self._waiting.values())

    def timer(self) -> int | None:
        """When the first one took too long."""
        first = next(iter(self._waiting.values()), None)
        return first.deadline_ms if first is not None else None

    def overdue(self, now_ms: int) -> Iterator[tuple[int, Waiting]]:
        """Those that took too long."""
        for serial, waiting in list(self._waiting.items()):
            if waiting.deadline_ms > now_ms:
                return
            yield serial, waiting
