"""The charts about the whole game."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from planning_poker_model.chronicle import Chronicle
from planning_poker_server.report import bars
from planning_poker_server.report.bars import Bar, Bars, Dot, Pile
from planning_poker_server.report.story_part import (
    StoryPart,
    compared,
    is_compared,
    on_the_table,
)
from planning_poker_server.report.wording import count, share

MOST_PILES: Final = 60
"""Stories in the chart of times."""
MOST_DOTS: Final = 300
"""Rounds in the chart of agreement."""


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


def overview(chronicle: Chronicle, stories: Sequence[StoryPart]) -> Overview:
    """All charts but those of single rounds; `stories` are those of the page."""
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
    for each in filter(is_compared, chronicle.revealed):
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
    values = Counter(each.estimate.value for each in on_the_table(chronicle) if each.estimate)
    if not values:
        return None
    return bars.of_estimates(chronicle.game.settings.deck, values)


def _reveals(chronicle: Chronicle) -> Bars | None:
    """How many reveals it took until all agreed."""
    voted = compared(chronicle)
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
    never = [each for each in compared(chronicle) if each.rounds_to_consensus is None]
    if not never:
        return ""
    settled = sum(each.estimate is not None for each in never)
    amount = "all" if settled == len(never) else f"{settled:,}" if settled else "none"
    stories = count(len(never), "story", "stories")
    return f"“Never”: {stories} without a reveal on which all agreed; {amount} got an estimate."
