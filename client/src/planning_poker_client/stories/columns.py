"""Which columns of a table hold what of a story, told from its header. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from planning_poker_client.errors import BadStories, Finding
from planning_poker_client.stories.csv_records import SEPARATORS, Record, header

StoryFormat: TypeAlias = Literal["csv", "jira"]
COLUMNS: Final = ("key", "title", "description", "url")
"""Of a plain CSV file; only `title` must be there."""
_JIRA: Final[Mapping[str, frozenset[str]]] = {
    # English, German, French, Spanish: Jira writes names in the language of who exports.
    "key": frozenset(
        {"issue key", "work item key", "vorgangsschlüssel", "clé de ticket", "clave de incidencia"}
    ),
    "title": frozenset({"summary", "zusammenfassung", "résumé", "resumen"}),
    "description": frozenset({"description", "beschreibung", "descripción"}),
    "url": frozenset({"url", "link", "issue link", "issue url"}),
}
_NAMES_SHOWN: Final = 5
_NAME_SHOWN: Final = 40


class Layout(NamedTuple):
    """How a table is to be read."""

    format: StoryFormat
    separator: str
    header: Record
    places: Mapping[str, Sequence[int]]
    """By the name in `COLUMNS`: which columns, from 0, the first that is not empty counts."""
    unnamed: Sequence[int]
    """Columns that a spreadsheet left without a name."""


def layout_of(text: str, kind: Literal["auto"] | StoryFormat) -> Layout:
    """Find out separator and format from the header. Raises BadStories."""
    found = [(mark, record) for mark in SEPARATORS if (record := header(text, mark))]
    if not found:
        possible = ", ".join(COLUMNS)
        raise BadStories([Finding(1, f"there is no header; it names the columns: {possible}")])
    separator, record = max(found, key=lambda each: _fits(each[1], kind))
    if record.problem:
        raise BadStories([Finding(record.line, record.problem)])
    names = _names(record)
    plain = kind == "csv" or (kind == "auto" and not _is_jira(names))
    known = {name: {name} for name in COLUMNS} if plain else _JIRA
    if problem := _plain_problem(names) if plain else _jira_problem(names):
        raise BadStories([Finding(record.line, problem)])
    places = {
        field: [place for place, name in enumerate(names) if name in known[field]]
        for field in COLUMNS
    }
    unnamed = [place for place, name in enumerate(names) if not name]
    return Layout("csv" if plain else "jira", separator, record, places, unnamed)


def _names(record: Record) -> list[str]:
    return [name.strip().casefold() for name in record.fields]


def _fits(record: Record, kind: str) -> tuple[bool, int]:
    """How well the header can be read: the greater, the better."""
    names = _names(record)
    plain, jira = "title" in names, not _JIRA["title"].isdisjoint(names)
    return (plain and kind != "jira") or (jira and kind != "csv"), len(names)


def _is_jira(names: Sequence[str]) -> bool:
    return "title" not in names and not _JIRA["title"].isdisjoint(names)


def _plain_problem(names: Sequence[str]) -> str:
    """A column that is not understood might be one misspelt."""
    named = [name for name in names if name]
    unknown = [name for name in named if name not in COLUMNS]
    if unknown:
        shown = ", ".join(repr(name[:_NAME_SHOWN]) for name in unknown[:_NAMES_SHOWN])
        return f"has unknown columns: {shown}; possible are {', '.join(COLUMNS)}"
    if len(set(named)) < len(named):
        return "names a column twice"
    if "title" not in named:
        return "has no column 'title'"
    return ""


def _jira_problem(names: Sequence[str]) -> str:
    if _JIRA["title"].isdisjoint(names):
        return "has no column 'Summary', under its name in English, German, French or Spanish"
    return ""
