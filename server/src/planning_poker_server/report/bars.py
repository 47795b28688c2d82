"""What a chart of columns or rows is to show, apart from how it is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import planningpoker.v1 as pb

Tone = Literal["most", "some", "apart", "special"]
"""The most frequent card, another one, one apart from most, one outside the scale."""


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    count: int
    tone: Tone = "some"


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar for each of some things in their order."""

    name: str
    """Unique on the page."""
    bars: tuple[Bar, ...]
    alternative: str
    """The same in words, for who cannot see it."""


@dataclass(frozen=True, slots=True)
class Pile:
    """What one column is made of, from the bottom."""

    label: str
    parts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """One round among all of them."""

    share: float
    is_first: bool
    """Of its story."""


def of_round(round_: pb.Round) -> Bars:
    """The votes of a revealed round by card, in the order of its deck."""
    figures = round_.statistics
    counts = {entry.card: entry.count for entry in figures.distribution}
    return Bars(
        f"round-{round_.round_id}",
        tuple(
            Bar(card.label, counts.get(card.label, 0), _tone(card, figures))
            for card in round_.deck.cards
        ),
        "Votes by card. " + in_words(counts),
    )


def of_estimates(deck: pb.Deck, counts: Mapping[str, int]) -> Bars:
    """How many stories got which estimate, by card; what is no card is counted together."""
    labels = {card.label for card in deck.cards}
    bars = [
        Bar(card.label, counts.get(card.label, 0), "special" if card.special else "some")
        for card in deck.cards
        if not card.special or counts.get(card.label)
    ]
    others = sum(count for label, count in counts.items() if label not in labels)
    if others:
        bars.append(Bar("other", others, "special"))
    shown = {bar.label: bar.count for bar in bars if bar.count}
    return Bars("estimates", tuple(bars), "Stories by estimate. " + in_words(shown))


def in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label}: {count:,}" for label, count in counts.items()) + "."


def _tone(card: pb.Card, figures: pb.Statistics) -> Tone:
    if card.special:
        return "special"
    if card.label in figures.modes:
        return "most"
    return "apart" if card.label in (figures.lowest_card, figures.highest_card) else "some"
