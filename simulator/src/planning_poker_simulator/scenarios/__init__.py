"""Scenarios: stories of games in files, and what must come of them.

scenario = load_scenario(path.read_text(encoding="utf-8"), path.name)
result = await run_scenario(scenario)
assert result.passed, result.failures
"""

from planning_poker_simulator.scenarios.loading import BadScenario, load_scenario
from planning_poker_simulator.scenarios.model import Scenario
from planning_poker_simulator.scenarios.results import Failure, Result, Verdict
from planning_poker_simulator.scenarios.runner import run_scenario
from planning_poker_simulator.scenarios.shelf import shipped

__all__ = [
    "BadScenario",
    "Failure",
    "Result",
    "Scenario",
    "Verdict",
    "load_scenario",
    "run_scenario",
    "shipped",
]
