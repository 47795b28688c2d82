"""Where an exported game comes from: a server, or the database itself."""

import asyncio
import contextlib
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from planning_poker_server.cli.games.database import game_named, looking_at, place_of, settings_of
from planning_poker_server.cli.games.server import asking
from planning_poker_server.cli.keyboard import asked_passcode
from planning_poker_server.cli.running import Failure
from planning_poker_server.eventlog.port import GameCorrupt, Record
from planning_poker_server.eventlog.read_only import ReadOnlyLog
from planning_poker_server.printable import printable
from planning_poker_server.transfer.document import Header

_PAGE: Final = 1_000


class Source(NamedTuple):
    """A game and all of its records, up to the version in the header."""

    header: Header
    pages: AsyncIterator[Sequence[Record]]


@contextlib.asynccontextmanager
async def server_source(arguments: Namespace) -> AsyncIterator[Source]:
    """What everybody may know of the game, from a running server. Raises Failure."""
    passcode = asked_passcode() if arguments.passcode else ""
    async with asking(arguments) as client:
        view = await client.read_game(arguments.game, passcode=passcode)
        header = Header(view.game_id, view.join_code, view.version, with_secrets=False)

        async def pages() -> AsyncIterator[Sequence[Record]]:
            page: list[Record] = []
            history = client.history(view.game_id, through_version=view.version, passcode=passcode)
            async for change in history:
                encoded = change.event.SerializeToString(deterministic=True)
                page.append(Record(change.version, encoded, b""))
                if len(page) == _PAGE:
                    yield page
                    page = []
            if page:
                yield page

        yield Source(header, pages())


@contextlib.asynccontextmanager
async def database_source(arguments: Namespace) -> AsyncIterator[Source]:
    """The game as its records are stored. Raises Failure."""
    settings = settings_of(arguments)
    with looking_at(settings) as log:
        game_id = game_named(log, arguments.game)
        stored = log.game(game_id) if game_id else None
        if game_id is None or stored is None:
            name = printable(arguments.game, 40)
            raise Failure(f"There is no game {name} in {place_of(settings)}.")
        row = stored.row
        header = Header(game_id, row.summary.join_code, row.head, arguments.with_secrets)
        try:
            yield Source(header, _pages(log, game_id, row.head))
        except GameCorrupt as error:
            raise Failure(
                f"The game cannot be exported. {error}. `planning-poker games verify` tells more."
            ) from error


async def _pages(log: ReadOnlyLog, game_id: str, head: int) -> AsyncIterator[Sequence[Record]]:
    for page in log.read(game_id, head):
        yield page
        await asyncio.sleep(0)  # a signal is noticed here
