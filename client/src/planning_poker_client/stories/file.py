"""Stories from a file: plain CSV, or as Jira exports them. All of it can be used, or none."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

import planningpoker.v1 as pb
from planning_poker_client.errors import BadStories, Finding
from planning_poker_client.stories.columns import Layout, StoryFormat, layout_of
from planning_poker_client.stories.csv_records import MAX_BYTES, MAX_HEADER, decoded, records
from planning_poker_client.stories.rows import Row, story_in
from planning_poker_model import text
from planning_poker_model.limits import GameLimits

StorySource: TypeAlias = "bytes | os.PathLike[str] | StoryFile"
_MOST: Final = GameLimits()
_MAX_PROBLEMS: Final = 1_000


@dataclass(frozen=True, slots=True)
class StoryFile:
    """A file that was read and found good."""

    stories: Sequence[pb.NewStory] = field(repr=False)
    """In the file's order; at least one."""
    format: StoryFormat
    encoding: str
    """What its bytes were read as, by Python's name: "utf-8", "utf-16" or "cp1252"."""
    digest: str
    """SHA-256 of its bytes, in hexadecimal digits."""
    notes: Sequence[Finding] = ()
    """What was changed to make it fit, in the file's order: texts that were cut, for example."""


def read_stories(
    source: bytes | os.PathLike[str],
    *,
    kind: Literal["auto"] | StoryFormat = "auto",
    base_url: str = "",
) -> StoryFile:
    """The stories of a file, given as its bytes or its path.

    "csv" has a header with `title` and, if you like, `key`, `description` and
    `url`; "jira" is an export of Jira's; "auto" tells them apart by the header.
    `base_url`, such as "https://example.atlassian.net", gives a link to stories
    with a key and without a link: `{base_url}/browse/{key}`.

    Raises BadStories, which names the lines, where any of it cannot be used or
    no game could hold it; ValueError for a `base_url` that is no link.
    """
    base_url = base_url.rstrip("/")
    if base_url and (not text.is_link(base_url) or text.problem(base_url, len(base_url))):
        raise ValueError("base_url must begin with http:// or https:// and a host")
    if isinstance(source, bytes):
        return _parsed(source, kind, base_url)
    try:
        return _parsed(_bytes_of(Path(source)), kind, base_url)
    except BadStories as bad:
        raise BadStories(bad.problems, str(source)) from bad.__cause__


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadStories([Finding(0, f"it cannot be read: {error.strerror or error}")]) from error


def _parsed(data: bytes, kind: Literal["auto"] | StoryFormat, base_url: str) -> StoryFile:
    found = decoded(data)
    layout = layout_of(found.text, kind)
    stories, notes = _stories(found.text, layout, base_url)
    return StoryFile(
        stories=tuple(stories),
        format=layout.format,
        encoding=found.encoding,
        digest=hashlib.sha256(data).hexdigest(),
        notes=(*found.notes, *notes),
    )


def _stories(
    content: str, layout: Layout, base_url: str
) -> tuple[Sequence[pb.NewStory], Sequence[Finding]]:
    stories: list[pb.NewStory] = []
    notes: list[Finding] = []
    problems: list[Finding] = []
    count = size = 0
    rows = records(content, layout.separator)
    header = next(rows)
    if header.fields != layout.header.fields:
        what = header.problem or f"the header has over {MAX_HEADER:,} characters"
        raise BadStories([Finding(header.line, what)])
    for record in rows:
        if count > _MOST.max_stories:  # too many to look at, and none will be added
            count += 1
            continue
        row = story_in(record, layout, base_url)
        if not isinstance(row, Row):
            problems.append(Finding(record.line, row))
            if len(problems) == _MAX_PROBLEMS:
                break
            continue
        count += 1
        size += _size(row.story)
        if count <= _MOST.max_stories:  # what is refused need not be kept
            stories.append(row.story)
            notes += [Finding(record.line, note) for note in row.notes]
    problems += _too_much(count, size)
    if not problems and not stories:
        problems.append(Finding(0, "it has a header and no stories"))
    if problems:
        raise BadStories(problems)
    return stories, notes


def _too_much(count: int, size: int) -> list[Finding]:
    """What no game could hold; how much one has room for, the server knows."""
    problems = []
    if count > _MOST.max_stories:
        what = f"it has {count:,} stories; a game has at most {_MOST.max_stories:,}"
        problems.append(Finding(0, what))
    if size > _MOST.max_story_bytes:
        what = f"its text is over {_MOST.max_story_bytes:,} bytes, the most that a game takes"
        problems.append(Finding(0, f"{what}: leave out rows, or the descriptions"))
    return problems


def _size(story: pb.NewStory) -> int:
    parts = (story.title, story.description, story.key, story.url)
    return sum(len(part.encode()) for part in parts)
