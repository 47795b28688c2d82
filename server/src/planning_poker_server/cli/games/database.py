"""The database that a command names, by the options that `serve` has, too."""

import contextlib
from argparse import Namespace
from collections.abc import Iterator

from planning_poker_server import ids
from planning_poker_server.cli.running import Failure
from planning_poker_server.cli.serve import database_place
from planning_poker_server.config_loader import load_settings
from planning_poker_server.eventlog.port import LogError
from planning_poker_server.eventlog.read_only import ReadOnlyLog
from planning_poker_server.settings import Settings


def settings_of(arguments: Namespace) -> Settings:
    """The settings with --database in them. Raises ConfigurationError."""
    overrides = {"database.url": arguments.database} if arguments.database else {}
    return load_settings(arguments.config, environment=arguments.environment, overrides=overrides)


def place_of(settings: Settings) -> str:
    """Where the database is, for people."""
    url = settings.database.url
    return "a database in memory" if url == "memory:" else database_place(url)


@contextlib.contextmanager
def looking_at(settings: Settings) -> Iterator[ReadOnlyLog]:
    """The database, to be read only; what its log raises within becomes a Failure."""
    try:
        log = ReadOnlyLog.open(settings.database)
    except LogError as error:
        raise Failure(f"{place_of(settings)} cannot be used: {error}.") from error
    try:
        yield log
    except LogError as error:
        raise Failure(f"{place_of(settings)}: {error}.") from error
    finally:
        log.close()


def game_named(log: ReadOnlyLog, name: str) -> str | None:
    """The id of a game by its id or join code; None where no game is called so."""
    parsed = ids.parse_game(name)
    if parsed is None:
        return None
    game_id, code = parsed
    return game_id or log.resolve(code)
