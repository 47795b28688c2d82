"""What can be asked for behind `poker-sim load`."""

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EPILOG: Final = """\
examples:
  poker-sim load --games 50 --rate 100 --duration 10
  poker-sim load --server localhost:50051 --rate 20 --p99-ms 50 --json
  poker-sim load --games 500 --players 8 --rate 200 --plot latency.svg

Without --server, a server is started in a process of its own, with its games
in a temporary database. When a vote is due is fixed before anything is sent,
and latencies count from then, however late the answers are.

Exit codes: 0: done; 1: more errors or later than allowed; 2: asked wrongly;
3: the generator was saturated, and nothing is reported; 130: Ctrl-C, with what
there was until then."""


def add_load(commands: "_SubParsersAction[Any]") -> None:
    """Declare the command."""
    layout = RawDescriptionHelpFormatter
    load = commands.add_parser(
        "load", help="put load on a server", epilog=EPILOG, formatter_class=layout
    )
    declare(load)


def declare(load: ArgumentParser) -> None:
    """Declare its options; `run` of the result runs it."""
    load.add_argument(
        "--games", metavar="N", type=whole(1, 100_000), default=50, help="at once (50)"
    )
    load.add_argument(
        "--players", metavar="N", type=whole(1, 1_000), default=8, help="at each game (8)"
    )
    load.add_argument(
        "--rate",
        metavar="VOTES",
        type=_positive,
        default=50.0,
        help="votes a second, of all games together (50)",
    )
    load.add_argument(
        "--duration", metavar="SECONDS", type=_positive, default=10.0, help="of voting (10)"
    )
    load.add_argument(
        "--arrivals",
        choices=("poisson", "steady"),
        default="poisson",
        help="when votes are due: independent of each other, or at an even pace (poisson)",
    )
    load.add_argument("--seed", type=int, default=1, help="another seed, other times (1)")
    load.add_argument("--server", metavar="HOST:PORT", help="put the load on this one")
    load.add_argument(
        "--database",
        metavar="URL",
        help="where the started server keeps its games: sqlite:///PATH (a temporary one)",
    )
    _add_results(load)
    load.set_defaults(run=run_load)


def _add_results(load: ArgumentParser) -> None:
    load.add_argument(
        "--max-errors", metavar="N", type=whole(0, 10**9), default=0, help="errors allowed (0)"
    )
    load.add_argument(
        "--p99-ms",
        metavar="MS",
        type=_positive,
        help="latency allowed at p99 until a vote is seen by all",
    )
    load.add_argument("--json", action="store_true", help="print one JSON value")
    load.add_argument(
        "--plot", metavar="FILE", type=_picture, help="draw the latencies: .svg or .png"
    )


def run_load(arguments: Namespace) -> int:
    """Run it. Returns the exit code; raises Failure and OutputGone."""
    from planning_poker_simulator.load.command import load

    return load(arguments)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Takes whole numbers within bounds."""

    def number(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = low - 1
        if not low <= found <= high:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high:,}")
        return found

    return number


def _positive(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not (found > 0 and math.isfinite(found)):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return found


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".png"):
        raise ArgumentTypeError(f"{text!r} does not end in .svg or .png")
    if not path.absolute().parent.is_dir():
        raise ArgumentTypeError(f"the folder of {text!r} does not exist")
    return path
