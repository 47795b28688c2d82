"""One load from its server to its result."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from planning_poker_simulator.load.driver import Run, drain, drive
from planning_poker_simulator.load.embedded import Embedded, Usage, embedded
from planning_poker_simulator.load.machine import Machine
from planning_poker_simulator.load.plan import Plan
from planning_poker_simulator.load.progress import Display, Tell, display
from planning_poker_simulator.load.result import Counts, Result, Server
from planning_poker_simulator.load.seating import seated
from planning_poker_simulator.load.statistics import latencies
from planning_poker_simulator.load.tally import Tally


class Measuring:
    """One load, from its server to its result."""

    def __init__(self, plan: Plan, address: str | None = None, database: str | None = None) -> None:
        """On the server at `address`, or on one that is started with the database of this URL."""
        self.plan = plan
        self.tally = Tally()
        self.stop = asyncio.Event()
        """Ends the votes early."""
        self.voting = False
        """Whether there is anything that could be told."""
        self._address = address
        self._database = database

    async def measure(self) -> Result:
        """Raises NoServer, NotSeated, ServerFailed."""
        async with _server(self._address, self._database) as (address, own):
            with display() as shown:
                return await self._measure(address, own, shown)

    async def _measure(self, address: str, own: Embedded | None, shown: Display) -> Result:
        plan, tally, began = self.plan, self.tally, time.perf_counter()
        tell = shown.begin("Seating", _games(plan), plan.games)
        async with seated(
            address, plan, tally, lambda ready: tell(ready, f"{ready:,} games")
        ) as house:
            seated_s = time.perf_counter() - began
            if own is not None:
                await own.begin()
            machine = Machine()
            self.voting = True
            tell = shown.begin("Voting", f"for {plan.duration_s:g} s", plan.duration_s)
            sent = await drive(house, plan, self.stop, _telling(tell, tally))
            used = await own.usage() if own is not None else None
            cores = machine.cores()
            if not sent.effort.gave_up:
                await drain(house)
            expected = sum(table.expected for table in house.tables)
            server = _measured(address, used, sent, cores)
            return _result(plan, server, len(house.lines), seated_s, sent, tally, expected)


def _telling(tell: Tell, tally: Tally) -> Callable[[float], None]:
    def telling(passed_s: float) -> None:
        errors = sum(tally.errors.values())
        tell(passed_s, f"{tally.votes:,} votes, {errors:,} errors")

    return telling


@asynccontextmanager
async def _server(
    address: str | None, database: str | None
) -> AsyncIterator[tuple[str, Embedded | None]]:
    """The server that is named, or one that is started for the load."""
    if address is not None:
        yield address, None
        return
    with tempfile.TemporaryDirectory(prefix="poker-load-") as folder:
        url = database or f"sqlite:///{Path(folder) / 'games.db'}"
        async with embedded(url) as own:
            yield own.address, own


def _measured(address: str, used: Usage | None, sent: Run, cores: float | None) -> Server:
    if used is None:
        return Server(address, embedded=False)
    others = None
    if cores is not None:
        others = max(0.0, cores - used.cpu - sent.effort.cpu)
    return Server(address, True, used.cpu, used.rss_bytes, others)


def _result(
    plan: Plan,
    server: Server,
    connections: int,
    seated_s: float,
    sent: Run,
    tally: Tally,
    expected: int,
) -> Result:
    counts = Counts(
        votes=tally.votes,
        accepted=tally.accepted,
        accepted_votes=tally.accepted_votes,
        delivered=tally.delivered,
        expected=expected,
        held=tally.held,
        reconnects=tally.reconnects,
        snapshots=tally.snapshots,
    )
    return Result(
        plan=plan,
        server=server,
        connections=connections,
        seated_s=seated_s,
        elapsed_s=sent.elapsed_s,
        interrupted=sent.interrupted,
        effort=sent.effort,
        counts=counts,
        errors=dict(tally.errors),
        accepted_per_s=sent.accepted / sent.elapsed_s,
        delivered_per_s=sent.delivered / sent.elapsed_s,
        seen=latencies(tally.seen_ms),
        answered=latencies(tally.answered_ms),
    )


def _games(plan: Plan) -> str:
    games = "1 game" if plan.games == 1 else f"{plan.games:,} games"
    return f"{games} of {plan.players:,}"
