"""A story as the page tells it."""

from dataclasses import dataclass
from datetime import timedelta

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle, RoundRecord, StoryRecord
from planning_poker_server.report.round_part import RoundPart, round_part
from planning_poker_server.report.wording import isolated, listing, share, span


@dataclass(frozen=True, slots=True)
class StoryPart:
    """A story in the table and, where it had rounds, in the part of its own."""

    number: int
    anchor: str
    key: str
    title: str
    url: str
    estimate: str
    outcome: str
    """What became of it, in a sentence or two."""
    status: str
    """Said in place of an estimate."""
    reveals: int
    agreement: float | None
    """At its last reveal."""
    agreed: str
    time: timedelta
    time_text: str
    rounds: tuple[RoundPart, ...]


def compared(chronicle: Chronicle) -> list[StoryRecord]:
    """The stories with a reveal of more than one card: only there people can agree."""
    return [each for each in chronicle.stories if any(map(is_compared, each.revealed))]


def is_compared(record: RoundRecord) -> bool:
    return record.round.statistics.vote_count > 1


def on_the_table(chronicle: Chronicle) -> list[StoryRecord]:
    return [each for each in chronicle.stories if not each.is_removed]


def story_part(chronicle: Chronicle, record: StoryRecord, place: int, room: int) -> StoryPart:
    """The story at this place of the backlog, with as many rounds as there is room for."""
    story, reveals = record.story, record.revealed
    last = reveals[-1] if reveals else None
    agreement = last.round.statistics.agreement if last and is_compared(last) else None
    return StoryPart(
        number=place,
        anchor=f"story-{place}",
        key=story.key,
        title=story.title,
        url=story.url if story.url.startswith(("https://", "http://")) else "",
        estimate=record.estimate.value if record.estimate else "",
        outcome=" ".join(filter(None, (_outcome(record), _earlier(chronicle, record)))),
        status=_status(record),
        reveals=len(reveals),
        agreement=agreement,
        agreed="" if agreement is None else share(agreement),
        time=record.time,
        time_text=span(record.time) if record.rounds else "",
        rounds=tuple(round_part(chronicle, each) for each in record.rounds[:room]),
    )


def _status(record: StoryRecord) -> str:
    if record.is_removed:
        return "removed"
    if record.story.status == pb.STORY_STATUS_SKIPPED:
        return "skipped"
    return "" if record.estimate else "no estimate"


def _outcome(record: StoryRecord) -> str:
    reveals = len(record.revealed)
    if not reveals:
        return "Estimated without a vote." if record.estimate else "No cards were turned."
    agreed = record.rounds_to_consensus
    if agreed == 1:
        return "All agreed at first sight."
    if agreed:
        return f"All agreed at reveal {agreed}."
    last = record.revealed[-1].round.statistics
    behind = "at the only reveal" if reveals == 1 else f"at the last of {reveals} reveals"
    if last.vote_count == 1:
        return "One person voted."
    if last.agreement == 1:
        return f"All chose {isolated(last.modes[0])}, which is not on the scale, {behind}."
    shares = f"{share(last.agreement)} on {' and '.join(isolated(card) for card in last.modes)}"
    if len(last.modes) > 1:
        shares = f"{share(last.agreement)} each on {listing(list(last.modes), 4)}"
    settled = "Estimated without full agreement" if record.estimate else "No full agreement"
    return f"{settled}: {shares} {behind}."


def _earlier(chronicle: Chronicle, record: StoryRecord) -> str:
    """What was accepted before the estimate that counts."""
    values = [isolated(each.value) for each in record.estimates]
    if record.estimate is None:
        return f"Was estimated at {', then '.join(values)}." if values else ""
    who = chronicle.name(record.estimate.player_id)
    by = f" by {isolated(who)}" if who else ""
    return (
        f"Estimated at {values[0]} first; changed to {', then '.join(values[1:])}{by}."
        if values[1:]
        else ""
    )
