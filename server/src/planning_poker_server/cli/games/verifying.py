"""`planning-poker games verify`: every game's log, read and folded anew."""

import contextlib
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from planning_poker_server.cli.blocks import said
from planning_poker_server.cli.games.database import game_named, looking_at, place_of, settings_of
from planning_poker_server.cli.games.output import print_json, print_rich
from planning_poker_server.cli.running import Failure, say
from planning_poker_server.eventlog.port import LogUnavailable
from planning_poker_server.eventlog.read_only import ReadOnlyLog
from planning_poker_server.eventlog.stored import Stray
from planning_poker_server.history import Kind
from planning_poker_server.printable import printable
from planning_poker_server.verify import Finding, GameCheck

_MOST: Final = 1_000
"""Findings that are told of; the others are only counted."""
_ID: Final = 40
"""Characters shown of an id that may be anything."""


@dataclass(slots=True)
class _Result:
    games: int = 0
    events: int = 0
    seconds: float = 0.0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Sequence[Finding]) -> None:
        self.found += len(findings)
        self.findings += findings[: max(0, _MOST - len(self.findings))]


def verify(arguments: Namespace) -> int:
    """Check the games and tell; 1 where something is wrong. Raises Failure."""
    settings = settings_of(arguments)
    result = _Result()
    began = time.monotonic()
    with looking_at(settings) as log:
        wanted = _named(log, arguments.games, place_of(settings))
        with _progress(log, wanted) as advance:
            for game_id in wanted or _all(log):
                _verify(log, game_id, result, advance)
        if not wanted:
            result.add([_stray(stray) for stray in log.strays()])
    result.seconds = time.monotonic() - began
    _tell(result, as_json=arguments.json)
    return 1 if result.found else 0


def _named(log: ReadOnlyLog, names: Sequence[str], place: str) -> list[object]:
    found: list[object] = []
    for name in names:
        game_id = game_named(log, name)
        if game_id is None or (log.game(game_id) is None and not log.rows(game_id)):
            raise Failure(f"There is no game {printable(name, _ID)} in {place}.")
        found.append(game_id)
    return found


def _all(log: ReadOnlyLog) -> Iterator[object]:
    page = log.ids()
    while page:
        yield from page
        page = log.ids(page[-1])


def _verify(
    log: ReadOnlyLog, game_id: object, result: _Result, advance: Callable[[int], None]
) -> None:
    result.games += 1
    if not isinstance(game_id, str):
        shown = printable(str(game_id), _ID)
        result.add([Finding(shown, None, Kind.ID, "an id that is no text")])
        return
    try:
        findings = _findings(log, game_id, result, advance)
        # A game that was purged meanwhile is none any more, and so nothing is wrong with it.
        if findings and log.game(game_id) is None and not log.rows(game_id):
            return
    except (LogUnavailable, ValueError, TypeError) as error:
        detail = f"what the database holds of it cannot be read ({type(error).__name__})"
        findings = [Finding(game_id, None, Kind.UNREADABLE, detail)]
    result.add(findings)


def _findings(
    log: ReadOnlyLog, game_id: str, result: _Result, advance: Callable[[int], None]
) -> list[Finding]:
    stored = log.game(game_id)
    if stored is None:
        return [Finding(game_id, None, Kind.STRAY, "it has records and is in no list")]
    check = GameCheck(game_id, stored)
    page = log.rows(game_id)
    while check.take(page):
        advance(len(page))
        page = log.rows(game_id, page[-1].version)
    result.events += check.events
    return check.findings()


def _stray(stray: Stray) -> Finding:
    things = (
        f"1 {stray.what} names" if stray.number == 1 else f"{stray.number:,} {stray.what}s name"
    )
    shown = printable(str(stray.game_id), _ID)
    return Finding(shown, None, Kind.STRAY, f"{things} it, and there is no such game")


@contextlib.contextmanager
def _progress(log: ReadOnlyLog, wanted: Sequence[object]) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how far it is; on standard error, and gone in the end."""
    console = Console(stderr=True)
    columns = (TextColumn("Events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None if wanted else log.totals()[1])
        yield lambda count: progress.advance(task, count)


def _tell(result: _Result, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "games": result.games,
                "events": result.events,
                "seconds": round(result.seconds, 3),
                "found": result.found,
                "findings": [
                    {"gameId": game_id, "version": version, "kind": kind, "detail": detail}
                    for game_id, version, kind, detail in result.findings
                ],
            }
        )
        return
    if result.findings:
        print_rich(_table(result.findings))
    say(_summary(result))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Game", style="cyan", no_wrap=True)
    table.add_column("Version", justify="right", no_wrap=True)
    table.add_column("Finding", style="bold red", no_wrap=True)
    table.add_column("What", overflow="fold")
    for game_id, version, kind, detail in findings:
        shown = "" if version is None else str(version)
        table.add_row(said(game_id), shown, kind, detail)
    return table


def _summary(result: _Result) -> str:
    games = "1 game" if result.games == 1 else f"{result.games:,} games"
    events = "1 event" if result.events == 1 else f"{result.events:,} events"
    checked = f"{games} with {events} checked in {result.seconds:.1f} s"
    if not result.found:
        return f"{checked}: all is well."
    found = "1 finding" if result.found == 1 else f"{result.found:,} findings"
    left_out = f"; the first {_MOST:,} are shown" if result.found > len(result.findings) else ""
    return f"{checked}: {found}{left_out}."
