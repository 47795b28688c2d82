"""Imports a file of stories: reads it apart from the event loop, and sends it in its order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import CommandRefused
from planning_poker_client.exchange import CallOptions
from planning_poker_client.stories.columns import StoryFormat
from planning_poker_client.stories.file import StoryFile, StorySource, read_stories
from planning_poker_client.stories.importing import (
    Chunk,
    ImportedStories,
    chunks,
    explained,
    imported,
)

_MAX_WAITS: Final = 8
"""Of one chunk, that the server has no time for."""
_FIRST_WAIT: Final = 0.1
"""Seconds beyond what the server says; twice as many each time."""

Send: TypeAlias = Callable[[pb.Command, CallOptions], Awaitable[Receipt]]


async def opened(
    source: StorySource, kind: Literal["auto"] | StoryFormat, base_url: str
) -> StoryFile:
    """The file, read if it was not read before. Raises BadStories."""
    if isinstance(source, StoryFile):
        return source
    # A large one would keep the loop from all else.
    return await asyncio.to_thread(read_stories, source, kind=kind, base_url=base_url)


async def import_file(
    send: Send,
    file: StoryFile,
    *,
    before_story_id: str,
    request_id: str | None,
    timeout: float | None,
) -> ImportedStories:
    """Send all of it, one chunk after another. Raises PokerError at the first that fails."""
    receipts = []
    for chunk in chunks(file, before_story_id, request_id):
        try:
            receipts.append(await _send_in_turn(send, chunk, timeout))
        except CommandRefused as refused:
            raise explained(refused) from None
    return imported(file, receipts)


async def _send_in_turn(send: Send, chunk: Chunk, timeout: float | None) -> Receipt:
    """Send it again where the server takes no more for the moment.

    A chunk that is one very long story counts as two commands there, of which the
    client's pace knows nothing, and nothing the time that the server says.
    """
    options = CallOptions(request_id=chunk.request_id, timeout=timeout)
    for tried in range(_MAX_WAITS):
        try:
            return await send(chunk.command, options)
        except CommandRefused as refused:
            if refused.refusal.reason != pb.REASON_TOO_MANY_COMMANDS:
                raise
            await asyncio.sleep(refused.retry_after.total_seconds() + _FIRST_WAIT * 2**tried)
    return await send(chunk.command, options)
