"""Each figure at the reveal is what its comment in the contract says."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN, describe, numbers
from planning_poker_model.statistics import statistics

FIBONACCI = BUILT_IN["fibonacci"]
MODIFIED = BUILT_IN["modified_fibonacci"]
T_SHIRT = BUILT_IN["t_shirt"]


def of(cards: str, deck: pb.Deck = FIBONACCI) -> pb.Statistics:
    """Of the votes of p1, p2 … in the order of `cards`."""
    votes = [
        pb.Vote(player_id=f"p{number}", card=card) for number, card in enumerate(cards.split(), 1)
    ]
    return statistics(deck, votes)


def test_no_votes_say_nothing() -> None:
    assert of("") == pb.Statistics()


def test_the_distribution_is_in_the_decks_order_without_cards_nobody_chose() -> None:
    counted = [(entry.card, entry.count) for entry in of("? 8 3 8 ☕ 3 8").distribution]
    assert counted == [("3", 2), ("8", 3), ("?", 1), ("☕", 1)]


def test_the_mean_is_of_numeric_cards_only() -> None:
    assert of("3 8 ? ☕").mean == 5.5


def test_the_mean_is_exact_and_rounded_once() -> None:
    tenths = pb.Deck(
        scale=pb.DECK_SCALE_NUMERIC,
        cards=[pb.Card(label="a", value=0.1), pb.Card(label="b", value=0.2)],
    )
    cards = " ".join(["a"] * 10)
    assert of(cards, tenths).mean == 0.1


def test_the_mean_of_the_largest_numbers_does_not_overflow() -> None:
    huge = pb.Deck(scale=pb.DECK_SCALE_NUMERIC, cards=[pb.Card(label="a", value=1.7e308)])
    assert of("a a a", huge).mean == 1.7e308


def test_a_half_counts_as_a_half() -> None:
    assert of("½ 1", MODIFIED).mean == 0.75


def test_infinity_is_in_the_distribution_and_in_no_number() -> None:
    result = of("∞ 100 ∞", MODIFIED)
    assert (result.mean, result.median, result.highest_card) == (100, 100, "100")
    assert list(result.modes) == ["∞"]


@pytest.mark.parametrize(("cards", "median"), [("1 5 8", 5), ("1 5 8 13", 6.5), ("2 ? 3", 2.5)])
def test_the_median_of_two_middle_numbers_is_their_mean(cards: str, median: float) -> None:
    assert of(cards).median == median


def test_only_special_cards_give_no_scale_and_no_numbers() -> None:
    result = of("? ☕ ?")
    assert not result.HasField("mean")
    assert not result.HasField("median")
    assert (result.lowest_card, result.highest_card, result.suggested_card) == ("", "", "")
    assert list(result.modes) == ["?"]
    assert result.agreement == 2 / 3


def test_ordinal_decks_have_a_median_card_and_no_mean() -> None:
    result = of("S L M", T_SHIRT)
    assert not result.HasField("mean")
    assert not result.HasField("median")
    assert result.median_card == "M"


def test_of_two_middle_cards_the_higher_is_the_median_card() -> None:
    assert of("XS S L XL", T_SHIRT).median_card == "L"


def test_a_special_card_does_not_move_the_median_card() -> None:
    assert of("S M L ? ?", T_SHIRT).median_card == "M"


def test_numeric_decks_have_no_median_card() -> None:
    assert of("1 2 3").median_card == ""


def test_modes_are_all_most_frequent_cards_in_the_decks_order() -> None:
    assert list(of("8 3 8 3 1").modes) == ["3", "8"]


def test_the_spread_counts_steps_in_the_deck_not_points() -> None:
    result = of("3 13 5")
    assert (result.lowest_card, result.highest_card, result.spread) == ("3", "13", 3)


def test_agreement_is_the_share_of_the_most_frequent_card_of_all_votes() -> None:
    assert of("5 5 5 ?").agreement == 0.75


def test_consensus_needs_more_than_one_vote() -> None:
    assert of("5").consensus_card == ""
    assert of("5 5").consensus_card == "5"


@pytest.mark.parametrize("cards", ["5 8", "5 5 ?", "? ?"])
def test_consensus_needs_all_votes_equal_and_on_the_scale(cards: str) -> None:
    assert of(cards).consensus_card == ""


def test_the_outliers_hold_the_lowest_and_the_highest_card() -> None:
    assert list(of("13 5 1 1 ?").outlier_player_ids) == ["p1", "p3", "p4"]


def test_there_are_no_outliers_where_lowest_and_highest_are_the_same() -> None:
    assert list(of("5 5 ?").outlier_player_ids) == []


@pytest.mark.parametrize(
    ("cards", "suggested"),
    [("5 5 8", "5"), ("3 8", "5"), ("1 2", "2"), ("1 3", "2"), ("8 ☕", "8")],
)
def test_the_suggestion_is_the_card_nearest_to_the_median_the_higher_on_a_tie(
    cards: str, suggested: str
) -> None:
    assert of(cards).suggested_card == suggested


def test_the_suggestion_on_an_ordinal_deck_is_its_median_card() -> None:
    assert of("XS S L XL", T_SHIRT).suggested_card == "L"


def test_a_card_outside_the_deck_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in the deck"):
        of("7")


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(list(BUILT_IN.values())), st.data())
def test_figures_agree_with_a_plain_computation(deck: pb.Deck, data: st.DataObject) -> None:
    cards = data.draw(st.lists(st.sampled_from(describe(deck).split()), min_size=1, max_size=12))
    result = of(" ".join(cards), deck)
    assert sum(entry.count for entry in result.distribution) == result.vote_count == len(cards)
    assert result.agreement == max(map(cards.count, cards)) / len(cards)
    assert set(result.modes) == {c for c in cards if cards.count(c) == max(map(cards.count, cards))}
    values = sorted(Fraction(numbers(deck)[c]) for c in cards if c in numbers(deck))
    if values:
        assert result.mean == float(sum(values) / len(values))
        median = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        assert result.median == float(median)
        distance = {c: abs(Fraction(v) - median) for c, v in numbers(deck).items()}
        nearest = [card for card, away in distance.items() if away == min(distance.values())]
        assert result.suggested_card == nearest[-1]


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(describe(FIBONACCI).split()), max_size=8), st.randoms())
def test_the_order_of_votes_matters_only_to_the_order_of_outliers(
    cards: list[str], random: Random
) -> None:
    votes = [pb.Vote(player_id=f"p{n}", card=card) for n, card in enumerate(cards)]
    one = statistics(FIBONACCI, votes)
    random.shuffle(votes)
    other = statistics(FIBONACCI, votes)
    assert sorted(one.outlier_player_ids) == sorted(other.outlier_player_ids)
    del one.outlier_player_ids[:]
    del other.outlier_player_ids[:]
    assert one == other
