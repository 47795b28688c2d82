"""What can be asked for behind `planning-poker games`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argparse import _SubParsersAction

SERVER: Final = "localhost:50051"

_GAMES: Final = """\
examples:
  planning-poker games verify
  planning-poker games export K7QF-3M --output game.json
  planning-poker games import game.json

planning-poker games COMMAND --help tells more."""

_VERIFY: Final = """\
example:
  planning-poker games verify --database sqlite:///data/planning-poker.db

Reads every record of every game and folds it anew. Nothing is written, and a
server may run meanwhile. Exit code 0: all is well; 1: something is wrong with a
game, or the database cannot be read."""

_EXPORT: Final = """\
example:
  planning-poker games export K7QF-3M --output game.json

Asks a running server, or with --database reads the file itself, also beside a
running server. What is written holds every event that everybody at the table
may know, and no card that was never turned.

With --with-secrets (and --database) it holds the sealed parts too: the hashes of
seat secrets and of the passcode, and every card that was ever put down, turned
or not. Such a file is as secret as the database itself; it is made readable for
you alone. The same game gives the same bytes each time."""

_IMPORT: Final = """\
example:
  planning-poker games import game.json --database sqlite:///data/planning-poker.db

The server of this database must be stopped. The file is checked to its end
before anything is written, and its game is then there as a whole or not at all;
the same command may be given again after a crash. Without secrets in the file,
nobody can prove a seat in the game that is imported."""


def add_games(commands: "_SubParsersAction[Any]") -> None:
    """Declare the group and all of its commands."""
    games = commands.add_parser("games", help="look after the games of a server", epilog=_GAMES)
    group = games.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_verify(group)
    _add_export(group)
    _add_import(group)


def _add_verify(group: "_SubParsersAction[Any]") -> None:
    verify = group.add_parser("verify", help="check that all games can be read", epilog=_VERIFY)
    verify.add_argument("games", metavar="GAME", nargs="*", help="only these, by id or join code")
    _add_database(verify)
    _add_json(verify)
    verify.set_defaults(run=_verify)


def _add_export(group: "_SubParsersAction[Any]") -> None:
    export = group.add_parser("export", help="write a game to a file", epilog=_EXPORT)
    export.add_argument("game", metavar="GAME", help="the game's id or join code")
    export.add_argument("--output", metavar="FILE", type=Path, help="(standard output)")
    export.add_argument("--format", metavar="FORMAT", default="json", help="json (json)")
    export.add_argument(
        "--with-secrets",
        action="store_true",
        help="with cards that were never turned, and what proves seats; needs --database "
        "and --output",
    )
    _add_database(export, "read this database and ask no server: sqlite:///PATH")
    _add_server(export)
    export.set_defaults(run=_export)


def _add_import(group: "_SubParsersAction[Any]") -> None:
    import_ = group.add_parser("import", help="add a game from a file", epilog=_IMPORT)
    import_.add_argument("file", metavar="FILE", type=Path, help="what export has written")
    _add_database(import_)
    _add_json(import_)
    import_.set_defaults(run=_import)


# What several commands have


def _add_database(
    command: ArgumentParser, help_: str = "where games are kept, as for serve: sqlite:///PATH"
) -> None:
    command.add_argument("--database", metavar="URL", help=help_)
    command.add_argument("--config", metavar="DIR", type=Path, help="configuration folder")
    command.add_argument("--environment", metavar="NAME", help="development, staging, production")


def _add_server(command: ArgumentParser) -> None:
    command.add_argument("--server", metavar="HOST:PORT", help=f"({SERVER})")
    command.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="what proves to the server who asks; else the variable PLANNING_POKER_TOKEN",
    )
    command.add_argument(
        "--passcode", action="store_true", help="ask for the game's passcode before reading it"
    )


def _add_json(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def _verify(arguments: Namespace) -> int:
    from planning_poker_server.cli.games.verifying import verify

    return verify(arguments)


def _export(arguments: Namespace) -> int:
    from planning_poker_server.cli.games.exporting import export

    return export(arguments)


def _import(arguments: Namespace) -> int:
    from planning_poker_server.cli.games.importing import import_

    return import_(arguments)
