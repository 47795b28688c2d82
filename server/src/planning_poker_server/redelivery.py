"""When what was sent and not acknowledged is sent again, and when that is given up. Pure."""

from enum import Enum, auto
from typing import Final

# How soon to look again where nothing could be sent: the peer is silent, or
# what was sent before has not left yet.
_LOOK_AGAIN_MS: Final = 1_000


class Step(Enum):
    """What is to be done when the time is up."""

    WAIT = auto()
    RESEND = auto()
    SNAPSHOT = auto()
    GIVE_UP = auto()


def ladder_ms(first_ms: int, redeliveries: int) -> int:
    """From the first sending to giving up, in ms: 5 + 10 + 20 + 20 (snapshot) + 20 s by default."""
    waits = [_wait_ms(first_ms, redeliveries, attempt) for attempt in range(1, redeliveries + 3)]
    return sum(waits)


def _wait_ms(first_ms: int, redeliveries: int, attempt: int) -> int:
    return first_ms << max(0, min(attempt, redeliveries) - 1)


class Ladder:
    """One timer for the oldest thing that is not acknowledged, reset by any progress."""

    __slots__ = ("_first_ms", "_give_up_ms", "_redeliveries", "_whole_ms", "attempt", "due_ms")

    def __init__(self, first_ms: int, redeliveries: int) -> None:
        self._first_ms = first_ms
        self._redeliveries = redeliveries
        self._whole_ms = ladder_ms(first_ms, redeliveries)
        self._give_up_ms = 0
        self.attempt = 1
        """How often the oldest thing was sent."""
        self.due_ms: int | None = None
        """When `step` is to be called, and not long after; None: all is acknowledged."""

    def sent(self, now_ms: int) -> None:
        """Something went out that is to be acknowledged."""
        if self.due_ms is None:
            self._begin(now_ms)

    def progressed(self, now_ms: int, *, complete: bool) -> None:
        """Something was acknowledged: the peer works. `complete`: it was all there was."""
        if complete:
            self.attempt, self.due_ms = 1, None
        else:
            self._begin(now_ms)

    def _begin(self, now_ms: int) -> None:
        self.attempt = 1
        self.due_ms = now_ms + self._first_ms
        self._give_up_ms = now_ms + self._whole_ms

    def step(self, now_ms: int, *, may_send: bool) -> Step:
        """The time is up: what to do now.

        A peer that shows no life is not sent anything more, but its time runs;
        not, however, while this process slept: what it was told may be waiting.
        """
        if self.due_ms is not None:
            self._give_up_ms += max(0, now_ms - self.due_ms)
        if now_ms >= self._give_up_ms:
            self.due_ms = None
            return Step.GIVE_UP
        if not may_send:
            self.due_ms = min(now_ms + _LOOK_AGAIN_MS, self._give_up_ms)
            return Step.WAIT
        self.attempt += 1
        wait_ms = _wait_ms(self._first_ms, self._redeliveries, self.attempt)
        last = self.attempt >= self._redeliveries + 2
        self.due_ms = self._give_up_ms if last else min(now_ms + wait_ms, self._give_up_ms)
        return Step.SNAPSHOT if last else Step.RESEND
