"""Each checker fails on a history in which something is wrong, and on no other."""

import pytest

from planning_poker_simulator.checking.checkers import CHECKERS, check
from planning_poker_simulator.checking.evidence import Evidence
from planning_poker_simulator.checking.history import History
from planning_poker_simulator.simulation.plan import Plan, plan_of
from planning_poker_simulator.simulation.world import simulate
from tests.tampering import TAMPERED


def _is_calm(plan: Plan) -> bool:
    people = [program for program in plan.programs if program.kind != "bot"]
    is_watched = any(program.watches == "all" for program in plan.programs)
    return not plan.faults and plan.games == 1 and len(people) > 2 and is_watched


SEED = next(seed for seed in range(1_000) if _is_calm(plan_of(seed)))
"""A run in which nothing goes wrong."""


@pytest.fixture
def history() -> History:
    return simulate(SEED)


def findings(history: History) -> set[str]:
    return {name for name, _ in check(Evidence(history, plan_of(SEED).settings))}


def test_in_a_good_history_no_checker_finds_anything(history: History) -> None:
    assert findings(history) == set()


@pytest.mark.parametrize("name", CHECKERS)
def test_a_checker_finds_what_is_wrong(history: History, name: str) -> None:
    TAMPERED[name](history)
    assert name in findings(history)
