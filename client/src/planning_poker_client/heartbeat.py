"""Whether the server is still there: a ping in quiet times, and silence after two of them. Pure."""

from typing import Final

_MISSED: Final = 2


class Heartbeat:
    """Knows when the server was heard last. Without an interval it is never asked."""

    def __init__(self) -> None:
        self._interval = 0.0
        self._heard_at = 0.0
        self._pings = 0

    def begin(self, interval: float) -> None:
        """From now on a ping is due after `interval` seconds of quiet."""
        self._interval = interval

    def heard(self, now: float) -> None:
        """Something came."""
        self._heard_at = now
        self._pings = 0

    def take_ping(self, now: float) -> bool:
        """Whether a ping is due; it is said once."""
        due = self.ping_at()
        if due is None or now < due:
            return False
        self._pings += 1
        return True

    def ping_at(self) -> float | None:
        """When the next ping is due."""
        return self._heard_at + self._interval * (self._pings + 1) if self._interval else None

    def silent_at(self) -> float | None:
        """When the server counts as gone."""
        return self._heard_at + self._interval * (_MISSED + 1) if self._interval else None

    def end(self) -> None:
        """There is no stream."""
        self._interval = 0.0
