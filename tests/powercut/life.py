"""A log that is used at random and loses its power again and again."""

import asyncio
from collections.abc import Awaitable, Sequence
from random import Random
from typing import Any, Final

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import (
    EventLog,
    LogUnavailable,
    Proposal,
    Record,
    Summary,
)
from tests.powercut.ledger import BrokenPromise, Kept, Ledger, Outcome
from tests.powercut.machine import Machine

_MOST_TURNS: Final = 40
_MOST_AT_ONCE: Final = 12
_MOST_RECORDS: Final = 4
_OPERATIONS: Final = (3, 12, 60, 400)
"""How long it may go on before the power fails; one is drawn each time."""
_OPENINGS: Final = (45, 150)
"""Operations that a first opening takes, about, and one that has much to sweep."""


class Life:
    """A log that is used at random, all of it drawn from one seed."""

    def __init__(self, machine: Machine, seed: object) -> None:
        self.disk = machine.disk
        self.ledger = Ledger()
        self.kills = 0
        """Ends of the program alone, without a cut."""
        self.in_opening = 0
        """Ends while the log was being opened."""
        self._machine = machine
        self._random = Random(f"life {seed}")  # noqa: S311
        self._made = 0

    async def live(self, cuts: int) -> None:
        """Go on until the power was cut so often, and hold the log to its word each time."""
        while self.disk.cuts < cuts:
            await self._until_it_ends()
            self._come_back()
        log = await self._machine.open()
        await self.ledger.check(log, self.disk)
        await log.close()

    async def _until_it_ends(self) -> None:
        if self._random.random() < 0.4:
            self.disk.fail_at(self._random.randint(1, self._random.choice(_OPENINGS)))
        log = await self._opened()
        if log is None:
            return
        try:
            await self.ledger.check(log, self.disk)
            self.disk.fail_at(self._random.randint(1, self._random.choice(_OPERATIONS)))
            for _ in range(self._random.randint(1, _MOST_TURNS)):
                await self._turn(log)
                if self._random.random() < 0.1:
                    self.disk.cut()
                if self.disk.is_off:
                    break
        except LogUnavailable as error:
            self._must_be_off(error)
        finally:
            await log.close()

    async def _opened(self) -> EventLog | None:
        """The log, unless the power failed meanwhile."""
        try:
            return await self._machine.open()
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

    async def _turn(self, log: EventLog) -> None:
        """Ask for some things at once."""
        chance = self._random.random()
        if chance < 0.12 and (there := self.ledger.playable()):
            going = self._random.sample(there, min(len(there), self._random.randint(1, 3)))
            outcomes = await _outcomes(log.purge(kept.game_id, 7_000) for kept in going)
            for kept, outcome in zip(going, outcomes, strict=True):
                self.ledger.purging(kept.game_id, outcome)
        elif chance < 0.25:
            # As when a purge is answered, with appends beside it.
            wanted = self._proposals()
            swept, *outcomes = await _outcomes([log.sweep(), *map(log.append, wanted)])
            self.ledger.sweeping(swept)
            self._appended(wanted, outcomes)
            self.ledger.check_traces(self.disk)
        else:
            wanted = self._proposals()
            self._appended(wanted, await _outcomes(log.append(proposal) for proposal in wanted))

    def _appended(self, wanted: Sequence[Proposal], outcomes: Sequence[Outcome]) -> None:
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
        first, mark = kept.head + 1, kept.mark.decode()
        records = [
            Record(version, self._bytes(kept, 900), self._bytes(kept, 90))
            for version in range(first, first + self._random.randint(1, _MOST_RECORDS))
        ]
        timers = [
            Timer(kind, f"r{first} {mark}", records[-1].version, self._random.randint(1, 9_999))
            for kind in self._random.sample(
                ["deadline", "settle", "leave"], self._random.randint(0, 3)
            )
        ]
        head = kept.head
        if kept.summary and self._random.random() < 0.05:
            head -= 1  # what somebody decided who did not know the last event: a conflict
            records = [Record(each.version - 1, each.event, each.sealed) for each in records]
        made = kept.summary or Summary(
            f"code {mark}", "", 0, 1_000 + self._made, 0, labels=(("team", mark),)
        )
        summary = made._replace(
            display_name=f"Sprint {first} {mark * self._random.randint(1, 9)}",
            phase=1 + first % 4,
            update_ms=2_000 + first,
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
