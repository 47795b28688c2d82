"""What stands on the page, in words and figures; how it looks is the template's matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle, Standing, StoryRecord
from planning_poker_server.report.overview import Overview, overview
from planning_poker_server.report.round_part import RoundPart, round_part
from planning_poker_server.report.story_part import StoryPart, compared, on_the_table, story_part
from planning_poker_server.report.wording import count, listing, number, period, span

MOST_NAMES: Final = 30
"""People whom the head names; how many more there are is said."""
MOST_STANDINGS: Final = 20
"""People in the table of who saw it differently."""
MOST_ROUNDS: Final = 400
"""Rounds that are told one by one, so that the page of the largest game can still be opened."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure that the head shows large."""

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PersonPart:
    """How somebody's cards lay among the others'."""

    name: str
    votes: str
    lower: int
    higher: int


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
        overview=overview(chronicle, stories),
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


def _lead(chronicle: Chronicle) -> str:
    if not chronicle.rounds:
        return "No round was played in this game."
    voted = compared(chronicle)
    at_once = sum(each.rounds_to_consensus == 1 for each in voted)
    later = sum((each.rounds_to_consensus or 0) > 1 for each in voted)
    if not voted or not (at_once or later):
        return ""
    stories = count(len(voted), "story", "stories")
    if not at_once:
        return f"Everyone agreed on {later:,} of {stories}, on none of them at first sight."
    first = f"Everyone agreed at first sight on {at_once:,} of {stories}"
    return f"{first}, and on {later:,} more in a later round." if later else f"{first}."


def _facts(chronicle: Chronicle) -> tuple[Fact, ...]:
    stories = on_the_table(chronicle)
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
        part = story_part(chronicle, record, place, room)
        room -= len(part.rounds)
        parts.append(part)
    return tuple(parts)


# Who saw it differently


def _standings(standings: Sequence[Standing]) -> tuple[PersonPart, ...]:
    if not any(each.apart for each in standings):
        return ()
    often = sorted(standings, key=lambda each: -each.apart)[:MOST_STANDINGS]
    chosen = {each.player_id for each in often}
    return tuple(
        PersonPart(each.display_name, count(each.votes, "vote"), each.lower, each.higher)
        for each in standings
        if each.player_id in chosen
    )


def _standings_text(standings: Sequence[Standing]) -> str:
    left = len(standings) - MOST_STANDINGS
    if left <= 0:
        return ""
    most = f"The {MOST_STANDINGS} who did so most often, in the order of joining"
    return f"{most}; {left:,} others voted too."
