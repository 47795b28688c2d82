"""The built-in decks, and how a card is found in any deck."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import planningpoker.v1 as pb

NUMERIC: Final = pb.DECK_SCALE_NUMERIC
ORDINAL: Final = pb.DECK_SCALE_ORDINAL


def _deck(
    name: str, scale: pb.DeckScale.ValueType, cards: Iterable[pb.Card], special: str
) -> pb.Deck:
    specials = [pb.Card(label=label, special=True) for label in special.split()]
    return pb.Deck(name=name, scale=scale, cards=[*cards, *specials])


def _numbers(numbers: str) -> list[pb.Card]:
    return [pb.Card(label=label, value=float(label)) for label in numbers.split()]


def _sizes(sizes: str) -> list[pb.Card]:
    return [pb.Card(label=label) for label in sizes.split()]


_HALF = pb.Card(label="½", value=0.5)

# ∞ says "too big to estimate": it has no finite value, so it is outside the
# scale like "?", and never enters a mean or a median.
_DECKS = (
    _deck("fibonacci", NUMERIC, _numbers("0 1 2 3 5 8 13 21 34 55 89"), "? ☕"),
    _deck(
        "modified_fibonacci",
        NUMERIC,
        [*_numbers("0"), _HALF, *_numbers("1 2 3 5 8 13 20 40 100")],
        "∞ ? ☕",
    ),
    _deck("powers_of_two", NUMERIC, _numbers("0 1 2 4 8 16 32 64"), "? ☕"),
    _deck("t_shirt", ORDINAL, _sizes("XS S M L XL XXL"), "?"),
)

BUILT_IN: Final[Mapping[str, pb.Deck]] = MappingProxyType({deck.name: deck for deck in _DECKS})
"""By name, in the order they are offered. Copy a deck before changing it."""

DEFAULT: Final = "fibonacci"
"""The deck of a game whose creator named none."""


def find_card(deck: pb.Deck, label: str) -> pb.Card | None:
    """The card with exactly this label, if the deck has one."""
    for card in deck.cards:
        if card.label == label:
            return card
    return None


def describe(deck: pb.Deck) -> str:
    """The labels in order, for people: "0 1 2 3 5 8 13 21 34 55 89 ? ☕"."""
    return " ".join(card.label for card in deck.cards)


def positions(deck: pb.Deck) -> dict[str, int]:
    """Where each card of the scale stands on it, by label; special cards are not on it."""
    on_scale = (card.label for card in deck.cards if not card.special)
    return {label: step for step, label in enumerate(on_scale)}


def numbers(deck: pb.Deck) -> dict[str, float]:
    """The number of each card that enters numeric statistics, by label in the deck's order."""
    return {
        card.label: card.value for card in deck.cards if not card.special and card.HasField("value")
    }
