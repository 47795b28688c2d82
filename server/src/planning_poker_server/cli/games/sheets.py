"""A game as rows for a spreadsheet, and what its history says, of the records of an export."""

import io
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TextIO

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle
from planning_poker_model.chronicler import chronicle
from planning_poker_model.csv_export import write_stories, write_votes
from planning_poker_server.eventlog.port import Record
from planning_poker_server.transfer.document import Header


async def chronicle_of(pages: AsyncIterator[Sequence[Record]]) -> Chronicle:
    """What these records, all of a game, say."""
    return chronicle(
        [pb.GameEvent.FromString(record.event) async for page in pages for record in page]
    )


async def stories_csv(
    _header: Header, pages: AsyncIterator[Sequence[Record]]
) -> AsyncIterator[str]:
    """A row for each story."""
    yield _sheet(write_stories, await chronicle_of(pages))


async def votes_csv(_header: Header, pages: AsyncIterator[Sequence[Record]]) -> AsyncIterator[str]:
    """A row for each vote of each round."""
    yield _sheet(write_votes, await chronicle_of(pages))


def _sheet(write: Callable[[Chronicle, TextIO], None], told: Chronicle) -> str:
    file = io.StringIO(newline="")
    write(told, file)
    return file.getvalue()
