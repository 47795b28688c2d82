"""`planning-poker games export`: one game, written to a file."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from planning_poker_server.cli.games.sheets import stories_csv, votes_csv
from planning_poker_server.cli.games.sources import database_source, server_source
from planning_poker_server.cli.games.target import AS_USUAL, PRIVATE, target
from planning_poker_server.cli.running import Failure, complain, interruptible, run
from planning_poker_server.eventlog.port import Record
from planning_poker_server.transfer.document import Header, NotRepresentable, written

Format: TypeAlias = Callable[[Header, AsyncIterator[Sequence[Record]]], AsyncIterator[str]]
"""Makes text of a game; raises NotRepresentable where it cannot."""

FORMATS: Final[Mapping[str, Format]] = {
    "json": written,
    "stories.csv": stories_csv,
    "votes.csv": votes_csv,
}
_SECRETS_IN: Final = frozenset({"json"})


def export(arguments: Namespace) -> int:
    """Write the game. Raises ConfigurationError and Failure."""
    _check(arguments)
    return run(interruptible(_export(arguments)))


def _check(arguments: Namespace) -> None:
    if arguments.format not in FORMATS:
        raise Failure(f"There is no such format; there is {', '.join(FORMATS)}.", code=2)
    check_source(arguments)
    if not arguments.with_secrets:
        return
    if not arguments.database:
        raise Failure("A server tells no secrets: --with-secrets needs --database.", code=2)
    if arguments.output is None:
        message = "--with-secrets needs --output, so that the file is made for you alone."
        raise Failure(message, code=2)
    if arguments.format not in _SECRETS_IN:
        raise Failure(f"The format {arguments.format} holds no secrets.", code=2)


def check_source(arguments: Namespace) -> None:
    """Raises Failure for options that do not go together: a server's and a database's."""
    if arguments.database and (arguments.server or arguments.token_file or arguments.passcode):
        message = "With --database no server is asked: leave out what is for one."
        raise Failure(message, code=2)
    if not arguments.database and (arguments.config or arguments.environment):
        message = "Without --database, the options --config and --environment say nothing."
        raise Failure(message, code=2)


async def _export(arguments: Namespace) -> int:
    source = database_source if arguments.database else server_source
    mode = PRIVATE if arguments.with_secrets else AS_USUAL
    async with source(arguments) as (header, pages):
        try:
            with target(arguments.output, mode) as file:
                async for text in FORMATS[arguments.format](header, pages):
                    await asyncio.sleep(0)
                    file.write(text)
        except NotRepresentable as error:
            raise Failure(f"The game cannot be exported: {error}") from error
    if arguments.output is not None:
        complain(_told(header, arguments))
    return 0


def _told(header: Header, arguments: Namespace) -> str:
    events = "1 event" if header.version == 1 else f"{header.version:,} events"
    told = f"Game {header.game_id} with {events} is in {arguments.output}."
    if header.with_secrets:
        told += "\nIt is as secret as the database: it holds cards that were never turned."
    return told
