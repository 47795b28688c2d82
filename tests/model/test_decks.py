"""The built-in decks are those that users know."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN, describe, find_card, numbers, positions

CARDS = {
    "fibonacci": "0 1 2 3 5 8 13 21 34 55 89 ? ☕",
    "modified_fibonacci": "0 ½ 1 2 3 5 8 13 20 40 100 ∞ ? ☕",
    "powers_of_two": "0 1 2 4 8 16 32 64 ? ☕",
    "t_shirt": "XS S M L XL XXL ?",
}


@pytest.mark.parametrize("name", CARDS)
def test_a_built_in_deck_has_the_cards_that_users_know(name: str) -> None:
    assert describe(BUILT_IN[name]) == CARDS[name]


def test_there_are_no_other_built_in_decks() -> None:
    assert list(BUILT_IN) == list(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_only_question_mark_coffee_and_infinity_are_special(name: str) -> None:
    special = {card.label for card in BUILT_IN[name].cards if card.special}
    assert special == set(CARDS[name].split()) & {"?", "☕", "∞"}


def test_a_half_is_exactly_a_half() -> None:
    card = find_card(BUILT_IN["modified_fibonacci"], "½")
    assert card is not None
    assert card.value == 0.5


def test_cards_that_are_not_numbers_have_no_sentinel_number() -> None:
    for deck in BUILT_IN.values():
        for card in deck.cards:
            ordinal = deck.scale == pb.DECK_SCALE_ORDINAL
            assert card.HasField("value") != (card.special or ordinal), card.label


@pytest.mark.parametrize("label", ["7", "", "8 ", "08", "xs"])
def test_a_label_that_is_not_exactly_a_cards_finds_no_card(label: str) -> None:
    assert find_card(BUILT_IN["fibonacci"], label) is None


def test_positions_count_the_cards_of_the_scale_only() -> None:
    deck = pb.Deck(cards=[pb.Card(label="a"), pb.Card(label="?", special=True), pb.Card(label="b")])
    assert positions(deck) == {"a": 0, "b": 1}


def test_a_number_on_a_special_card_never_counts_as_a_number() -> None:
    deck = pb.Deck(cards=[pb.Card(label="1", value=1), pb.Card(label="∞", value=1, special=True)])
    assert numbers(deck) == {"1": 1}
