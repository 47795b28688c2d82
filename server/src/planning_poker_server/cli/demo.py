"""`planning-poker demo`: a team plays a backlog, each on a connection of their own."""

import contextlib
import io
import logging
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from planning_poker_client import PokerError, StoryFile
from planning_poker_server.cli.keyboard import terminal_restorer
from planning_poker_server.cli.performance import Pace, ServerGone, Team, perform
from planning_poker_server.cli.results import print_results
from planning_poker_server.cli.running import (
    Failure,
    OutputGone,
    complain,
    interruptible,
    run,
    say,
)
from planning_poker_server.cli.serve import database_place, started
from planning_poker_server.cli.stories import stories_from
from planning_poker_server.config_loader import bundled, load_settings
from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings, Settings

_DATABASE: Final = "sqlite:///data/demo.db"
_FAST: Final = 0.04
_USUAL_STORIES: Final = 12
_GRACE_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Play:
    """What is played."""

    title: str
    file: StoryFile
    seed: int
    pace: Pace
    wait: float


def demo(arguments: Namespace) -> int:
    """Play; print the estimates. Raises ConfigurationError, BadStories and Failure."""
    if arguments.server and (arguments.database or arguments.config or arguments.environment):
        message = "With --server, the options --database, --config and --environment say nothing."
        raise Failure(message, code=2)
    path = arguments.backlog or bundled("examples") / "backlog.csv"
    file = stories_from(path)
    settings = None if arguments.server else _settings(arguments)
    play = _Play(
        title=f"Demo: {path.stem}"[:100],
        file=file,
        seed=arguments.seed,
        pace=pace(len(file.stories), arguments.fast),
        wait=max(0.1, arguments.wait),
    )
    # A log line in the middle of the picture would spoil both: they come after it.
    log = io.StringIO()
    configure_logging(LoggingSettings(level="WARNING", format="text"), log)
    logging.getLogger("planning_poker_client").setLevel(logging.CRITICAL)  # it is raised as well
    try:
        return run(interruptible(_demo(play, arguments.server, settings), terminal_restorer()))
    finally:
        if log.getvalue():
            complain(log.getvalue().rstrip())


def pace(stories: int, fast: bool) -> Pace:
    """About a minute for the whole backlog, however long; a few seconds if `fast`."""
    usual = min(1.2, _USUAL_STORIES / stories)
    return Pace(usual * _FAST if fast else usual)


def _settings(arguments: Namespace) -> Settings:
    """Those of the server that the demo starts: for this machine, on any free port."""
    return load_settings(
        arguments.config,
        environment=arguments.environment,
        overrides={
            "server.host": "127.0.0.1",
            "server.port": 0,
            "server.reflection": False,
            "database.url": arguments.database or _DATABASE,
        },
    )


async def _demo(play: _Play, address: str | None, settings: Settings | None) -> int:
    console = Console(highlight=False)
    async with _server(address, settings) as there:
        say(f"A team estimates {len(play.file.stories)} stories on the server at {there}.")
        try:
            team = Team(there, play.seed, play.pace, play.wait)
            view = await perform(console, team, play.title, play.file)
        except (ServerGone, PokerError, ExceptionGroup) as error:
            raise _sentence(error) from error
    print_results(console, view)
    place = f"the log of the server at {there}"
    if settings is not None:
        place = database_place(settings.database.url)
    say(f"Every step is in {place}, as game {view.game_id}.")
    return 0


@contextlib.asynccontextmanager
async def _server(address: str | None, settings: Settings | None) -> AsyncIterator[str]:
    """The address of the server to play on; one that was started here is stopped afterwards."""
    if settings is None:
        yield address or ""
        return
    server = await started(settings)
    try:
        yield server.address
    finally:
        await server.stop(_GRACE_MS)


def _sentence(error: Exception) -> Exception:
    """What to raise for everything that went wrong at once.

    All who play notice that the server went away: one sentence about it is
    enough. What is none of the expected stays as it is.
    """
    leaves = list(_leaves(error))
    expected = (OutputGone, ServerGone, PokerError)
    if not all(isinstance(leaf, expected) for leaf in leaves):
        return error
    worst = min(leaves, key=lambda leaf: [isinstance(leaf, kind) for kind in expected].index(True))
    return worst if isinstance(worst, OutputGone) else Failure(f"The demo ends early: {worst}")


def _leaves(error: Exception) -> Iterator[Exception]:
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)
