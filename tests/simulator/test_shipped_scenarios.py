"""The scenarios that are shipped pass."""

from pathlib import Path

import pytest

from planning_poker_simulator.scenarios import run_scenario, shipped
from planning_poker_simulator.scenarios.shelf import read_scenario

FEWEST = 25

# Time jumps in most of them, so that what is not acknowledged yet is sent again.
pytestmark = pytest.mark.redelivers


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", shipped(), ids=named)
async def test_it_passes(path: Path) -> None:
    result = await run_scenario(read_scenario(path))
    assert result.passed, [str(each) for each in result.failures]
    assert result.actions == result.scenario.steps
    assert result.checked >= len(result.scenario.outcomes)


@pytest.mark.parametrize("path", shipped(), ids=named)
def test_it_says_what_it_shows(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# Shows: ")
    assert read_scenario(path).outcomes


def test_there_are_as_many_as_promised_and_no_two_of_the_same_name() -> None:
    names = [read_scenario(path).name for path in shipped()]
    assert len(set(names)) == len(names) >= FEWEST
