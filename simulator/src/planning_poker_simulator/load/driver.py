"""Sends what a plan says when it says so, and watches itself meanwhile."""

import asyncio
import gc
import time
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from planning_poker_simulator.load.effort import GIVE_UP_LATE_S, Effort
from planning_poker_simulator.load.plan import Plan, votes
from planning_poker_simulator.load.seating import House
from planning_poker_simulator.load.statistics import p99

_DRAIN_S: Final = 5.0
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """How sending went; what was seen is in the tally."""

    elapsed_s: float
    interrupted: bool
    accepted: int
    """Commands, by the end of sending."""
    delivered: int
    """Events, by the end of sending."""
    effort: Effort


class _Watch:
    """The generator's own CPU time and the lateness of its event loop."""

    def __init__(self) -> None:
        self.loop_late_ms = array("d")
        self._cpu_s, self._wall_s = time.process_time(), time.perf_counter()

    @property
    def cpu(self) -> float:
        """Share of a core, so far."""
        wall_s = time.perf_counter() - self._wall_s
        return (time.process_time() - self._cpu_s) / max(wall_s, 1e-9)

    async def look(self) -> None:
        """Until cancelled."""
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(_LOOK_S)
            self.loop_late_ms.append((time.perf_counter() - asked - _LOOK_S) * 1e3)


async def drive(
    house: House, plan: Plan, stop: asyncio.Event, progress: Callable[[float], None]
) -> Run:
    """Send all votes, or until `stop`.

    `progress` is told the seconds that have passed.
    """
    tally = house.tally
    # What is there by now stays: full collections would make the generator late.
    gc.collect()
    gc.freeze()
    try:
        tally.begin()
        begun = time.perf_counter()
        for table in house.tables:
            table.begin(begun)
        async with _looking() as watch:
            gave_up = await _send(house, plan, stop, begun, progress)
            elapsed_s, late = time.perf_counter() - begun, p99(tally.late_ms)
            effort = Effort(watch.cpu, late, p99(watch.loop_late_ms), gave_up)
        return Run(elapsed_s, stop.is_set(), tally.accepted, tally.delivered, effort)
    finally:
        gc.unfreeze()


@asynccontextmanager
async def _looking() -> AsyncIterator[_Watch]:
    watch = _Watch()
    task = asyncio.get_running_loop().create_task(watch.look())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _send(
    house: House,
    plan: Plan,
    stop: asyncio.Event,
    begun: float,
    progress: Callable[[float], None],
) -> bool:
    """Whether it fell behind so far that it gave up."""
    create_task = asyncio.get_running_loop().create_task
    sending = create_task(_send_all(house, plan, begun))
    stopping = create_task(stop.wait())
    try:
        while not (sending.done() or stopping.done()):
            progress(time.perf_counter() - begun)
            both = {sending, stopping}
            await asyncio.wait(both, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
        return sending.done() and sending.result()
    finally:
        sending.cancel()
        stopping.cancel()
        await asyncio.wait({sending, stopping})


async def _send_all(house: House, plan: Plan, begun: float) -> bool:
    tally, tables = house.tally, house.tables
    for vote in votes(plan):
        due = begun + vote.due_s
        # Also where it is late already: others have to have their turn.
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late_s = time.perf_counter() - due
        tally.late_ms.append(late_s * 1e3)
        if late_s > GIVE_UP_LATE_S:
            return True
        tables[vote.game].vote(vote, due)
    await asyncio.sleep(max(0.0, begun + plan.duration_s - time.perf_counter()))
    return False


async def drain(house: House) -> None:
    """Wait for answers and events that are under way; what does not come is an error."""
    until = time.perf_counter() + _DRAIN_S
    for table in house.tables:
        table.stop()
    while time.perf_counter() < until and not _quiet(house):  # noqa: ASYNC110, nothing tells
        await asyncio.sleep(_LOOK_S)
    unanswered = sum(line.unanswered for line in house.lines)
    if unanswered:
        house.tally.errors["NO_ANSWER"] += unanswered
    for table in house.tables:
        table.give_up()


def _quiet(house: House) -> bool:
    answered = not any(line.unanswered for line in house.lines)
    return answered and all(table.current for table in house.tables)
