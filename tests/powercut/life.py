"""A log that is used at random and loses its power again and again."""

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import (
    EventLog,
    LogUnavailable,
    Proposal,
    Record,
    Summary,
)
from planning_poker_server.settings import DatabaseSettings
from tests.powercut.disk import Disk
from tests.powercut.driver import connections_through
from tests.powercut.ledger import BrokenPromise, Kept, Ledger, Outcome
from tests.powercut.vfs import DiskVfs

_MOST_TURNS: Final = 40
_MOST_AT_ONCE: Final = 12
_MOST_RECORDS: Final = 4
_OPERATIONS: Final = (12, 60, 400)
"""How long it may go on before the power fails; one is drawn each time."""
_OPENING: Final = 45
"""Operations that a first opening takes, about."""
_CHECKPOINT_PAGES: Final = (8, 40, 1_000)
"""After how many pages SQLite makes a checkpoint by itself; the last is its own default."""


class Life:
    """One log in `folder`, all of it drawn from one seed."""

    def __init__(self, folder: Path, seed: int, rewritten: Mapping[str, str]) -> None:
        self.disk = Disk(Random(f"disk {seed}"))
        self.ledger = Ledger()
        self.kills = 0
        """Ends of the program alone, without a cut."""
        self.in_opening = 0
        """Ends while the log was being opened."""
        self._random = Random(f"life {seed}")
        self._vfs = f"powercut-{seed}"
        self._rewritten = rewritten
        url = f"sqlite:///{folder / f'log-{seed}.db'}"
        self._settings = DatabaseSettings(url, busy_timeout_ms=5_000, max_batch=8, max_waiting=100)
        self._made = 0

    async def live(self, cuts: int) -> None:
        """Go on until the power was cut so often, and hold the log to its word after each cut."""
        pages = self._random.choice(_CHECKPOINT_PAGES)
        vfs = DiskVfs(self.disk, self._vfs)
        try:
            with connections_through(
                self._vfs, self._rewritten, f"PRAGMA wal_autocheckpoint = {pages}"
            ):
                while self.disk.cuts < cuts:
                    await self._until_it_ends()
                    self._come_back()
                await self._check_at_last()
        finally:
            vfs.unregister()

    async def _until_it_ends(self) -> None:
        if self._random.random() < 0.4:
            self.disk.fail_at(self._random.randint(1, _OPENING))
        log = await self._opened()
        if log is None:
            return
        try:
            await self.ledger.check(log, self.disk)
            self.disk.fail_at(self._random.randint(1, self._random.choice(_OPERATIONS)))
            for _ in range(self._random.randint(1, _MOST_TURNS)):
                await self._turn(log)
                if self.disk.is_off:
                    break
        except LogUnavailable as error:
            self._must_be_off(error)
        finally:
            await log.close()

    async def _opened(self) -> EventLog | None:
        """The log, unless the power failed meanwhile."""
        try:
            return await open_log(self._settings)
        except LogUnavailable as error:
            self._must_be_off(error)
        self.in_opening += 1
        return None

    def _must_be_off(self, error: LogUnavailable) -> None:
        if not self.disk.is_off:
            raise BrokenPromise("the log cannot be used") from error

    def _come_back(self) -> None:
        self.disk.cut()
        if self._random.random() < 0.25:
            self.kills += 1
            self.disk.restart()
        else:
            self.disk.power_on()

    async def _check_at_last(self) -> None:
        log = await open_log(self._settings)
        await self.ledger.check(log, self.disk)
        await log.close()

    async def _turn(self, log: EventLog) -> None:
        """Ask for some things at once."""
        chance = self._random.random()
        if chance < 0.1 and (there := self.ledger.playable()):
            going = self._random.sample(there, min(len(there), self._random.randint(1, 3)))
            outcomes = await _outcomes(log.purge(kept.game_id, 7_000) for kept in going)
            for kept, outcome in zip(going, outcomes, strict=True):
                self.ledger.purging(kept.game_id, outcome)
        else:
            wanted = self._proposals()
            outcomes = await _outcomes(log.append(proposal) for proposal in wanted)
            for proposal, outcome in zip(wanted, outcomes, strict=True):
                self.ledger.appended(proposal, outcome)

    def _proposals(self) -> list[Proposal]:
        count = self._random.choice([1, 1, self._random.randint(1, _MOST_AT_ONCE)])
        there = [kept for kept in self.ledger.playable() if kept.asked is None]
        known = self._random.sample(there, min(len(there), self._random.randint(0, count)))
        new = [Kept(self._new_id()) for _ in range(count - len(known))]
        return [self._proposal(kept) for kept in (*known, *new)]

    def _new_id(self) -> str:
        self._made += 1
        return f"g{self._made}"

    def _proposal(self, kept: Kept) -> Proposal:
        first = kept.head + 1
        records = [
            Record(version, self._bytes(kept, 900), self._bytes(kept, 90))
            for version in range(first, first + self._random.randint(1, _MOST_RECORDS))
        ]
        timers = [
            Timer(kind, f"r{first}", records[-1].version, self._random.randint(1, 9_999))
            for kind in self._random.sample(["deadline", "settle", "leave"], self._random.randint(0, 3))
        ]
        head = kept.head
        if kept.summary and self._random.random() < 0.05:
            head -= 1  # what somebody decided who did not know the last event: a conflict
            records = [Record(each.version - 1, each.event, each.sealed) for each in records]
        made = kept.summary or Summary(f"code-{kept.game_id}", "", 0, 1_000 + self._made, 0)
        summary = made._replace(
            display_name=f"Sprint {first}", phase=1 + first % 4, update_ms=2_000 + first
        )
        return Proposal(kept.game_id, head, records, timers, summary)

    def _bytes(self, kept: Kept, most: int) -> bytes:
        return kept.mark + self._random.randbytes(self._random.randint(1, most)) + kept.mark


async def _outcomes(asked: Any) -> list[Outcome]:
    async def outcome(asking: Awaitable[Any]) -> Outcome:
        try:
            found: Outcome = await asking
        except LogUnavailable as error:
            return error
        return found

    return await asyncio.gather(*map(outcome, asked))
