"""Reads a backlog from CSV, and refuses all of it when any line is wrong."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model import limits, text
from planning_poker_model.limits import GameLimits
from planning_poker_server.printable import printable

COLUMNS: Final = ("key", "title", "description", "url")
MAX_BYTES: Final = 4 << 20
_BATCH_BYTES: Final = 100_000
"""Of stories in one command; the server takes 256 KiB in a message."""
_MAX_PROBLEMS: Final = 10
_LIMITS: Final = {
    "key": limits.STORY_KEY,
    "title": limits.STORY_TITLE,
    "description": limits.STORY_DESCRIPTION,
    "url": limits.STORY_URL,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One story to be estimated."""

    title: str
    description: str = ""
    key: str = ""
    url: str = ""


class BacklogError(Exception):
    """The file cannot be used; the message names each bad line."""


def read_backlog(path: Path) -> list[Entry]:
    """The stories of a CSV file, in their order. Raises BacklogError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BacklogError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        return parse_backlog(data)
    except BacklogError as error:
        raise BacklogError(f"{path} cannot be used as a backlog:\n{error}") from error


def parse_backlog(data: bytes) -> list[Entry]:
    """The stories in the bytes of a CSV file with a header; see `COLUMNS`.

    UTF-8 with or without a byte order mark. Only `title` must be there. Raises
    BacklogError whose message has a line for each of the first problems.
    """
    problems: list[str] = []
    entries: list[Entry] = []
    for line, entry, problem in _entries(_decoded(data)):
        if problem:
            problems.append(f"line {line}: {problem}")
        elif entry:
            entries.append(entry)
    most = GameLimits()
    if len(entries) > most.max_stories:
        problems.append(f"it has {len(entries):,} stories; a game has at most {most.max_stories:,}")
    if _size(entries) > most.max_story_bytes:
        problems.append(f"its text is over {most.max_story_bytes:,} bytes")
    if not problems and not entries:
        problems.append("it has a header and no stories")
    if problems:
        raise BacklogError(_listed(problems))
    return entries


def batches(entries: Sequence[Entry]) -> Iterator[list[pb.NewStory]]:
    """The stories in as many commands as their text needs."""
    batch: list[pb.NewStory] = []
    size = 0
    for entry in entries:
        story = pb.NewStory(
            title=entry.title, description=entry.description, key=entry.key, url=entry.url
        )
        if batch and size + story.ByteSize() > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(story)
        size += story.ByteSize()
    if batch:
        yield batch


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise BacklogError(f"  it is larger than {MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BacklogError(f"  line {line}: is not UTF-8; save the file as UTF-8") from error


def _entries(content: str) -> Iterator[tuple[int, Entry | None, str]]:
    """Each record with the line it begins on: an entry, or what is wrong with it."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    columns: list[str] = []
    line = 1
    try:
        for record in reader:
            if not record or not any(field.strip() for field in record):
                pass  # spreadsheets leave empty lines
            elif not columns:
                columns = _columns(record, line)
            else:
                yield line, *_entry(columns, record)
            line = reader.line_num + 1
    except csv.Error as error:
        yield line, None, f"is not CSV: {error}"
        return
    if not columns:
        raise BacklogError(f"  line 1: there is no header; it names the columns: {_names(COLUMNS)}")


def _columns(header: list[str], line: int) -> list[str]:
    """The columns' names, checked: a column that is not understood might be one misspelt."""
    columns = [name.strip().lower() for name in header]
    unknown = [name for name in columns if name not in COLUMNS]
    if len(columns) == 1 and ";" in columns[0]:
        problem = "the columns are separated by semicolons; separate them by commas"
    elif unknown:
        shown = ", ".join(repr(printable(name, 40)) for name in unknown[:5])
        problem = f"has unknown columns: {shown}; possible are {_names(COLUMNS)}"
    elif len(set(columns)) < len(columns):
        problem = "names a column twice"
    elif "title" not in columns:
        problem = "has no column 'title'"
    else:
        return columns
    raise BacklogError(f"  line {line}: {problem}")


def _entry(columns: list[str], record: list[str]) -> tuple[Entry | None, str]:
    if len(record) != len(columns):
        return None, f"has {len(record)} fields; the header names {len(columns)}"
    values = {
        name: text.trim(value, multiline=name == "description")
        for name, value in zip(columns, record, strict=True)
    }
    if not values["title"]:
        return None, "the title is empty"
    for name, value in values.items():
        if problem := text.problem(value, _LIMITS[name], multiline=name == "description"):
            return None, f"the {name} {problem}"
    if values.get("url") and not values["url"].lower().startswith(("http://", "https://")):
        return None, "the url must begin with http:// or https://"
    return Entry(**values), ""


def _size(entries: list[Entry]) -> int:
    return sum(
        len(part.encode())
        for each in entries
        for part in (each.title, each.description, each.key, each.url)
    )


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(columns)


def _listed(problems: list[str]) -> str:
    shown = [f"  {problem}" for problem in problems[:_MAX_PROBLEMS]]
    if len(problems) > _MAX_PROBLEMS:
        shown.append(f"  … and {len(problems) - _MAX_PROBLEMS} more")
    return "\n".join(shown)
