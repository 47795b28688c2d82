"""A round as the page tells it."""

from dataclasses import dataclass
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle, RoundRecord
from planning_poker_server.report import bars
from planning_poker_server.report.bars import Bars
from planning_poker_server.report.wording import count, isolated, listing, number, share, span

MOST_HOLDERS: Final = 12
"""Names beside a card."""
MOST_MISSING: Final = 12
"""Names of those who had not voted, or were not there."""
MOST_COMMENTS: Final = 30
"""Reasons that are quoted; how many more there are is said."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A reason given with a vote."""

    name: str
    card: str
    text: str


@dataclass(frozen=True, slots=True)
class RoundPart:
    title: str
    figures: str
    """Time, agreement, median: what can be said in a line."""
    chart: Bars | None
    """None where no cards were turned."""
    holders: tuple[tuple[str, str], ...]
    """Each card that was chosen, and who chose it."""
    notes: tuple[str, ...]
    """What was not as usual: forced, missing, absent, abandoned, open."""
    comments: tuple[Comment, ...]
    more_comments: int


def round_part(chronicle: Chronicle, record: RoundRecord) -> RoundPart:
    votes = record.round.votes
    comments = [Comment(v.display_name, v.card, v.comment) for v in votes if v.comment]
    return RoundPart(
        title=f"Round {record.round.number}" if record.round.story_id else "Vote",
        figures=_figures(record),
        chart=bars.of_round(record.round) if record.is_revealed else None,
        holders=_holders(record),
        notes=tuple(_notes(chronicle, record)),
        comments=tuple(comments[:MOST_COMMENTS]),
        more_comments=max(len(comments) - MOST_COMMENTS, 0),
    )


def _figures(record: RoundRecord) -> str:
    said = []
    figures = record.round.statistics
    if record.is_revealed:
        said.append(span(record.voting))
        if figures.vote_count > 1:
            said.append(f"{share(figures.agreement)} agreed")
        if figures.HasField("median") and figures.lowest_card != figures.highest_card:
            said.append(f"median {number(figures.median)}, mean {number(figures.mean)}")
        elif figures.median_card and figures.lowest_card != figures.highest_card:
            said.append(f"median {isolated(figures.median_card)}")
    return " · ".join(said)


def _holders(record: RoundRecord) -> tuple[tuple[str, str], ...]:
    names: dict[str, list[str]] = {}
    for vote in record.round.votes:
        names.setdefault(vote.card, []).append(vote.display_name)
    order = [entry.card for entry in record.round.statistics.distribution]
    return tuple((card, listing(names.get(card, []), MOST_HOLDERS)) for card in order)


def _notes(chronicle: Chronicle, record: RoundRecord) -> list[str]:
    cards = count(len(record.voted_player_ids), "card")
    if record.status == pb.ROUND_STATUS_ABANDONED:
        return [f"Abandoned after {span(record.voting)}, with {cards} face down that nobody saw."]
    if record.status == pb.ROUND_STATUS_OPEN:
        return [f"Still open, with {cards} face down."]
    notes = []
    if record.forced:
        who = chronicle.name(record.closed_by)
        by = f" by {isolated(who)}" if who else ""
        notes.append(f"Revealed{by} before all had voted.")
    missing = list(record.round.missing_player_ids)
    away = [each for each in missing if each in record.absent_player_ids]
    silent = [each for each in missing if each not in record.absent_player_ids]
    if silent:
        notes.append(f"No card from {_names(chronicle, silent)}.")
    if away:
        notes.append(f"Not connected at the reveal: {_names(chronicle, away)}.")
    return notes


def _names(chronicle: Chronicle, player_ids: list[str]) -> str:
    return listing([chronicle.name(each) for each in player_ids], MOST_MISSING)
