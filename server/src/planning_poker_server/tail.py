"""The newest events of a game, as stored, for subscribers that are not far behind."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple


class TailEvent(NamedTuple):
    """One stored event and what is needed of it without decoding."""

    version: int
    encoded: bytes
    correlation_id: str


class Tail:
    """The last `capacity` events in order, without a hole."""

    def __init__(self, capacity: int) -> None:
        self._events: deque[TailEvent] = deque(maxlen=capacity)

    def append(self, event: TailEvent) -> None:
        self._events.append(event)

    @property
    def first_version(self) -> int:
        """Version of the oldest event held; 0 when there is none."""
        return self._events[0].version if self._events else 0

    def holds(self, version: int) -> bool:
        """Whether the event of this version is still here."""
        return bool(self._events) and self.first_version <= version <= self._events[-1].version

    def at(self, version: int) -> TailEvent:
        """The event of a version that is held."""
        return self._events[version - self.first_version]

    def after(self, version: int, max_events: int, max_bytes: int) -> Sequence[TailEvent]:
        """Events behind `version` up to both limits, at least one if there is any."""
        waiting = len(self._events) - (version + 1 - self.first_version)
        count = min(max_events, waiting)
        if count == 1:
            # The common case, a live subscriber: deques index fast from the end.
            return (self._events[-waiting],)
        start = version + 1 - self.first_version
        taken: list[TailEvent] = []
        size = 0
        for event in islice(self._events, start, start + count):
            size += len(event.encoded)
            if taken and size > max_bytes:
                break
            taken.append(event)
        return taken
