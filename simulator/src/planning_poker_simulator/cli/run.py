"""`poker-sim run`: plays scenarios and tells what came of them."""

import asyncio
import json
import sys
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from planning_poker_client import ClientOptions, PokerClient, PokerError
from planning_poker_server.cli.running import Failure, interruptible, printing
from planning_poker_server.cli.running import run as run_loop
from planning_poker_simulator.cli.junit import write_junit
from planning_poker_simulator.cli.parsers import Commands
from planning_poker_simulator.cli.progress import Progress
from planning_poker_simulator.cli.tables import listing, summary
from planning_poker_simulator.scenarios.loading import BadScenario
from planning_poker_simulator.scenarios.model import Scenario
from planning_poker_simulator.scenarios.results import Result
from planning_poker_simulator.scenarios.runner import run_scenario
from planning_poker_simulator.scenarios.shelf import read_scenario, shipped

_MOST_JOBS: Final = 32
_CONNECT_S: Final = 5.0
_WIDTH: Final = 120
"""Of tables that go into a file or a pipe."""
_EXAMPLES: Final = """\
examples:
  poker-sim run                           play all scenarios that are shipped
  poker-sim run sprint.yaml -x            play one of your own
  poker-sim run --list                    name those that are shipped
  poker-sim run sprint.yaml --server localhost:50051 --junit results.xml

Without --server each scenario has a server of its own, with a clock that is put
forward, so that nothing is waited for. How to write one is in docs/testing.md.

exit status: 0 all passed, 1 one failed or there is no server, 2 a file cannot be used,
130 Ctrl-C; what was played until then is told"""


def add(commands: Commands) -> None:
    """Add this command's parser."""
    run = commands.add_parser(
        "run",
        help="play scenarios",
        description="Play scenarios, and hold what comes of them against what they expect.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "files", metavar="FILE", nargs="*", type=Path, help="scenarios; none: those shipped"
    )
    run.add_argument("--server", metavar="HOST:PORT", default="", help="play them there")
    run.add_argument("--json", action="store_true", help="print the results as JSON")
    run.add_argument("--junit", metavar="FILE", type=_file, help="write the results as JUnit XML")
    run.add_argument(
        "--jobs", metavar="N", type=_jobs, default=1, help="how many at the same time (1)"
    )
    stopping = run.add_mutually_exclusive_group()
    stopping.add_argument(
        "-x", "--exit-first", action="store_true", help="stop at the first one that fails"
    )
    stopping.add_argument(
        "--keep-going", action="store_true", help="play all, whatever fails (the default)"
    )
    run.add_argument("--list", action="store_true", help="name the scenarios and play none")
    run.set_defaults(run=_run)


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_JOBS:
        raise ArgumentTypeError(f"a number from 1 to {_MOST_JOBS}, not {text!r}")
    return int(text)


def _file(text: str) -> Path:
    file = Path(text)
    if not file.parent.is_dir():
        raise ArgumentTypeError(f"there is no folder {file.parent}")
    return file


def _run(arguments: Namespace) -> int:
    scenarios = _read(arguments.files or shipped(), arguments)
    width = None if sys.stdout.isatty() else _WIDTH
    out = Console(file=sys.stdout, width=width, highlight=False)
    if arguments.list:
        with printing():
            out.print(listing(scenarios))
        return 0
    return run_loop(interruptible(_play(scenarios, arguments, out)))


def _read(files: Sequence[Path], arguments: Namespace) -> list[Scenario]:
    """All of them. Raises BadScenario naming what is wrong in any of them.

    Of those that are shipped, a server elsewhere is given the ones that it can play.
    """
    read: list[Scenario] = []
    bad: list[BadScenario] = []
    elsewhere = bool(arguments.server)
    for file in files:
        try:
            read.append(read_scenario(file, elsewhere=elsewhere))
        except BadScenario as error:
            if arguments.files or not elsewhere:
                bad.append(error)
    if bad:
        problems = tuple(problem for each in bad for problem in each.problems)
        raise BadScenarios(bad) if len(bad) > 1 else BadScenario(bad[0].source, problems)
    return read


class BadScenarios(BadScenario):
    """Several files cannot be run."""

    def __init__(self, bad: Sequence[BadScenario]) -> None:
        super().__init__(bad[0].source, ())
        self.args = ("\n".join(map(str, bad)),)


async def _play(scenarios: Sequence[Scenario], arguments: Namespace, out: Console) -> int:
    if arguments.server:
        await _look_for(arguments.server)
    told = Console(stderr=True, highlight=False)
    found: dict[int, Result] = {}
    try:
        with Progress(told, len(scenarios)) as progress:
            await _all(scenarios, arguments, progress, found)
    finally:  # what was played is told, also where the rest was broken off
        results = [found[place] for place in sorted(found)]
        left_out = [each for place, each in enumerate(scenarios) if place not in found]
        _tell(results, left_out, arguments, out)
    return 0 if all(result.passed for result in results) else 1


async def _all(
    scenarios: Sequence[Scenario],
    arguments: Namespace,
    progress: Progress,
    found: dict[int, Result],
) -> None:
    """Note their results by their places; up to the first failure, if that is asked for."""
    places = asyncio.Semaphore(arguments.jobs)
    failed = asyncio.Event()

    async def one(place: int, scenario: Scenario) -> None:
        async with places:
            if failed.is_set():
                return
            found[place] = await run_scenario(scenario, progress, arguments.server)
            if arguments.exit_first and not found[place].passed:
                failed.set()

    async with asyncio.TaskGroup() as group:
        for place, scenario in enumerate(scenarios):
            group.create_task(one(place, scenario))


def _tell(
    results: Sequence[Result], left_out: Sequence[Scenario], arguments: Namespace, out: Console
) -> None:
    with printing():
        if arguments.json:
            out.file.write(f"{json.dumps(_to_json(results), ensure_ascii=False, indent=2)}\n")
        else:
            out.print(summary(results, len(left_out)))
        out.file.flush()
    if arguments.junit:
        _write(arguments.junit, results, left_out)


async def _look_for(server: str) -> None:
    """Raise Failure where no server answers."""
    try:
        async with PokerClient(server, options=ClientOptions(connect_timeout=_CONNECT_S)):
            return
    except PokerError as error:
        raise Failure(f"There is no server at {server}: {error}") from None


def _to_json(results: Sequence[Result]) -> dict[str, object]:
    passed = sum(result.passed for result in results)
    return {
        "passed": passed,
        "failed": len(results) - passed,
        "scenarios": [result.to_json() for result in results],
    }


def _write(file: Path, results: Sequence[Result], left_out: Sequence[Scenario]) -> None:
    try:
        write_junit(file, results, left_out)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}.") from None
