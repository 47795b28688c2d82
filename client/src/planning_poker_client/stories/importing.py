"""A file of stories as commands that have one effect, however often they are sent. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import CommandRefused, Finding
from planning_poker_client.stories.file import StoryFile

CHUNK_BYTES: Final = 15 << 10
CHUNK_STORIES: Final = 100
"""Of one command; the server takes 256 KiB, and counts what has 16 KiB as several commands. Neither
bound may ever change: what was begun under others could not be completed."""


@dataclass(frozen=True, slots=True)
class ImportedStories:
    """All stories of a file are in the game."""

    story_ids: tuple[str, ...]
    """In the file's order; stories that were removed since keep their ids."""
    added: int
    """How many of them this call added …"""
    already_there: int
    """… and how many came before: by an earlier call, or by this one where the connection was
    lost between their command and its answer."""
    notes: tuple[Finding, ...] = ()
    """What was changed to make the file fit: see `StoryFile.notes`."""


class Chunk(NamedTuple):
    """A part of a file."""

    request_id: str
    command: pb.Command


def chunks(file: StoryFile, before_story_id: str, request_id: str | None) -> Iterator[Chunk]:
    """The file in commands, to be sent one after another.

    Their ids follow from the file's bytes and their number, or from `request_id`.
    """
    name = f"import/{file.digest}" if request_id is None else request_id
    for number, stories in enumerate(_split(file.stories)):
        add = pb.AddStories(stories=stories, before_story_id=before_story_id)
        yield Chunk(f"{name}/{number}", pb.Command(add_stories=add))


def imported(file: StoryFile, receipts: Sequence[Receipt]) -> ImportedStories:
    """What came of all chunks."""
    already_there = sum(len(receipt.story_ids) for receipt in receipts if receipt.duplicate)
    story_ids = tuple(id_ for receipt in receipts for id_ in receipt.story_ids)
    return ImportedStories(
        story_ids=story_ids,
        added=len(story_ids) - already_there,
        already_there=already_there,
        notes=tuple(file.notes),
    )


def explained(refused: CommandRefused) -> CommandRefused:
    """The refusal of a chunk, in words about the file where the server's are about commands."""
    if refused.refusal.reason != pb.REASON_CORRELATION_ID_REUSED:
        return refused
    refusal = pb.Refusal()
    refusal.CopyFrom(refused.refusal)
    refusal.message = (
        "This file was imported into this game before, with other options or another version"
        " of the SDK: nothing was added. Repeat the call as it was, or import the file anew"
        " under another request_id."
    )
    return CommandRefused(refusal)


def _split(stories: Sequence[pb.NewStory]) -> Iterator[Sequence[pb.NewStory]]:
    chunk: list[pb.NewStory] = []
    size = 0
    for story in stories:
        length = story.ByteSize()
        if chunk and (size + length > CHUNK_BYTES or len(chunk) == CHUNK_STORIES):
            yield chunk
            chunk, size = [], 0
        chunk.append(story)
        size += length
    yield chunk
