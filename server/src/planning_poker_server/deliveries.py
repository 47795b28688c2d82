"""Who has applied the critical events of one game: reports, interim and final. Pure."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import planningpoker.v1 as pb
from planning_poker_model.view import CRITICAL_EVENTS


class Critical(NamedTuple):
    """A critical event, and the seat whose command caused it; empty where none did."""

    version: int
    correlation_id: str
    caused_by: str


class Report(NamedTuple):
    """What is to be told about one critical event."""

    event: Critical
    message: pb.DeliveryReport


@dataclass(slots=True)
class _Tracked:
    event: Critical
    interim_ms: int
    """0: it was given."""
    end_ms: int
    hold_ms: int
    """Until then nobody counts as absent, since everybody is only coming back; 0: no longer."""
    waiting: set[str]
    acknowledged: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    def sort(self, connected: Set[str]) -> None:
        """Tell those who are waited for from those who are not there."""
        unacknowledged = self.waiting | self.absent
        self.waiting = unacknowledged & connected
        self.absent = unacknowledged - connected

    def timer(self) -> int:
        return min(time for time in (self.interim_ms, self.end_ms, self.hold_ms) if time)


class Deliveries:
    """The reports on one game, at most `limit` of them open at a time."""

    def __init__(self, game_id: str, interim_ms: int, end_ms: int, limit: int) -> None:
        self._game_id = game_id
        self._interim_ms = interim_ms
        self._end_ms = end_ms
        self._limit = limit
        self._open: dict[int, _Tracked] = {}
        self._last: Report | None = None
        self._changed = False

    @property
    def open(self) -> bool:
        """Whether a report is still to come."""
        return bool(self._open)

    @property
    def last(self) -> Report | None:
        """That on the newest event, as it stands; None where there was no such event."""
        newest = next(reversed(self._open.values()), None)
        return self._last if newest is None else self._report(newest, final=False)

    def awaited(self, acknowledged: int) -> int:
        """The first version above `acknowledged` that is reported on; 0: there is none."""
        return min((version for version in self._open if version > acknowledged), default=0)

    def begin(
        self, event: Critical, seats: Iterable[str], now_ms: int, hold_ms: int = 0
    ) -> Sequence[Report]:
        """Report on an event to `seats`; final reports on older ones that had to make room.

        Until `hold_ms` nobody counts as absent.
        """
        ended: list[Report] = []
        while len(self._open) >= self._limit:
            ended.append(self._end(next(iter(self._open.values()))))
        interim_ms, end_ms = now_ms + self._interim_ms, now_ms + self._end_ms
        self._open[event.version] = _Tracked(event, interim_ms, end_ms, hold_ms, set(seats))
        self._changed = True
        return ended

    def acknowledge(self, player_ids: Iterable[str], version: int) -> bool:
        """These seats have everything up to `version`; True if `due` has something to say."""
        player_ids = tuple(player_ids)
        for tracked in self._open.values():
            if tracked.event.version > version:
                continue
            for player_id in player_ids:
                if player_id in tracked.waiting or player_id in tracked.absent:
                    tracked.waiting.discard(player_id)
                    tracked.absent.discard(player_id)
                    tracked.acknowledged.add(player_id)
            self._changed |= not tracked.waiting
        return self._changed

    def presence_changed(self) -> None:
        """Somebody came or went."""
        self._changed = bool(self._open)

    def due(self, connected: Set[str], now_ms: int) -> Sequence[Report]:
        """The reports to give now: final where nobody is waited for, or for no longer."""
        timer = self.timer()
        if timer is None or now_ms < timer:
            return []
        self._changed = False
        reports = (self._due(tracked, connected, now_ms) for tracked in [*self._open.values()])
        return [report for report in reports if report is not None]

    def _due(self, tracked: _Tracked, connected: Set[str], now_ms: int) -> Report | None:
        if now_ms >= tracked.hold_ms:
            tracked.hold_ms = 0
            tracked.sort(connected)
        if not tracked.waiting or now_ms >= tracked.end_ms:
            return self._end(tracked)
        if 0 < tracked.interim_ms <= now_ms:
            tracked.interim_ms = 0
            return self._report(tracked, final=False)
        return None

    def timer(self) -> int | None:
        """When `due` may have something to say, in ms; None: never."""
        if self._changed and self._open:
            return 0
        return min((tracked.timer() for tracked in self._open.values()), default=None)

    def _end(self, tracked: _Tracked) -> Report:
        del self._open[tracked.event.version]
        self._last = self._report(tracked, final=True)
        return self._last

    def _report(self, tracked: _Tracked, *, final: bool) -> Report:
        message = pb.DeliveryReport(
            game_id=self._game_id,
            version=tracked.event.version,
            acknowledged_player_ids=sorted(tracked.acknowledged),
            pending_player_ids=sorted(tracked.waiting),
            absent_player_ids=sorted(tracked.absent),
            final=final,
        )
        return Report(tracked.event, message)


def critical(events: Iterable[pb.GameEvent]) -> Sequence[Critical]:
    """The critical ones of a run of events, with whose command caused each.

    What follows by itself has no actor of its own, but the correlation id of
    the command that it follows from.
    """
    found: list[Critical] = []
    actors: dict[str, str] = {}
    for event in events:
        actor = event.actor_id or actors.get(event.correlation_id, "")
        actors[event.correlation_id] = actor
        if (event.WhichOneof("event") or "") in CRITICAL_EVENTS:
            found.append(Critical(event.version, event.correlation_id, actor))
    return found
