"""The scenarios that are shipped, and those in files."""

from pathlib import Path
from tempfile import gettempdir

from planning_poker_server.config_loader import ConfigurationError
from planning_poker_simulator.scenarios.loading import BadScenario, load_scenario
from planning_poker_simulator.scenarios.model import Scenario, Step
from planning_poker_simulator.scenarios.nodes import Problem
from planning_poker_simulator.scenarios.vocabulary import ACTIONS
from planning_poker_simulator.server import settings_for

_LONGEST_WAIT_MS = 60_000


def shipped() -> tuple[Path, ...]:
    """The files that come with the package, by name."""
    return tuple(sorted((Path(__file__).parent / "shipped").glob("*.yaml")))


def read_scenario(path: Path, *, elsewhere: bool = False) -> Scenario:
    """The scenario in a file. Raises BadScenario.

    For a server `elsewhere` it must do without what only one of our own can.
    """
    source = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadScenario(source, (Problem(1, f"cannot be read: {said}"),)) from None
    scenario = load_scenario(text, source)
    problems = _out_of_reach(scenario) if elsewhere else _bad_settings(scenario)
    if problems:
        raise BadScenario(source, problems)
    return scenario


def _bad_settings(scenario: Scenario) -> tuple[Problem, ...]:
    """What the server says of its settings."""
    try:
        settings_for(Path(gettempdir()), scenario.server)
    except ConfigurationError as error:
        said = " ".join(str(error).split())
        return (Problem(scenario.server_line, f"server: {said}"),)
    return ()


def _out_of_reach(scenario: Scenario) -> tuple[Problem, ...]:
    """What cannot be done to a server that is not ours."""
    problems = []
    if scenario.server:
        what = "“server” sets up an embedded server, and this one runs already"
        problems.append(Problem(scenario.server_line, what))
    for step in _all(scenario.actions):
        if ACTIONS[step.verb].steers:
            what = f"“{step.verb}” needs an embedded server: run it without --server"
            problems.append(Problem(step.line, what))
        if step.after_ms > _LONGEST_WAIT_MS:
            what = "“after” would really take more than a minute on a server elsewhere"
            problems.append(Problem(step.line, what))
    return tuple(problems)


def _all(steps: tuple[Step, ...]) -> list[Step]:
    return [each for step in steps for each in (step, *(_inside(step)))]


def _inside(step: Step) -> tuple[Step, ...]:
    return step.steps if step.verb == "parallel" else ()
