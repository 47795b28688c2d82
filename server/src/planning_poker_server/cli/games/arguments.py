"""What can be asked for behind `planning-poker games`."""

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from planning_poker_server.cli.games import epilogs as texts
from planning_poker_server.cli.games.moments import moment

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_PHASES: Final = ("lobby", "voting", "revealed", "ended")
SERVER: Final = "localhost:50051"


def add_games(commands: "_SubParsersAction[Any]") -> None:
    """Declare the group and all of its commands."""
    games = commands.add_parser(
        "games", help="look after the games of a server", epilog=texts.GAMES
    )
    group = games.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_list(group)
    _add_show(group)
    _add_history(group)
    _add_replay(group)
    _add_report(group)
    _add_purge(group)
    _add_sweep(group)
    _add_verify(group)
    _add_export(group)
    _add_import(group)


def add_tail(commands: "_SubParsersAction[Any]") -> None:
    """Declare the command that watches all games."""
    tail = commands.add_parser("tail", help="watch what happens in all games", epilog=texts.TAIL)
    tail.add_argument("--game", metavar="GAME", help="only in this one, by id or join code")
    tail.add_argument(
        "--type", metavar="EVENT", action="append", help="only such events: votes_revealed, …"
    )
    _add_label(tail)
    tail.add_argument("--cursor", metavar="CURSOR", help="go on from here")
    tail.add_argument("--from-start", action="store_true", help="begin with the first event")
    _add_server(tail)
    _add_json(tail)
    tail.set_defaults(run=_runner("planning_poker_server.cli.tailing", "tail"))


def _add_list(group: "_SubParsersAction[Any]") -> None:
    list_ = group.add_parser("list", help="list the games of a server", epilog=texts.LIST)
    list_.add_argument("--phase", action="append", choices=_PHASES, help="only in this phase")
    list_.add_argument("--name", metavar="TEXT", default="", help="only with this in their name")
    _add_label(list_)
    for what in ("created", "updated"):
        for side in ("since", "before"):
            list_.add_argument(
                f"--{what}-{side}", metavar="TIME", type=moment, help="a date or age"
            )
    list_.add_argument("--limit", metavar="N", type=_count, default=50, help="at most so many (50)")
    _add_server(list_, passcode=False)
    _add_json(list_)
    list_.set_defaults(run=_runner("planning_poker_server.cli.games.listing", "list_games"))


def _add_show(group: "_SubParsersAction[Any]") -> None:
    show = group.add_parser("show", help="show a game, now or as it was", epilog=texts.SHOW)
    _add_game(show)
    show.add_argument("--version", metavar="N", type=_count, help="as it was at this version")
    _add_server(show)
    _add_json(show)
    show.set_defaults(run=_runner("planning_poker_server.cli.games.showing", "show"))


def _add_history(group: "_SubParsersAction[Any]") -> None:
    history = group.add_parser(
        "history", help="print what happened in a game", epilog=texts.HISTORY
    )
    _add_game(history)
    history.add_argument("--after", metavar="N", type=int, default=0, help="behind this version")
    _add_server(history)
    _add_json(history)
    history.set_defaults(run=_runner("planning_poker_server.cli.games.history", "history"))


def _add_replay(group: "_SubParsersAction[Any]") -> None:
    replay = group.add_parser("replay", help="step through a game", epilog=texts.REPLAY)
    _add_game(replay)
    replay.add_argument(
        "--from", dest="start", metavar="N", type=_count, default=1, help="begin here (1)"
    )
    replay.add_argument(
        "--speed", metavar="FACTOR", type=_positive, default=1.0, help="when it plays by itself (1)"
    )
    replay.add_argument(
        "--no-input", action="store_true", help="print the versions, also on a terminal"
    )
    _add_server(replay)
    replay.set_defaults(run=_runner("planning_poker_server.cli.games.replaying", "replay"))


def _add_report(group: "_SubParsersAction[Any]") -> None:
    report = group.add_parser("report", help="write a page about a game", epilog=texts.REPORT)
    _add_game(report)
    report.add_argument(
        "--output", metavar="FILE", type=Path, required=True, help="- is standard output"
    )
    _add_database(report, "read this database and ask no server: sqlite:///PATH")
    _add_server(report)
    report.set_defaults(run=_runner("planning_poker_server.cli.games.reporting", "report"))


def _add_purge(group: "_SubParsersAction[Any]") -> None:
    purge = group.add_parser("purge", help="remove games for good", epilog=texts.PURGE)
    purge.add_argument("games", metavar="GAME", nargs="*", help="by id or join code")
    purge.add_argument(
        "--ended-days", metavar="N", type=_count, help="those that ended so many days ago"
    )
    purge.add_argument(
        "--abandoned-days",
        metavar="N",
        type=_count,
        help="those that never ended, with nothing in them for so many days",
    )
    purge.add_argument("--dry-run", action="store_true", help="only print which ones would go")
    purge.add_argument("--yes", action="store_true", help="do not ask")
    _add_server(purge, passcode=False)
    _add_json(purge)
    purge.set_defaults(run=_runner("planning_poker_server.cli.games.purging", "purge"))


