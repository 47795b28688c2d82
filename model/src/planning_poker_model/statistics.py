"""What the votes of a round say, each figure as the contract's `Statistics` defines it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

import planningpoker.v1 as pb
from planning_poker_model import decks


def statistics(deck: pb.Deck, votes: Sequence[pb.Vote]) -> pb.Statistics:
    """The statistics of `votes`, whatever their order; all cards must be of `deck`.

    Mean and median are computed exactly and rounded once, to the nearest double.
    Raises ValueError for a card that the deck does not have.
    """
    counted = Counter(vote.card for vote in votes)
    counts = {card.label: counted[card.label] for card in deck.cards if counted[card.label]}
    if len(counts) != len(counted):
        raise ValueError("a vote's card is not in the deck")
    result = pb.Statistics(
        vote_count=len(votes),
        distribution=[pb.CardCount(card=card, count=count) for card, count in counts.items()],
    )
    if votes:
        _add_agreement(result, counts)
        _add_scale(result, deck, counts, votes)
        if deck.scale == pb.DECK_SCALE_ORDINAL:
            _add_median_card(result, decks.positions(deck), counts)
        else:
            _add_numbers(result, decks.numbers(deck), counts)
    return result


def _add_agreement(result: pb.Statistics, counts: Mapping[str, int]) -> None:
    most = max(counts.values())
    result.modes.extend(card for card, count in counts.items() if count == most)
    result.agreement = most / result.vote_count


def _add_scale(
    result: pb.Statistics, deck: pb.Deck, counts: Mapping[str, int], votes: Sequence[pb.Vote]
) -> None:
    position = decks.positions(deck)
    voted = [card for card in counts if card in position]
    if not voted:
        return
    lowest, highest = voted[0], voted[-1]
    result.lowest_card = lowest
    result.highest_card = highest
    result.spread = position[highest] - position[lowest]
    if lowest != highest:
        extremes = (lowest, highest)
        result.outlier_player_ids.extend(v.player_id for v in votes if v.card in extremes)
    elif len(counts) == 1 and result.vote_count > 1:
        result.consensus_card = lowest


def _add_median_card(
    result: pb.Statistics, position: Mapping[str, int], counts: Mapping[str, int]
) -> None:
    ranked = [card for card, count in counts.items() if card in position for _ in range(count)]
    if ranked:
        result.median_card = result.suggested_card = ranked[len(ranked) // 2]


def _add_numbers(
    result: pb.Statistics, values: Mapping[str, float], counts: Mapping[str, int]
) -> None:
    voted = sorted(
        Fraction(values[card])
        for card, count in counts.items()
        if card in values
        for _ in range(count)
    )
    if not voted:
        return
    size = len(voted)
    median = (voted[(size - 1) // 2] + voted[size // 2]) / 2
    result.mean = float(sum(voted) / size)
    result.median = float(median)
    result.suggested_card = _nearest(median, values)


def _nearest(number: Fraction, values: Mapping[str, float]) -> str:
    """The card nearest to `number`; of two equally near ones, the higher."""
    return min(values, key=lambda card: (abs(Fraction(values[card]) - number), -values[card]))
