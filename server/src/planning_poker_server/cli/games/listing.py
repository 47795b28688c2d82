"""`planning-poker games list`: the games of a server, the newest first."""

import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

import planningpoker.v1 as pb
from planning_poker_client import GameSummary, PokerClient
from planning_poker_server.cli.blocks import said
from planning_poker_server.cli.games.moments import ago
from planning_poker_server.cli.games.output import print_rich
from planning_poker_server.cli.games.server import asking
from planning_poker_server.cli.running import interruptible, run, say

_PHASES: Final = {
    pb.GAME_PHASE_LOBBY: ("lobby", ""),
    pb.GAME_PHASE_VOTING: ("voting", "yellow"),
    pb.GAME_PHASE_REVEALED: ("revealed", "green"),
    pb.GAME_PHASE_ENDED: ("ended", "dim"),
}
_PAGE: Final = 200


def list_games(arguments: Namespace) -> int:
    """Print them. Raises Failure."""
    return run(interruptible(_list(arguments)))


async def _list(arguments: Namespace) -> int:
    async with asking(arguments) as client:
        games, more = await found(client, arguments, arguments.limit)
    if arguments.json:
        for game in games:
            say(json.dumps(as_json(game), ensure_ascii=False))
        return 0
    if games:
        print_rich(table_of(games))
    say(_summary(len(games), more=more))
    return 0


async def found(
    client: PokerClient, arguments: Namespace, limit: int
) -> tuple[list[GameSummary], bool]:
    """The first games that fit the arguments, and whether there are more."""
    games: list[GameSummary] = []
    async for game in client.list_games(
        phases=arguments.phase or (),
        name=arguments.name,
        labels=dict(arguments.label or ()),
        created_since=arguments.created_since,
        created_before=arguments.created_before,
        updated_since=arguments.updated_since,
        updated_before=arguments.updated_before,
        page_size=min(limit + 1, _PAGE),
    ):
        if len(games) == limit:
            return games, True
        games.append(game)
    return games, False


def table_of(games: Sequence[GameSummary]) -> Table:
    """A row for each game, with the times since it was created and since its last event."""
    now = datetime.now(UTC)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Code", style="cyan", no_wrap=True)
    table.add_column("Name", overflow="fold")
    table.add_column("Phase", no_wrap=True)
    table.add_column("Events", justify="right", no_wrap=True)
    table.add_column("Age", justify="right", no_wrap=True)
    table.add_column("Idle", justify="right", no_wrap=True)
    labelled = any(game.labels for game in games)
    if labelled:
        table.add_column("Labels", style="dim", overflow="fold")
    for game in games:
        labels = _folding(" ".join(f"{k}={v}" for k, v in sorted(game.labels.items())))
        table.add_row(
            game.join_code or game.game_id[:8],
            _name(game),
            _phase(game),
            f"{game.version:,}",
            ago(game.create_time, now),
            ago(game.update_time, now),
            *([labels] if labelled else []),
        )
    return table


def _name(game: GameSummary) -> Text:
    name = _folding(game.display_name)
    if game.passcode_required:
        name.append(" (passcode)", "dim")
    return name


def _folding(text: str) -> Text:
    """Text from elsewhere that takes more rows where one is too short."""
    shown = said(text)
    shown.no_wrap, shown.overflow = False, "fold"
    return shown


def _phase(game: GameSummary) -> Text:
    return Text(*_PHASES.get(game.phase, (str(game.phase), "")))


def as_json(game: GameSummary) -> dict[str, Any]:
    """A game as listed, in the contract's own names."""
    return {
        "gameId": game.game_id,
        "joinCode": game.join_code,
        "displayName": game.display_name,
        "phase": pb.GamePhase.Name(game.phase),
        "version": game.version,
        "createTime": game.create_time.isoformat(),
        "updateTime": game.update_time.isoformat(),
        "passcodeRequired": game.passcode_required,
        "labels": dict(sorted(game.labels.items())),
    }


def _summary(count: int, *, more: bool) -> str:
    if not count:
        return "No game is like that."
    games = "1 game" if count == 1 else f"{count:,} games"
    return f"The newest {games}; there are more: --limit." if more else f"{games}."
