"""What can be asked for on the command line."""

import argparse
from argparse import ArgumentParser, Namespace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from planning_poker_model.decks import BUILT_IN, DEFAULT
from planning_poker_server.cli.games.arguments import add_games, add_tail

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_SERVER: Final = "localhost:50051"

_DESCRIPTION: Final = "Planning poker: estimate a backlog together, over one server."

_EXAMPLES: Final = """\
examples:
  planning-poker serve                       serve games on this machine
  planning-poker demo --fast                 watch a whole game in a few seconds
  planning-poker create "Sprint 12" --name Ada
                                             open a game and play it here
  planning-poker join K7QF-3M --name Bob     sit down at it
  planning-poker games verify                check that every game can be read

planning-poker COMMAND --help tells more."""

_SERVE: Final = """\
example:
  planning-poker serve --port 50052 --database sqlite:///data/games.db

Settings come from default.toml, <environment>.toml and local.toml of the
configuration folder, then from variables such as PLANNING_POKER_SERVER__PORT,
then from these options. Ctrl-C or SIGTERM stops the server when what was begun
is finished; the same again stops it at once."""

_DEMO: Final = """\
example:
  planning-poker demo --backlog examples/backlog.csv --seed 7

The backlog is a CSV file with a header: title, and if you like key, description
and url; or a CSV export from Jira."""

_PLAY: Final = """\
Type `help` while playing to see what can be done. Input may also be piped:
  printf 'vote 8\\nreveal\\n' | planning-poker join K7QF-3M --name Bob"""

_JOIN: Final = f"""\
example:
  planning-poker join K7QF-3M --name Bob --server poker.example.com:50051

{_PLAY}"""

_CREATE: Final = f"""\
example:
  planning-poker create "Sprint 12" --name Ada --deck t_shirt

{_PLAY}"""


class _Parser(ArgumentParser):
    """Prints examples as they are written, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(**options, formatter_class=layout, allow_abbrev=False)


def parser() -> ArgumentParser:
    """The parser of the whole command line; `run` of its result runs the command."""
    top = _Parser(prog="planning-poker", description=_DESCRIPTION, epilog=_EXAMPLES)
    top.add_argument(
        "--version", action="version", version=f"%(prog)s {version('planning-poker-server')}"
    )
    commands = top.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )
    _add_serve(commands)
    _add_demo(commands)
    _add_create(commands)
    _add_join(commands)
    add_games(commands)
    add_tail(commands)
    return top


def _add_serve(commands: "_SubParsersAction[_Parser]") -> None:
    serve = commands.add_parser("serve", help="serve games", epilog=_SERVE)
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=int, help="port to listen on; 0: any free one")
    serve.add_argument("--database", metavar="URL", help="where games are kept: sqlite:///PATH")
    _add_configuration(serve)
    serve.set_defaults(run=_serve)


def _add_demo(commands: "_SubParsersAction[_Parser]") -> None:
    demo = commands.add_parser("demo", help="watch a whole game", epilog=_DEMO)
    demo.add_argument(
        "--server", metavar="HOST:PORT", help="play there; otherwise a server is started for it"
    )
    demo.add_argument("--backlog", metavar="FILE.csv", type=Path, help="what to estimate")
    demo.add_argument("--fast", action="store_true", help="in seconds, not in a minute")
    demo.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=10.0,
        help="how long the server may be away before the demo gives up (10)",
    )
    demo.add_argument("--seed", type=int, default=12, help="another seed, other votes")
    demo.add_argument(
        "--database",
        metavar="URL",
        help="where the started server keeps the game (sqlite:///data/demo.db)",
    )
    _add_configuration(demo)
    demo.set_defaults(run=_demo)


def _add_configuration(command: ArgumentParser) -> None:
    command.add_argument("--config", metavar="DIR", type=Path, help="configuration folder")
    command.add_argument("--environment", metavar="NAME", help="development, staging, production")


def _add_create(commands: "_SubParsersAction[_Parser]") -> None:
    create = commands.add_parser("create", help="open a game and play", epilog=_CREATE)
    create.add_argument("title", metavar="TITLE", help="what the game is called")
    create.add_argument("--deck", choices=tuple(BUILT_IN), default=DEFAULT, help="cards to use")
    create.add_argument(
        "--backlog",
        metavar="FILE.csv",
        type=Path,
        help="stories to begin with: CSV, or an export from Jira",
    )
    create.add_argument(
        "--auto-reveal", action="store_true", help="turn the cards when everyone has voted"
    )
    create.set_defaults(run=_create)
    _add_player(create)


def _add_join(commands: "_SubParsersAction[_Parser]") -> None:
    join = commands.add_parser("join", help="play in a game", epilog=_JOIN)
    join.add_argument("code", metavar="CODE", help="the game's code (K7QF-3M) or id")
    join.set_defaults(run=_join)
    _add_player(join)


def _add_player(command: ArgumentParser) -> None:
    command.add_argument("--name", required=True, help="your name at the table")
    command.add_argument("--server", metavar="HOST:PORT", default=_SERVER, help=f"({_SERVER})")
    command.add_argument("--observer", action="store_true", help="watch without voting")
    command.add_argument(
        "--passcode", action="store_true", help="ask for the game's passcode before playing"
    )


def _serve(arguments: Namespace) -> int:
    from planning_poker_server.cli.serve import serve

    return serve(arguments)


def _demo(arguments: Namespace) -> int:
    from planning_poker_server.cli.demo import demo

    return demo(arguments)


def _create(arguments: Namespace) -> int:
    from planning_poker_server.cli.play import create

    return create(arguments)


def _join(arguments: Namespace) -> int:
    from planning_poker_server.cli.play import join

    return join(arguments)
