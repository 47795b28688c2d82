"""Runs `poker-sim load`: takes its options and signals, prints what came of it."""

import asyncio
import signal
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from planning_poker_server.cli.games.output import print_json, print_rich
from planning_poker_server.cli.running import Failure, complain, on_signals, run
from planning_poker_simulator.load.embedded import ServerFailed
from planning_poker_simulator.load.line import NoServer
from planning_poker_simulator.load.measuring import Measuring
from planning_poker_simulator.load.plan import Plan
from planning_poker_simulator.load.result import Result, shortfalls
from planning_poker_simulator.load.seating import NotSeated
from planning_poker_simulator.load.tables import headline, told
from planning_poker_simulator.load.tally import Tally

SATURATED: Final = 3
_USAGE: Final = 2

Draw: TypeAlias = Callable[[Tally, str], None]


def load(arguments: Namespace) -> int:
    """Put load on a server and print what came of it. Raises Failure and OutputGone."""
    if arguments.server and arguments.database:
        raise Failure("With --server, the option --database says nothing.", _USAGE)
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
    plan = Plan(
        arguments.games,
        arguments.players,
        arguments.rate,
        arguments.duration,
        arguments.arrivals,
        arguments.seed,
    )
    measuring = Measuring(plan, arguments.server, arguments.database)
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
