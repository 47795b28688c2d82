"""A game's history as CSV: a row a story, and a row a vote of every round.

Text that a spreadsheet would take for a formula gets an apostrophe in front, as
OWASP advises against CSV injection: text that begins with = + - @, their
full-width forms, a tab or a line break. A plain number is left alone, so a card
"-1" stays one. So that nothing is lost, text that begins with apostrophes and then
such a character gets one more; `unguarded` undoes it exactly. Where a spreadsheet is
told to split at another character than the comma, no writer can guard its cells.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TextIO

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle, RoundRecord, StoryRecord

STORY_COLUMNS: Final = (
    "story_id",
    "key",
    "title",
    "url",
    "status",
    "estimate",
    "estimate_number",
    "rounds_started",
    "rounds_revealed",
    "rounds_to_consensus",
    "votes_in_last_round",
    "agreement_in_last_round",
    "seconds_voting",
    "seconds_discussing",
    "estimated_by",
    "estimated_at",
)
VOTE_COLUMNS: Final = (
    "story_id",
    "story_key",
    "story_title",
    "round_id",
    "round_number",
    "player_id",
    "player",
    "card",
    "number",
    "comment",
    "outlier",
    "opened_at",
    "revealed_at",
)
_STATUS: Final = {
    pb.STORY_STATUS_PENDING: "pending",
    pb.STORY_STATUS_ESTIMATED: "estimated",
    pb.STORY_STATUS_SKIPPED: "skipped",
}
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


def write_stories(chronicle: Chronicle, file: TextIO) -> None:
    """A line of `STORY_COLUMNS`, then one a story, the removed ones last.

    Open `file` with newline="": lines end in CR LF, as RFC 4180 has it.
    """
    _write(file, STORY_COLUMNS, (_story_row(chronicle, each) for each in chronicle.stories))


def write_votes(chronicle: Chronicle, file: TextIO) -> None:
    """A line of `VOTE_COLUMNS`, then one a vote, in the order of the reveals.

    Open `file` with newline="", as for `write_stories`. Only votes of revealed rounds are
    there: the cards of the others were never turned.
    """
    stories = {each.story.story_id: each.story for each in chronicle.stories}
    rows = (
        row
        for record in chronicle.revealed
        for row in _vote_rows(stories.get(record.round.story_id, pb.Story()), record)
    )
    _write(file, VOTE_COLUMNS, rows)


def guarded(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def unguarded(cell: str) -> str:
    """What `guarded` was given to make `cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _write(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.3f}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    return guarded(str(value))


def _story_row(chronicle: Chronicle, record: StoryRecord) -> tuple[object, ...]:
    story, estimate = record.story, record.estimate
    last = record.revealed[-1].round.statistics if record.revealed else None
    return (
        story.story_id,
        story.key,
        story.title,
        story.url,
        "removed" if record.is_removed else _STATUS.get(story.status, ""),
        estimate.value if estimate else None,
        estimate.number if estimate and estimate.HasField("number") else None,
        len(record.rounds),
        len(record.revealed),
        record.rounds_to_consensus,
        last.vote_count if last else None,
        last.agreement if last else None,
        record.voting,
        record.discussion,
        chronicle.name(estimate.player_id) if estimate else None,
        record.estimated_at,
    )


def _vote_rows(story: pb.Story, record: RoundRecord) -> Iterator[tuple[object, ...]]:
    numbers = {card.label: card.value for card in record.round.deck.cards if card.HasField("value")}
    outliers = record.outliers
    for vote in record.round.votes:
        yield (
            story.story_id,
            story.key,
            story.title,
            record.round.round_id,
            record.round.number,
            vote.player_id,
            vote.display_name,
            vote.card,
            numbers.get(vote.card),
            vote.comment,
            vote.player_id in outliers,
            record.opened_at,
            record.closed_at,
        )
