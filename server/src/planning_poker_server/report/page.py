"""What stands on the page, in words and figures; how it looks is the template's matter."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle, RoundRecord, Standing, StoryRecord
from planning_poker_server.report import bars
from planning_poker_server.report.bars import Bar, Bars, Dot, Pile
from planning_poker_server.report.round_part import RoundPart, round_part
from planning_poker_server.report.wording import (
    count,
    isolated,
    listing,
    number,
    period,
    share,
    span,
)

MOST_NAMES: Final = 30
"""People whom the head names; how many more there are is said."""
MOST_STANDINGS: Final = 20
"""People in the table of who saw it differently."""
MOST_PILES: Final = 60
"""Stories in the chart of times."""
MOST_DOTS: Final = 300
"""Rounds in the chart of agreement."""
MOST_ROUNDS: Final = 400
"""Rounds that are told one by one, so that the page of the largest game can still be opened."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure that the head shows large."""

    value: str
    label: str
    detail: str = ""


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


@dataclass(frozen=True, slots=True)
class PersonPart:
    """How somebody's cards lay among the others'."""

    name: str
    votes: str
    lower: int
    higher: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The charts about the whole game; None where there is nothing to draw."""

    estimates: Bars | None
    reveals: Bars | None
    reveals_text: str
    agreement: tuple[Dot, ...]
    agreement_text: str
    times: tuple[Pile, ...]
    times_text: str
    left_out: tuple[str, ...]
    """What a chart does not show because it would be too much, in sentences."""


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    when: str
    lead: str
    state: str
    facts: tuple[Fact, ...]
    people: str
    overview: Overview
    stories: tuple[StoryPart, ...]
    standings: tuple[PersonPart, ...]
    standings_text: str
    most_apart: int
    without_story: tuple[RoundPart, ...]
    untold: int
    """Rounds for which there is no room on the page."""
    longest: timedelta
    source: str


def page(chronicle: Chronicle, zone: tzinfo) -> Page:
    """All that the report says about a game, its times in `zone`."""
    stories = _stories(chronicle)
    told = sum(len(story.rounds) for story in stories)
    loose = [round_part(chronicle, each) for each in chronicle.without_story]
    loose = loose[: max(MOST_ROUNDS - told, 0)]
    standings = _standings(chronicle.standings)
    return Page(
        name=chronicle.game.display_name,
        when=_when(chronicle, zone),
        lead=_lead(chronicle),
        state=_state(chronicle),
        facts=_facts(chronicle),
        people=listing([p.player.display_name for p in chronicle.people.values()], MOST_NAMES),
        overview=_overview(chronicle, stories),
        stories=stories,
        standings=standings,
        standings_text=_standings_text(chronicle.standings),
        most_apart=max((max(each.lower, each.higher) for each in standings), default=0),
        without_story=tuple(loose),
        untold=len(chronicle.rounds) - told - len(loose),
        longest=max((story.time for story in stories), default=timedelta()),
        source=f"game {chronicle.game.game_id}, version {chronicle.game.version}",
    )


# The head


def _when(chronicle: Chronicle, zone: tzinfo) -> str:
    start, end = chronicle.played or (chronicle.created_at, chronicle.last_event_at)
    return period(start, end, zone)


def _state(chronicle: Chronicle) -> str:
    if chronicle.ended_at is None:
        return "This game has not ended: the page tells what had happened so far."
    return ""


def _compared(chronicle: Chronicle) -> list[StoryRecord]:
    """The stories with a reveal of more than one card: only there people can agree."""
    return [each for each in chronicle.stories if any(map(_is_compared, each.revealed))]


def _is_compared(record: RoundRecord) -> bool:
    return record.round.statistics.vote_count > 1


def _on_the_table(chronicle: Chronicle) -> list[StoryRecord]:
    return [each for each in chronicle.stories if not each.is_removed]


def _lead(chronicle: Chronicle) -> str:
    if not chronicle.rounds:
        return "No round was played in this game."
    voted = _compared(chronicle)
    at_once = sum(each.rounds_to_consensus == 1 for each in voted)
    later = sum((each.rounds_to_consensus or 0) > 1 for each in voted)
    if not voted or not (at_once or later):
        return ""
    stories = count(len(voted), "story", "stories")
    first = f"Everyone agreed at first sight on {at_once:,} of {stories}"
    return f"{first}, and on {later:,} more in a later round." if later else f"{first}."


def _facts(chronicle: Chronicle) -> tuple[Fact, ...]:
    stories = _on_the_table(chronicle)
    estimated = sum(each.estimate is not None for each in stories)
    skipped = sum(each.story.status == pb.STORY_STATUS_SKIPPED for each in stories)
    facts = []
    if stories:
        detail = f"{skipped} skipped" if skipped else ""
        facts.append(Fact(f"{estimated:,} of {len(stories):,}", "stories estimated", detail))
    if chronicle.points is not None:
        facts.append(Fact(number(chronicle.points), "points", _not_numbers(stories)))
    if chronicle.rounds:
        abandoned = sum(r.status == pb.ROUND_STATUS_ABANDONED for r in chronicle.rounds)
        detail = f"{abandoned} of them abandoned" if abandoned else ""
        rounds = len(chronicle.rounds)
        facts.append(Fact(f"{rounds:,}", "round" if rounds == 1 else "rounds", detail))
    facts.append(_people_fact(chronicle))
    start, end = chronicle.played or (chronicle.created_at, chronicle.last_event_at)
    if chronicle.played:
        facts.append(Fact(span(end - start), "from the first round to the last"))
    return tuple(facts)


def _not_numbers(stories: Sequence[StoryRecord]) -> str:
    others = sum(s.estimate is not None and not s.estimate.HasField("number") for s in stories)
    if not others:
        return ""
    return f"{count(others, 'estimate')} {'is' if others == 1 else 'are'} no number"


def _people_fact(chronicle: Chronicle) -> Fact:
    people = chronicle.people.values()
    observers = sum(each.player.role == pb.PLAYER_ROLE_OBSERVER for each in people)
    detail = f"{observers:,} of them observing" if observers else ""
    return Fact(f"{len(people):,}", "person" if len(people) == 1 else "people", detail)


# The stories


def _stories(chronicle: Chronicle) -> tuple[StoryPart, ...]:
    room, parts = MOST_ROUNDS, []
    for place, record in enumerate(chronicle.stories, 1):
        part = _story(chronicle, record, place, room)
        room -= len(part.rounds)
        parts.append(part)
    return tuple(parts)


def _story(chronicle: Chronicle, record: StoryRecord, place: int, room: int) -> StoryPart:
    story, reveals = record.story, record.revealed
    last = reveals[-1] if reveals else None
    agreement = last.round.statistics.agreement if last and _is_compared(last) else None
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
    if last.vote_count == 1:
        return "One person voted."
    shares = f"{share(last.agreement)} on {' and '.join(isolated(card) for card in last.modes)}"
    if len(last.modes) > 1:
        shares = f"{share(last.agreement)} each on {listing(list(last.modes), 4)}"
    behind = "at the only reveal" if reveals == 1 else f"at the last of {reveals} reveals"
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


# The charts about the whole game


def _overview(chronicle: Chronicle, stories: Sequence[StoryPart]) -> Overview:
    dots = _dots(chronicle)
    timed = [each for each in chronicle.stories if each.time]
    shown = dots[-MOST_DOTS:]
    piles = _piles(chronicle)
    left_out = []
    if len(dots) > len(shown):
        left_out.append(f"Agreement is drawn for the last {len(shown):,} of {len(dots):,} reveals.")
    if len(timed) > len(piles):
        left_out.append(f"Time is drawn for the {len(piles)} stories that took longest.")
    return Overview(
        estimates=_sizes(chronicle),
        reveals=_reveals(chronicle),
        reveals_text=_reveals_text(chronicle),
        agreement=tuple(shown) if len(dots) > 1 else (),
        agreement_text=_agreement_text(dots),
        times=tuple(piles) if len(piles) > 1 else (),
        times_text=_times_text(stories),
        left_out=tuple(left_out),
    )


def _dots(chronicle: Chronicle) -> list[Dot]:
    seen: set[str] = set()
    dots = []
    for each in filter(_is_compared, chronicle.revealed):
        story_id = each.round.story_id
        dots.append(Dot(each.round.statistics.agreement, not story_id or story_id not in seen))
        seen.add(story_id)
    return dots


def _agreement_text(dots: Sequence[Dot]) -> str:
    if not dots:
        return ""
    mean = sum(dot.share for dot in dots) / len(dots)
    whole = sum(dot.share == 1 for dot in dots)
    return (
        f"Over {count(len(dots), 'reveal')}, the most frequent card had {share(mean)} of the votes"
        f" on average; {count(whole, 'reveal') if whole else 'none'} showed one card only."
    )


def _piles(chronicle: Chronicle) -> list[Pile]:
    timed = [(n, each) for n, each in enumerate(chronicle.stories, 1) if each.time]
    longest = sorted(timed, key=lambda pair: pair[1].time, reverse=True)[:MOST_PILES]
    return [
        Pile(str(n), (each.voting.total_seconds(), each.discussion.total_seconds()))
        for n, each in sorted(longest, key=lambda pair: pair[0])
    ]


def _times_text(stories: Sequence[StoryPart]) -> str:
    timed = sorted((each for each in stories if each.time), key=lambda each: each.time)
    if not timed:
        return ""
    middle, longest = timed[len(timed) // 2], timed[-1]
    return (
        f"Half of the stories took {middle.time_text} or less;"
        f" the longest, number {longest.number}, {longest.time_text}."
    )


def _sizes(chronicle: Chronicle) -> Bars | None:
    values = Counter(each.estimate.value for each in _on_the_table(chronicle) if each.estimate)
    if not values:
        return None
    return bars.of_estimates(chronicle.game.settings.deck, values)


def _reveals(chronicle: Chronicle) -> Bars | None:
    """How many reveals it took until all agreed."""
    voted = _compared(chronicle)
    if not voted:
        return None
    took = Counter(each.rounds_to_consensus for each in voted)
    numbers = [n for n in took if n is not None]
    counts = {str(n): took[n] for n in range(1, min(max(numbers, default=1), 4) + 1)}
    if more := sum(took[n] for n in numbers if n > len(counts)):
        counts[f"{len(counts) + 1} or more"] = more
    drawn = [Bar(label, amount, "most") for label, amount in counts.items()]
    counts["never"] = took[None]
    drawn.append(Bar("never", took[None]))
    return Bars(
        "reveals", tuple(drawn), "Stories by reveals until all agreed. " + bars.in_words(counts)
    )


def _reveals_text(chronicle: Chronicle) -> str:
    never = [each for each in _compared(chronicle) if each.rounds_to_consensus is None]
    if not never:
        return ""
    settled = sum(each.estimate is not None for each in never)
    amount = "all" if settled == len(never) else f"{settled:,}" if settled else "none"
    stories = count(len(never), "story", "stories")
    return f"“Never”: {stories} without a reveal on which all agreed; {amount} got an estimate."


# Who saw it differently


def _standings(standings: Sequence[Standing]) -> tuple[PersonPart, ...]:
    if len(standings) < 2:
        return ()
    often = sorted(standings, key=lambda each: -each.apart)[:MOST_STANDINGS]
    chosen = {each.player_id for each in often}
    return tuple(
        PersonPart(each.display_name, count(each.votes, "vote"), each.lower, each.higher)
        for each in standings
        if each.player_id in chosen
    )


def _standings_text(standings: Sequence[Standing]) -> str:
    if len(standings) < 2:
        return ""
    left = len(standings) - MOST_STANDINGS
    if left <= 0:
        return ""
    most = f"The {MOST_STANDINGS} who did so most often, in the order of joining"
    return f"{most}; {left:,} others voted too."
