"""The newest events of a game, as stored, for subscribers that are not far behind."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

# A thousand large stories, edited one by one, must not fill the memory.
_MAX_BYTES: Final = 4 << 20


class TailEvent(NamedTuple):
    """One stored event and what is needed of it without decoding."""

    version: int
    encoded: bytes
    correlation_id: str


class Tail:
    """The last `capacity` events in order, without a hole; fewer where they are large."""

    def __init__(self, capacity: int, max_bytes: int = _MAX_BYTES) -> None:
        self._events: deque[TailEvent] = deque()
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._size = 0

    def append(self, event: TailEvent) -> None:
        """Keep the next event; the newest one is always kept."""
        events = self._events
        events.append(event)
        self._size += len(event.encoded)
        while len(events) > 1 and (len(events) > self._capacity or self._size > self._max_bytes):
            self._size -= len(events.popleft().encoded)

    def __reversed__(self) -> Iterator[TailEvent]:
        """From the newest to the oldest."""
        return reversed(self._events)

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

    def size_after(self, version: int) -> int:
        """Bytes of the events behind `version`, of which all are held."""
        start = version + 1 - self.first_version
        return sum(len(event.encoded) for event in islice(self._events, start, None))

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
