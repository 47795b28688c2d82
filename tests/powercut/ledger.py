"""What a log has promised, held against what it says after a cut."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import (
    FOREVER_MS,
    Commit,
    Conflict,
    EventLog,
    GameRow,
    LogUnavailable,
    Proposal,
    Record,
    Summary,
)
from tests.contract.eventlog.games import read, scan
from tests.powercut.disk import Disk

_ALL = 1_000_000
Outcome: TypeAlias = Commit | Conflict | bool | LogUnavailable


class BrokenPromise(AssertionError):
    """The log lost, doubled or made up something."""


@dataclass
class Kept:
    """One game as the log has it, and what it may have instead."""

    game_id: str
    records: list[Record] = field(default_factory=list)
    timers: Sequence[Timer] = ()
    summary: Summary | None = None
    asked: Proposal | None = None
    """Neither acknowledged nor certain not to be there."""
    is_going: bool = False
    """A purge was asked for, and its outcome is not known."""
    is_gone: bool = False
    """A purge was reported done, or found done."""
    is_swept: bool = False
    """So was a sweep after it: nothing of the game may be in any file."""

    @property
    def head(self) -> int:
        return len(self.records)

    @property
    def mark(self) -> bytes:
        """Part of all that is stored of it, and of nothing else."""
        return f"<of {self.game_id}>".encode()

    def append(self, proposal: Proposal) -> None:
        self.records += proposal.records
        self.timers = proposal.timers
        self.summary = proposal.summary
        self.asked = None


class Ledger:
    """All that was asked of one log."""

    def __init__(self) -> None:
        self.games: dict[str, Kept] = {}
        self.acknowledged = 0
        self.purged = 0
        self.swept = 0
        self.half_swept = 0
        """Sweeps that failed in the middle, with something to do."""
        self.kept_unacknowledged = 0
        """Appends that nobody was told of, and that were there."""
        self.dropped = 0
        """Appends that nobody was told of, and that were not there."""
        self._epoch = ""
        self._cursors: dict[tuple[str, int], str] = {}

    def playable(self) -> list[Kept]:
        """Games that are there for certain."""
        return [k for k in self.games.values() if k.head and not k.is_gone and not k.is_going]

    def appended(self, proposal: Proposal, outcome: Outcome) -> None:
        """Note what became of an append."""
        kept = self.games.setdefault(proposal.game_id, Kept(proposal.game_id))
        if isinstance(outcome, Commit):
            kept.append(proposal)
            self.acknowledged += 1
        elif isinstance(outcome, LogUnavailable):
            kept.asked = None if outcome.definite else proposal
        elif proposal.expected_head == kept.head:
            raise BrokenPromise(f"{proposal.game_id}: a conflict that is none: {outcome}")

    def purging(self, game_id: str, outcome: Outcome) -> None:
        """Note what became of a purge."""
        kept = self.games[game_id]
        if outcome is True:
            kept.is_gone = True
            self.purged += 1
        elif isinstance(outcome, LogUnavailable):
            kept.is_going = True
        else:
            raise BrokenPromise(f"{game_id} was there and could not be purged: {outcome}")

    def sweeping(self, outcome: Outcome) -> None:
        """Note what became of a sweep."""
        if outcome is True:
            self.swept += 1
            self._is_swept()
        elif isinstance(outcome, LogUnavailable):
            self.half_swept += any(k.is_gone and not k.is_swept for k in self.games.values())
        else:
            raise BrokenPromise(f"the log is not swept: {outcome}")

    def _is_swept(self) -> None:
        for kept in self.games.values():
            kept.is_swept = kept.is_swept or kept.is_gone

    async def check(self, log: EventLog, disk: Disk) -> None:
        """Raise BrokenPromise unless a log that was just opened has all that it must, and no more.

        What was in doubt is not any more afterwards, and what a purge left is swept.
        """
        _hold(self._epoch in ("", log.epoch), "the log is another one")
        self._epoch = log.epoch
        timers = await log.due(FOREVER_MS, _ALL)
        listed = {row.game_id: row for row in await log.games(limit=_ALL)}
        stored = await asyncio.gather(*(read(log, game_id) for game_id in self.games))
        for (game_id, kept), found in zip(self.games.items(), stored, strict=True):
            self._resolve(kept, found)
            _hold(found == kept.records, f"{game_id} is not what was appended")
            _hold(
                {timer for each, timer in timers if each == game_id} == set(kept.timers),
                f"{game_id} has other timers",
            )
            _hold(listed.pop(game_id, None) == _row(kept), f"{game_id} is listed otherwise")
        _hold(not listed, f"games that nobody asked for: {list(listed)}")
        await self._check_feed(log)
        # Opening sweeps what was purged before.
        self._is_swept()
        self.check_traces(disk)

    def check_traces(self, disk: Disk) -> None:
        """Raise BrokenPromise if a file has something of a game that was swept."""
        for kept in self.games.values():
            if kept.is_swept:
                _hold(not disk.holds(kept.mark), f"{kept.game_id} was purged, and left a trace")

    def _resolve(self, kept: Kept, found: Sequence[Record]) -> None:
        """Take what may have happened for what has happened, where it has."""
        if kept.is_going and not found:
            kept.records, kept.timers, kept.summary = [], (), None
            kept.is_going, kept.is_gone = False, True
        elif kept.is_gone:
            kept.records, kept.timers, kept.summary = [], (), None
        elif kept.asked and len(found) == kept.head + len(kept.asked.records):
            kept.append(kept.asked)
            self.kept_unacknowledged += 1
        elif kept.asked:
            self.dropped += 1
        kept.asked = None
        _hold(len(found) >= kept.head, f"{kept.game_id} lost {kept.head - len(found)} records")
        _hold(len(found) <= kept.head, f"{kept.game_id} has records that nobody asked for")

    async def _check_feed(self, log: EventLog) -> None:
        feed = await scan(log)
        cursors = {(each.game_id, each.version): each.cursor for each in feed}
        wanted = {(k.game_id, r.version) for k in self.games.values() for r in k.records}
        _hold(len(feed) == len(wanted) and cursors.keys() == wanted, "the feed is not the games")
        for place, cursor in self._cursors.items():
            _hold(cursors.get(place, cursor) == cursor, f"{place} has moved in the feed")
        self._cursors = cursors


def _row(kept: Kept) -> GameRow | None:
    if kept.summary is None:
        return None
    return GameRow(kept.game_id, kept.head, kept.summary)


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenPromise(otherwise)
