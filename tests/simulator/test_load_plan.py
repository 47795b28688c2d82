"""What a load will vote, and when: fixed before anything is sent."""

from collections import Counter
from dataclasses import replace
from itertools import groupby, pairwise

import pytest

from planning_poker_simulator.load.plan import Plan, Vote, votes
from planning_poker_simulator.load.seating import blocks

PLAN = Plan(games=30, players=5, votes_per_s=200.0, duration_s=60.0)


def test_the_same_seed_plans_the_same_votes_and_another_one_others() -> None:
    assert list(votes(PLAN)) == list(votes(PLAN))
    assert list(votes(PLAN)) != list(votes(replace(PLAN, seed=2)))


@pytest.mark.parametrize("arrivals", ["poisson", "steady"])
def test_votes_are_due_in_order_at_the_rate_that_was_asked_for(arrivals: str) -> None:
    due = [vote.due_s for vote in votes(replace(PLAN, arrivals=arrivals))]  # type: ignore[arg-type]
    assert due == sorted(due)
    assert due[-1] < 60
    assert len(due) == pytest.approx(200 * 60, rel=0.05)


def test_steady_votes_are_evenly_apart_and_others_are_not() -> None:
    steady = [vote.due_s for vote in votes(replace(PLAN, arrivals="steady"))]
    assert {round(after - before, 9) for before, after in pairwise(steady)} == {0.005}
    gaps = [after - before for before, after in pairwise(vote.due_s for vote in votes(PLAN))]
    # Of independent arrivals, e ** -1 of the gaps are longer than their mean.
    assert sum(gap > 0.005 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_everyone_votes_once_a_round_and_no_round_begins_before_the_last_one_was_complete() -> None:
    for played in _by_game(list(votes(PLAN))):
        rounds = [(number, list(found)) for number, found in groupby(played, lambda v: v.round)]
        assert [number for number, _ in rounds] == list(range(1, len(rounds) + 1))
        for _, found in rounds[:-1]:
            assert sorted(vote.player for vote in found) == list(range(5))


def test_every_game_has_its_turn_and_a_team_talks_between_two_rounds() -> None:
    games = _by_game(list(votes(PLAN)))
    assert len(games) == 30
    for played in games:
        for before, after in pairwise(played):
            assert after.round == before.round or after.due_s - before.due_s >= 0.25


def test_a_single_player_votes_alone() -> None:
    plan = Plan(games=1, players=1, votes_per_s=50.0, duration_s=1.0, arrivals="steady")
    assert [(vote.round, vote.player) for vote in votes(plan)] == [(n, 0) for n in range(1, 50)]


def test_no_line_is_asked_to_send_more_than_half_of_what_a_stream_may() -> None:
    for rate in (1.0, 50.0, 200.0, 1_000.0):
        plan = Plan(games=500, players=8, votes_per_s=rate, duration_s=20.0)
        sets = blocks(plan)
        sent = Counter(vote.game % sets for vote in votes(plan))
        # A player's share, and three commands a round that the facilitator adds.
        busiest = max(sent.values()) / 20 / 8 * 4
        assert busiest < 30, rate
        assert 500 / sets <= 25


def _by_game(found: list[Vote]) -> list[list[Vote]]:
    return [
        list(played)
        for _, played in groupby(sorted(found, key=lambda v: (v.game, v.due_s)), lambda v: v.game)
    ]
