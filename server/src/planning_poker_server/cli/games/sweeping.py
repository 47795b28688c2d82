"""`planning-poker games sweep`: no trace is left of purged games, however large the database."""

from argparse import Namespace
from dataclasses import replace
from typing import Final

from planning_poker_server.cli.games.database import place_of, settings_of
from planning_poker_server.cli.running import Failure, interruptible, run, say
from planning_poker_server.eventlog.claim import Claim
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import LogError
from planning_poker_server.eventlog.sqlite import SqliteFile
from planning_poker_server.settings import DatabaseSettings

_ANY_SIZE: Final = 1 << 40


def sweep(arguments: Namespace) -> int:
    """Sweep the database. Raises ConfigurationError and Failure."""
    settings = settings_of(arguments)
    place = place_of(settings)
    if settings.database.url == "memory:":
        raise Failure("A database in memory would be gone again at once.", code=2)
    try:
        SqliteFile.find(settings.database.url)
        claim = Claim.on(settings.database.url)
        try:
            run(interruptible(_sweep(settings.database)))
        finally:
            claim.release()
    except OSError as error:
        raise Failure(f"{place} cannot be used: there is no such file.") from error
    except LogError as error:
        raise Failure(f"{place} cannot be swept: {error}.") from error
    say(f"No trace of purged games is left in {place}.")
    return 0


async def _sweep(settings: DatabaseSettings) -> int:
    log = await open_log(replace(settings, sweep_max_mb=_ANY_SIZE))
    try:
        await log.sweep()
    finally:
        await log.close()
    return 0
