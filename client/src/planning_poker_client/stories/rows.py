"""Stories from the rows of a table: a row is a story, or it is told what is wrong with it. Pure."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

import planningpoker.v1 as pb
from planning_poker_client.stories.columns import COLUMNS, Layout
from planning_poker_client.stories.csv_records import Record
from planning_poker_model import limits, text

_LIMITS: Final = {
    "key": limits.STORY_KEY,
    "title": limits.STORY_TITLE,
    "description": limits.STORY_DESCRIPTION,
    "url": limits.STORY_URL,
}
_MULTILINE: Final = frozenset({"description"})
_LONE_RETURN: Final = re.compile(r"\r(?!\n)")
_CONTROL: Final = re.compile("[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


class Row(NamedTuple):
    """A story, and what was changed to make it one."""

    story: pb.NewStory
    notes: Sequence[str] = ()


Problem: TypeAlias = str
"""Completes a sentence that begins with the line."""


def story_in(record: Record, layout: Layout, base_url: str) -> Row | Problem:
    """What a record holds; `base_url` makes a link of a key, where there is none."""
    if record.problem:
        return record.problem
    if len(record.fields) != len(layout.header.fields):
        return f"has {len(record.fields)} fields; the header names {len(layout.header.fields)}"
    if any(record.fields[place].strip() for place in layout.unnamed):
        return "has text in a column without a name"
    values = {field: _first(record.fields, layout.places[field]) for field in COLUMNS}
    row = _plain(values) if layout.format == "csv" else _from_jira(values)
    if isinstance(row, Row) and base_url and row.story.key and not row.story.url:
        link = f"{base_url}/browse/{quote(row.story.key, safe='')}"
        if len(link) <= limits.STORY_URL:
            row.story.url = link
    return row


def _first(fields: Sequence[str], places: Sequence[int]) -> str:
    return next((fields[place] for place in places if fields[place].strip()), "")


def _plain(values: dict[str, str]) -> Row | Problem:
    """Whoever wrote the table can mend it, so nothing is changed for them but line breaks."""
    kept = {}
    for name, value in values.items():
        lines = name in _MULTILINE
        kept[name] = text.trim(_LONE_RETURN.sub("\n", value) if lines else value, multiline=lines)
    return _problem(kept, "title") or Row(pb.NewStory(**kept))


def _from_jira(values: dict[str, str]) -> Row | Problem:
    """Nobody mends what Jira exports: what is too long is cut, what cannot be kept left out."""
    notes: list[str] = []
    kept = {}
    for name, value in values.items():
        kept[name] = text.cleaned(value, multiline=name in _MULTILINE)
        called = "summary" if name == "title" else name
        if _CONTROL.search(value):
            notes.append(f"control characters were left out of the {called}")
        if name in ("title", "description") and len(kept[name]) > _LIMITS[name]:
            notes.append(
                f"the {called} was cut from {len(kept[name]):,} to {_LIMITS[name]:,} characters"
            )
            kept[name] = _cut(kept[name], _LIMITS[name], multiline=name in _MULTILINE)
    if not text.is_link(kept["url"]) or len(kept["url"]) > limits.STORY_URL:
        kept["url"] = ""  # these columns are used for other things, too
    return _problem(kept, "summary") or Row(pb.NewStory(**kept), notes)


def _cut(value: str, limit: int, *, multiline: bool) -> str:
    # Cutting may part a joiner from what it joins.
    return text.cleaned(value[: limit - 1], multiline=multiline) + "…"


def _problem(values: dict[str, str], title: str) -> Problem:
    if not values["title"]:
        return f"the {title} is empty"
    for name, value in values.items():
        if problem := text.problem(value, _LIMITS[name], multiline=name in _MULTILINE):
            return f"the {name} {problem}"
    if values["url"] and not text.is_link(values["url"]):
        return "the url must begin with http:// or https:// and a host"
    return ""