def _add_sweep(group: "_SubParsersAction[Any]") -> None:
    sweep = group.add_parser(
        "sweep", help="remove what purges left in a large database", epilog=texts.SWEEP
    )
    _add_database(sweep)
    sweep.set_defaults(run=_runner("planning_poker_server.cli.games.sweeping", "sweep"))


def _add_verify(group: "_SubParsersAction[Any]") -> None:
    verify = group.add_parser(
        "verify", help="check that all games can be read", epilog=texts.VERIFY
    )
    verify.add_argument("games", metavar="GAME", nargs="*", help="only these, by id or join code")
    _add_database(verify)
    _add_json(verify)
    verify.set_defaults(run=_runner("planning_poker_server.cli.games.verifying", "verify"))


def _add_export(group: "_SubParsersAction[Any]") -> None:
    export = group.add_parser("export", help="write a game to a file", epilog=texts.EXPORT)
    export.add_argument("game", metavar="GAME", help="the game's id or join code")
    export.add_argument("--output", metavar="FILE", type=Path, help="(standard output)")
    export.add_argument(
        "--format", metavar="FORMAT", default="json", help="json, stories.csv, votes.csv (json)"
    )
    export.add_argument(
        "--with-secrets",
        action="store_true",
        help="with cards that were never turned, and what proves seats; needs --database "
        "and --output",
    )
    _add_database(export, "read this database and ask no server: sqlite:///PATH")
    _add_server(export)
    export.set_defaults(run=_runner("planning_poker_server.cli.games.exporting", "export"))


def _add_import(group: "_SubParsersAction[Any]") -> None:
    import_ = group.add_parser("import", help="add a game, or stories", epilog=texts.IMPORT)
    import_.add_argument(
        "file", metavar="FILE", type=Path, help="a game that was exported, or stories: FILE.csv"
    )
    _add_database(import_)
    import_.add_argument("--game", metavar="GAME", help="where stories go, by id or join code")
    import_.add_argument("--new", metavar="TITLE", help="open a game for the stories")
    import_.add_argument("--name", metavar="NAME", help="its facilitator")
    import_.add_argument("--seats", metavar="FILE", type=Path, help="where seats are kept")
    import_.add_argument("--base-url", metavar="URL", help="of the Jira that the keys lead to")
    _add_server(import_, passcode=False)
    _add_json(import_)
    import_.set_defaults(run=_import)


# What several commands have


def _add_database(
    command: ArgumentParser, help_: str = "where games are kept, as for serve: sqlite:///PATH"
) -> None:
    command.add_argument("--database", metavar="URL", help=help_)
    command.add_argument("--config", metavar="DIR", type=Path, help="configuration folder")
    command.add_argument("--environment", metavar="NAME", help="development, staging, production")


def _add_game(command: ArgumentParser) -> None:
    command.add_argument("game", metavar="GAME", help="the game's id or join code")


def _add_label(command: ArgumentParser) -> None:
    command.add_argument(
        "--label", metavar="NAME=VALUE", type=_label, action="append", help="only with this label"
    )


def _add_server(command: ArgumentParser, *, passcode: bool = True) -> None:
    command.add_argument("--server", metavar="HOST:PORT", help=f"({SERVER})")
    command.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="what proves to the server who asks; else the variable PLANNING_POKER_TOKEN",
    )
    if passcode:
        command.add_argument(
            "--passcode", action="store_true", help="ask for the game's passcode before reading it"
        )


def _add_json(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def _label(text: str) -> tuple[str, str]:
    """NAME=VALUE. Raises ArgumentTypeError."""
    name, is_pair, value = text.partition("=")
    if not is_pair or not name:
        raise ArgumentTypeError(f"{text!r} is no label: give NAME=VALUE")
    return name, value


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 9 or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _runner(module: str, name: str) -> Callable[[Namespace], int]:
    """Runs a function of a module that is imported only then: most commands need little."""

    def run(arguments: Namespace) -> int:
        done: int = getattr(import_module(module), name)(arguments)
        return done

    return run


def _import(arguments: Namespace) -> int:
    from planning_poker_server.cli.games.import_kind import check_options, is_game

    game = is_game(arguments.file)
    check_options(arguments, game=game)
    if game:
        from planning_poker_server.cli.games.importing import import_

        return import_(arguments)
    from planning_poker_server.cli.games.importing_stories import import_stories

    return import_stories(arguments)
