"""`planning-poker games purge`: games that go for good, named or old."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client import CommandRefused, GameSummary, PokerClient
from planning_poker_server.cli.blocks import said
from planning_poker_server.cli.games.listing import as_json, table_of
from planning_poker_server.cli.games.output import print_json, print_rich
from planning_poker_server.cli.games.server import asking
from planning_poker_server.cli.running import Failure, complain, interruptible, run, say

_ENDED: Final = (pb.GAME_PHASE_ENDED,)
_AT_ONCE: Final = 20
"""Purges under way together: they share the rewriting of the database."""
_UNENDED: Final = (pb.GAME_PHASE_LOBBY, pb.GAME_PHASE_VOTING, pb.GAME_PHASE_REVEALED)


def purge(arguments: Namespace) -> int:
    """Purge them, once it was confirmed; 1 where one is left. Raises Failure."""
    by_age = arguments.ended_days is not None or arguments.abandoned_days is not None
    if bool(arguments.games) == by_age:
        message = "Name games, or say how old: --ended-days N, --abandoned-days N."
        raise Failure(message, code=2)
    if arguments.json and not (arguments.yes or arguments.dry_run):
        raise Failure("With --json nobody is asked: give --yes or --dry-run.", code=2)
    if not (arguments.yes or arguments.dry_run or sys.stdin.isatty()):
        raise Failure("Nobody can be asked here whether you are sure: give --yes.", code=2)
    return run(interruptible(_purge(arguments)))


async def _purge(arguments: Namespace) -> int:
    async with asking(arguments) as client:
        going = await _going(client, arguments)
        if arguments.json and (arguments.dry_run or not going):
            print_json([as_json(game) for game in going])
            return 0
        if not going:
            say("No game is to go.")
            return 0
        if arguments.dry_run:
            print_rich(table_of(going))
            say("1 game would go." if len(going) == 1 else f"{len(going):,} games would go.")
            return 0
        if not arguments.yes and not await _confirmed(going):
            say("Nothing was purged.")
            return 1
        return await _purged(client, going, arguments)


async def _purged(client: PokerClient, going: Sequence[GameSummary], arguments: Namespace) -> int:
    gone: set[str] = set()

    async def purge_one(game: GameSummary) -> None:
        if await _is_purged(client, game):
            gone.add(game.game_id)

    try:
        for first in range(0, len(going), _AT_ONCE):
            group = map(purge_one, going[first : first + _AT_ONCE])
            for outcome in await asyncio.gather(*group, return_exceptions=True):
                if outcome is not None:
                    raise outcome
    finally:
        # Also where the server went away or a signal came: what is gone is gone.
        _tell([game for game in going if game.game_id in gone], len(going), arguments)
    return 0 if len(gone) == len(going) else 1


async def _going(client: PokerClient, arguments: Namespace) -> list[GameSummary]:
    if arguments.games:
        named = [await _named(client, name) for name in arguments.games]
        return list({game.game_id: game for game in named}.values())
    now = datetime.now(UTC)
    going: list[GameSummary] = []
    for days, phases in ((arguments.ended_days, _ENDED), (arguments.abandoned_days, _UNENDED)):
        if days is not None:
            before = now - timedelta(days=days)
            going += [g async for g in client.list_games(phases=phases, updated_before=before)]
    return going


async def _named(client: PokerClient, name: str) -> GameSummary:
    """As it is listed, which a game that cannot be read is as well. Raises Failure."""
    wanted = name.upper().replace("-", "")
    async for game in client.list_games(page_size=1_000):
        if name == game.game_id or wanted == game.join_code.replace("-", ""):
            return game
    raise Failure(f"There is no game {said(name).plain}.")


async def _confirmed(going: Sequence[GameSummary]) -> bool:
    print_rich(table_of(going))
    games = "this game" if len(going) == 1 else f"these {len(going):,} games"
    say(f"Purge {games}, with all that was said and voted there, for good? Type yes.")
    answer: str = await asyncio.to_thread(sys.stdin.readline)
    return answer.strip().lower() == "yes"


async def _is_purged(client: PokerClient, game: GameSummary) -> bool:
    try:
        await client.purge_game(game.game_id, expected_version=game.version)
    except CommandRefused as refused:
        if refused.reason == "UNAUTHENTICATED":
            raise
        complain(f"{game.join_code or game.game_id} stays: {refused}")
        return False
    return True


def _tell(gone: Sequence[GameSummary], of: int, arguments: Namespace) -> None:
    if arguments.json:
        print_json([as_json(game) for game in gone])
    elif len(gone) < of:
        say(f"{len(gone):,} of {of:,} games were purged.")
    else:
        say("1 game was purged." if of == 1 else f"{of:,} games were purged.")
