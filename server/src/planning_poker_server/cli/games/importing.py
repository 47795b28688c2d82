"""`planning-poker games import`: a game from a file becomes one of the database."""

from argparse import Namespace
from pathlib import Path

from planning_poker_server.cli.games.database import place_of, settings_of
from planning_poker_server.cli.games.output import print_json
from planning_poker_server.cli.running import Failure, interruptible, run, say
from planning_poker_server.eventlog.claim import Claim
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import (
    Commit,
    EventLog,
    GameCorrupt,
    LogError,
    Proposal,
)
from planning_poker_server.printable import printable
from planning_poker_server.settings import Settings
from planning_poker_server.transfer.document import Header
from planning_poker_server.transfer.restoring import DocumentError, read_document

_NOBODY = (
    "Nobody can prove a seat in it: the file holds no secrets. Its players are shown as they "
    "were, and who comes takes a new seat."
)


def import_(arguments: Namespace) -> int:
    """Import the file. Raises ConfigurationError and Failure."""
    settings = settings_of(arguments)
    if settings.database.url == "memory:":
        raise Failure("A database in memory would be gone again at once.", code=2)
    header, proposal = _read(arguments.file, settings)
    return run(interruptible(_import(arguments, settings, header, proposal)))


def _read(path: Path, settings: Settings) -> tuple[Header, Proposal]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return read_document(file.read, settings.game)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise Failure(message, code=2) from error
    except UnicodeDecodeError as error:
        raise Failure(f"{path} cannot be imported: it is not UTF-8.", code=2) from error
    except DocumentError as error:
        raise Failure(f"{path} cannot be imported: {error}.", code=2) from error


async def _import(
    arguments: Namespace, settings: Settings, header: Header, proposal: Proposal
) -> int:
    place = place_of(settings)
    try:
        claim = Claim.on(settings.database.url)
    except LogError as error:
        raise Failure(f"{place} cannot be used: {error}.") from error
    try:
        log = await open_log(settings.database)
        try:
            added = await _append(log, proposal, place)
        finally:
            await log.close()
    except LogError as error:
        raise Failure(f"{place} cannot be used: {error}.") from error
    finally:
        claim.release()
    _tell(arguments, header, proposal, place, added=added)
    return 0


async def _append(log: EventLog, proposal: Proposal, place: str) -> bool:
    """Add the game; False where this very history is there already, after a crash perhaps."""
    head = await log.head(proposal.game_id)
    if head:
        if head == len(proposal.records) and await _is_there(log, proposal):
            return False
        raise Failure(
            f"Game {proposal.game_id} is in {place} already, with another history: "
            f"at version {head:,}."
        )
    code = proposal.summary.join_code
    other = await log.resolve(code) if code else None
    if other is not None:
        raise Failure(f"The join code {code} belongs to another game in {place}: {other}.")
    if not isinstance(await log.append(proposal), Commit):
        raise Failure(f"Game {proposal.game_id} cannot be added: its id or code is taken.")
    return True


async def _is_there(log: EventLog, proposal: Proposal) -> bool:
    try:
        async for page in log.read(proposal.game_id):
            first = page[0].version - 1
            if list(proposal.records[first : first + len(page)]) != list(page):
                return False
    except GameCorrupt:
        return False
    return True


def _tell(
    arguments: Namespace, header: Header, proposal: Proposal, place: str, *, added: bool
) -> None:
    if arguments.json:
        print_json(
            {
                "gameId": header.game_id,
                "joinCode": header.join_code,
                "version": header.version,
                "withSecrets": header.with_secrets,
                "added": added,
            }
        )
        return
    name = printable(proposal.summary.display_name)
    events = "1 event" if header.version == 1 else f"{header.version:,} events"
    told = f"is in {place} with {events}" if added else f"is in {place} already, just as it is here"
    say(f"Game {header.game_id} ({name}) {told}.")
    if not header.with_secrets:
        say(_NOBODY)
