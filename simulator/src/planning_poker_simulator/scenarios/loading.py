"""From a file's text to a scenario, or to all that is wrong with it. Pure."""

from collections.abc import Mapping
from typing import Final

import yaml

from planning_poker_simulator.scenarios.game_settings import read_game_settings
from planning_poker_simulator.scenarios.model import GameSettings, Scenario, Value
from planning_poker_simulator.scenarios.nodes import (
    BadYaml,
    Fields,
    Problem,
    Problems,
    compose,
    kind_of,
    line_of,
    pairs,
)
from planning_poker_simulator.scenarios.people import People, read_players
from planning_poker_simulator.scenarios.steps import Steps
from planning_poker_simulator.scenarios.values import Values

LARGEST: Final = 256 * 1024
"""Characters of a file, at most."""


class BadScenario(Exception):
    """A file cannot be run; the message names each line: "x.yaml:12: …"."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{source}:{line}: {what}" for line, what in problems))
        self.source = source
        self.problems = problems


def load_scenario(text: str, source: str) -> Scenario:
    """The scenario that a file describes. Raises BadScenario with all that is wrong."""
    if len(text) > LARGEST:
        problem = Problem(1, f"the file has more than {LARGEST:,} characters")
        raise BadScenario(source, (problem,))
    try:
        root = compose(text)
    except BadYaml as error:
        raise BadScenario(source, (error.problem,)) from None
    problems = Problems()
    scenario = _read(root, source, problems)
    if problems.found:
        raise BadScenario(source, problems.found)
    return scenario


def _read(root: yaml.Node, source: str, problems: Problems) -> Scenario:
    fields, values = Fields(root, "the scenario", problems), Values(problems)
    name, description = fields.need("name"), fields.take("description")
    settings, server = fields.take("settings"), fields.take("server")
    players = read_players(fields.need("players"), problems)
    steps = Steps(People(players), problems)
    actions, outcomes = fields.need("actions"), fields.need("outcomes")
    fields.close()
    return Scenario(
        name=values.text(name, "name") if name is not None else "",
        source=source,
        description=values.text(description, "description").strip() if description else "",
        settings=read_game_settings(settings, "settings", values) if settings else GameSettings(),
        server=_server(server, values) if server else {},
        server_line=line_of(server) - 1 if server else 1,
        players=players,
        actions=steps.actions(actions) if actions is not None else (),
        outcomes=steps.outcomes(outcomes) if outcomes is not None else (),
    )


def _server(node: yaml.Node, values: Values) -> Mapping[str, Mapping[str, Value]]:
    """Settings by section; whether there are such is for the server to say."""
    if not isinstance(node, yaml.MappingNode):
        values.problems.add(node, f"server must be sections of settings, not {kind_of(node)}")
        return {}
    sections: dict[str, dict[str, Value]] = {}
    for section, inside in pairs(node, "server", values.problems):
        where = f"server.{section.value}"
        if not isinstance(inside, yaml.MappingNode):
            values.problems.add(inside, f"{where} must be settings, not {kind_of(inside)}")
            continue
        sections[section.value] = {
            key.value: _setting(value, f"{where}.{key.value}", values)
            for key, value in pairs(inside, where, values.problems)
        }
    return sections


def _setting(node: yaml.Node, where: str, values: Values) -> Value:
    text = values.text(node, where)
    if text in ("yes", "no", "true", "false"):
        return text in ("yes", "true")
    return int(text) if text.isascii() and text.isdigit() else text
