"""What can be asked for on the command line: each command has a module of its own."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from planning_poker_simulator.cli import run
from planning_poker_simulator.cli.parsers import Commands, Parser
from planning_poker_simulator.load.arguments import add_load

_DESCRIPTION: Final = "Tests of the planning-poker service, for whoever builds on it."

_COMMANDS: Final[tuple[Callable[[Commands], None], ...]] = (run.add, add_load)
"""Each adds its parser, and sets `run` to what runs it and gives the exit code."""


def parser() -> ArgumentParser:
    """The parser of the whole command line; `run` of its result runs the command."""
    top = Parser(
        prog="poker-sim",
        description=_DESCRIPTION,
        epilog="poker-sim COMMAND --help tells more.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--version", action="version", version=f"%(prog)s {version('planning-poker-simulator')}"
    )
    commands = top.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )
    for add in _COMMANDS:
        add(commands)
    return top
