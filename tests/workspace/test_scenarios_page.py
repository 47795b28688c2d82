"""docs/scenarios.md names every word of scenarios, and its example passes."""

import pytest

from planning_poker_simulator.cli.arguments import parser
from planning_poker_simulator.scenarios import load_scenario, run_scenario, shipped
from planning_poker_simulator.scenarios.vocabulary import ACTIONS, OUTCOMES
from tests.workspace import documents
from tools.scenario_reference import PAGE, reference, written


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def examples() -> list[str]:
    return [each.text for each in documents.blocks(page()) if each.language == "yaml"]


def test_the_tables_on_the_page_are_those_of_the_code() -> None:
    assert page() == written(page()), "run .venv/bin/python tools/scenario_reference.py"
    assert all(f"| `{word}` |" in reference() for word in (*ACTIONS, *OUTCOMES))


def test_a_page_that_lost_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="no place"):
        written("# Scenarios\n")


async def test_the_example_passes() -> None:
    result = await run_scenario(load_scenario(examples()[0], "tunnel.yaml"))
    assert result.passed, result.failures


def test_the_repetition_that_is_shown_is_understood() -> None:
    text = "name: x\nplayers: [Ada, Bob]\noutcomes: []\nactions:\n" + examples()[1]
    assert len(load_scenario(text, "x.yaml").actions) == 9


def test_the_page_counts_the_scenarios_that_are_shipped() -> None:
    assert f"and {len(shipped())} are shipped" in page()


def test_each_command_line_that_is_shown_is_understood() -> None:
    shown = [each for each in documents.spans(page()) if each.startswith("poker-sim ")]
    assert len(shown) > 4
    for each in shown:
        parser().parse_args(each.split()[1:])
