"""Runs `poker-sim load`: a server, the seats, the votes, the result."""

import asyncio
import os
import signal
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from planning_poker_server.cli.games.output import print_json, print_rich
from planning_poker_server.cli.running import Failure, complain, on_signals, run
from planning_poker_simulator.load.driver import Run, drain, drive
from planning_poker_simulator.load.embedded import Embedded, ServerFailed, Usage, embedded
from planning_poker_simulator.load.line import NoServer
from planning_poker_simulator.load.plan import Plan
from planning_poker_simulator.load.progress import Display, Tell, display
from planning_poker_simulator.load.result import Counts, Result, Server, shortfalls
from planning_poker_simulator.load.seating import NotSeated, seated
from planning_poker_simulator.load.statistics import latencies
from planning_poker_simulator.load.tables import headline, told
from planning_poker_simulator.load.tally import Tally

SATURATED: Final = 3
_USAGE: Final = 2

Draw: TypeAlias = Callable[[Tally, str], None]


def load(arguments: Namespace) -> int:
    """Put load on a server and print what came of it. Raises Failure and OutputGone."""
    if arguments.server and arguments.database:
        raise Failure("With --server, the option --database says nothing.", _USAGE)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what matters comes as errors
    draw = _drawing(arguments.plot)
    try:
        return run(_load(arguments, draw))
    except (NoServer, NotSeated, ServerFailed) as error:
        raise Failure(str(error)) from error


def _drawing(path: Path | None) -> Draw | None:
    """What draws the picture, found before anything is measured in vain."""
    if path is None:
        return None
    try:
        from planning_poker_simulator.load.plot import draw
    except ImportError as error:
        message = "--plot needs matplotlib: pip install 'planning-poker-simulator[load]'"
        raise Failure(message, _USAGE) from error

    def drawn(tally: Tally, title: str) -> None:
        try:
            draw(path, title, tally.seen_due_s, tally.seen_ms)
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}.") from error

    return drawn


async def _load(arguments: Namespace, draw: Draw | None) -> int:
    measuring = _Measuring(arguments)
    task = asyncio.ensure_future(measuring.measure())
    got: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        got.append(number)
        if measuring.voting:
            measuring.stop.set()
        else:
            task.cancel()

    on_signals(interrupt)
    try:
        result = await task
    except asyncio.CancelledError:
        if not got:
            raise
        return 128 + got[0]
    code = _conclude(arguments, result)
    if draw is not None and not result.saturated:
        draw(measuring.tally, headline(result))
    return 128 + got[0] if got and code != SATURATED else code


def _conclude(arguments: Namespace, result: Result) -> int:
    """Print the result; the exit code."""
    if arguments.json:
        print_json(result.to_json())
    else:
        print_rich(told(result))
    if result.saturated:
        return SATURATED
    missed = shortfalls(result, arguments.max_errors, arguments.p99_ms)
    for sentence in missed:
        complain(sentence)
    return 1 if missed else 0


class _Measuring:
    """One load, from its server to its result."""

    def __init__(self, arguments: Namespace) -> None:
        self.plan = Plan(
            arguments.games,
            arguments.players,
            arguments.rate,
            arguments.duration,
            arguments.arrivals,
            arguments.seed,
        )
        self.tally = Tally()
        self.stop = asyncio.Event()
        """Ends the votes early."""
        self.voting = False
        """Whether there is anything that could be told."""
        self._arguments = arguments

    async def measure(self) -> Result:
        """Raises NoServer, NotSeated, ServerFailed."""
        async with _server(self._arguments) as (address, own):
            with display() as shown:
                return await self._measure(address, own, shown)

    async def _measure(self, address: str, own: Embedded | None, shown: Display) -> Result:
        plan, tally, began = self.plan, self.tally, time.perf_counter()
        tell = shown.begin("Seating", plan.games)
        async with seated(
            address, plan, tally, lambda ready: tell(ready, f"{ready:,} games")
        ) as house:
            seated_s = time.perf_counter() - began
            if own is not None:
                await own.begin()
            self.voting = True
            telling = _telling(shown.begin("Voting", plan.duration_s), tally)
            sent = await drive(house, plan, self.stop, telling)
            used = await own.usage() if own is not None else None
            if not sent.effort.saturated:
                await drain(house)
            expected = sum(table.expected for table in house.tables)
            server = _measured(address, used)
            return _result(plan, server, len(house.lines), seated_s, sent, tally, expected)


def _telling(tell: Tell, tally: Tally) -> Callable[[float], None]:
    def telling(passed_s: float) -> None:
        errors = sum(tally.errors.values())
        tell(passed_s, f"{tally.votes:,} votes, {errors:,} errors")

    return telling


@asynccontextmanager
async def _server(arguments: Namespace) -> AsyncIterator[tuple[str, Embedded | None]]:
    """The server that is named, or one that is started for the load."""
    if arguments.server:
        yield arguments.server, None
        return
    with tempfile.TemporaryDirectory(prefix="poker-load-") as folder:
        url = arguments.database or f"sqlite:///{Path(folder) / 'games.db'}"
        async with embedded(url) as own:
            yield own.address, own


def _measured(address: str, used: Usage | None) -> Server:
    if used is None:
        return Server(address, embedded=False)
    return Server(address, embedded=True, cpu=used.cpu, rss_bytes=used.rss_bytes)


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
