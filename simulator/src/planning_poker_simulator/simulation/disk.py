"""The log of the simulation: what was committed stays, whatever becomes of the server."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import Commit, Conflict, LogUnavailable, Proposal
from planning_poker_simulator.checking.history import Append, History


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


class Disk(MemoryLog):
    """A log whose appends take time, and fail as told; it outlives every server."""

    def __init__(
        self,
        chance: Random,
        history: History,
        sometimes: Callable[[str], None],
        clock_ms: Callable[[], int],
    ) -> None:
        super().__init__("simulated")
        self.faults = DiskFaults()
        self.is_down = False
        """Nothing can be read or written."""
        self._chance = chance
        self._history = history
        self._sometimes = sometimes
        self._clock_ms = clock_ms

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        faults, fate = self.faults, self._chance.random()
        is_slow = self._chance.random() < faults.slow
        seconds = self._chance.uniform(0.6, 4.0) if is_slow else self._chance.uniform(0.0, 0.01)
        if is_slow:
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
        if isinstance(outcome, Conflict) or not proposal.records:
            return outcome
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
