"""The log of the simulation: what was committed stays, whatever becomes of the server."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import Commit, Conflict, LogUnavailable, Proposal
from planning_poker_simulator.checking.history import Append, History
from planning_poker_simulator.simulation.processes import NOWHERE

_PROMPT_S = 0.01


@dataclass
class DiskFaults:
    """What goes wrong with appends, each with its share of them."""

    before: float = 0.0
    """They fail, and nothing was written."""
    after: float = 0.0
    """They are carried out, and their caller is told that they are in doubt."""
    doubtful: float = 0.0
    """They are not, and their caller is told the same."""
    slow: float = 0.0
    """They take seconds."""
    adrift: float = 0.0
    """They are carried out even if their caller dies meanwhile, as by a database of its own."""


class Disk(MemoryLog):
    """A log whose appends take time, and fail as told; it outlives every server."""

    def __init__(
        self,
        chance: Random,
        history: History,
        sometimes: Callable[[str], None],
        clock_ms: Callable[[], int],
    ) -> None:
        super().__init__("simulated", b"of a run")
        self.faults = DiskFaults()
        self.is_down = False
        """Nothing can be read or written."""
        self._chance = chance
        self._history = history
        self._sometimes = sometimes
        self._clock_ms = clock_ms
        self._adrift: dict[asyncio.Task[Commit | Conflict], None] = {}
        self._servers = 0
        self.knows_more = False
        """Whether something was committed for a server that was dead by then."""

    def serve(self) -> None:
        """A new server reads it."""
        self._servers += 1
        self.knows_more = False

    async def landed(self) -> None:
        """Return when nothing is adrift any more."""
        await asyncio.gather(*self._adrift, return_exceptions=True)

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        fate, is_adrift = self._chance.random(), self._chance.random() < self.faults.adrift
        is_slow = self._chance.random() < self.faults.slow
        slowest = 12.0 if is_adrift else 4.0
        seconds = self._chance.uniform(0.6, slowest) if is_slow else self._chance.uniform(0, 0.01)
        appending = self._append(proposal, fate, seconds)
        if not is_adrift:
            return await appending
        # By nobody's process: it is neither held back nor killed with the caller's.
        loop = asyncio.get_running_loop()
        task = loop.create_task(appending, context=NOWHERE.copy())
        self._adrift[task] = None
        task.add_done_callback(self._landed, context=NOWHERE)
        return await asyncio.shield(task)

    def _landed(self, task: asyncio.Task[Commit | Conflict]) -> None:
        del self._adrift[task]
        if not task.cancelled():
            task.exception()  # whoever waits is told; else nobody need be

    async def _append(self, proposal: Proposal, fate: float, seconds: float) -> Commit | Conflict:
        faults, server = self.faults, self._servers
        if seconds > _PROMPT_S:
            self._sometimes("disk: slow append")
        await asyncio.sleep(seconds)
        if self.is_down or fate < faults.before:
            self._sometimes("disk: append failed before the commit")
            raise LogUnavailable("the disk is full", definite=True)
        fate -= faults.before
        if fate < faults.doubtful:
            self._sometimes("disk: append in doubt, not committed")
            raise LogUnavailable("the disk did not answer", definite=False)
        fate -= faults.doubtful
        outcome = await super().append(proposal)
        if isinstance(outcome, Conflict):
            self._sometimes("disk: conflict")
        if isinstance(outcome, Conflict) or not proposal.records:
            return outcome
        self.knows_more |= server != self._servers
        now = asyncio.get_running_loop().time()
        self._history.appends.append(
            Append(now, self._clock_ms(), proposal.game_id, proposal.records)
        )
        if fate < faults.after:
            self._sometimes("disk: append in doubt, committed")
            raise LogUnavailable("the disk did not answer", definite=False)
        # Long enough for a server to die between the commit and its answer.
        await asyncio.sleep(self._chance.uniform(0.0, 0.005))
        return outcome

    async def _turn(self) -> None:
        await super()._turn()
        if self.is_down:
            raise LogUnavailable("the disk is gone", definite=True)
