"""Runs in which nothing is found, the same each time, wherever they run."""

import os
import subprocess
import sys

import pytest

from planning_poker_simulator.simulation import trace
from planning_poker_simulator.simulation.running import result_of, run
from tests.simulation.seeds import CLEAN, REGRESSIONS


@pytest.mark.parametrize("seed", sorted({*CLEAN, *(seed for seed, _ in REGRESSIONS.values())}))
def test_nothing_is_found_in_a_run(seed: int) -> None:
    assert not result_of(seed).findings


def printed(seed: int, hash_seed: str) -> bytes:
    program = [sys.executable, "-m", "planning_poker_simulator.simulation", "--seed", str(seed)]
    environ = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(program, env=environ, capture_output=True, check=True).stdout


def test_a_seed_is_the_same_in_every_process_whatever_its_hashes() -> None:
    first, second = printed(5, "1"), printed(5, "77")
    assert first == second
    assert first.count(b"\n") > 500


def test_a_seed_is_the_same_whatever_ran_before_it() -> None:
    alone, _ = run(3)
    run(4)
    again, _ = run(3)
    assert trace.digest(alone) == trace.digest(again)
