"""Who is there: seats with a live lease. Not in the log. Pure: time is an argument."""

from collections import Counter
from collections.abc import Mapping, Set

import planningpoker.v1 as pb


class Leases:
    """Counts the subscriptions that hold each seat; a blip shorter than the grace is not seen."""

    def __init__(self, grace_ms: int, interval_ms: int) -> None:
        self._grace_ms = grace_ms
        self._interval_ms = interval_ms
        self._holders: Counter[str] = Counter()
        self._leaving: dict[str, int] = {}
        self._connected: set[str] = set()
        self._last_seen: dict[str, int] = {}
        self._unannounced: dict[str, pb.Presence.ValueType] = {}
        self._announce_from_ms = 0

    @property
    def connected(self) -> Set[str]:
        """Seats that count as connected; live, do not keep."""
        return self._connected

    @property
    def last_seen(self) -> Mapping[str, int]:
        """When seats that are not connected were last held, in ms since the epoch."""
        return self._last_seen

    def open(self, player_id: str) -> bool:
        """A subscription holds this seat; True if that makes it connected."""
        self._holders[player_id] += 1
        self._leaving.pop(player_id, None)
        if player_id in self._connected:
            return False
        self._connected.add(player_id)
        self._last_seen.pop(player_id, None)
        self._note(player_id, pb.PRESENCE_CONNECTED)
        return True

    def close(self, player_id: str, now_ms: int) -> None:
        """A subscription holds this seat no longer; after the grace it is disconnected."""
        self._holders[player_id] -= 1
        if self._holders[player_id] <= 0:
            del self._holders[player_id]
            self._leaving[player_id] = now_ms

    def expire(self, now_ms: int) -> bool:
        """Disconnect those whose grace is over; True if there was one."""
        # In the order of leaving: the first is due first.
        expired = False
        for player_id, left_ms in list(self._leaving.items()):
            if now_ms < left_ms + self._grace_ms:
                break
            del self._leaving[player_id]
            self._connected.discard(player_id)
            self._last_seen[player_id] = left_ms
            self._note(player_id, pb.PRESENCE_DISCONNECTED)
            expired = True
        return expired

    def announce(self, now_ms: int) -> Mapping[str, pb.Presence.ValueType]:
        """What changed since the last announcement; nothing before the interval is over."""
        if not self._unannounced or now_ms < self._announce_from_ms:
            return {}
        changes, self._unannounced = self._unannounced, {}
        self._announce_from_ms = now_ms + self._interval_ms
        return changes

    def timer(self) -> int | None:
        """When `expire` or `announce` has something to do, in ms; None: never."""
        due = [self._announce_from_ms] if self._unannounced else []
        if self._leaving:
            due.append(next(iter(self._leaving.values())) + self._grace_ms)
        return min(due, default=None)

    def _note(self, player_id: str, presence: pb.Presence.ValueType) -> None:
        self._unannounced[player_id] = presence
