"""A program of its own that takes a seat and says what it is told, one line each.

Arguments: address, join code, name, and the id of its request to join if that matters. It
ends with the game, or when it loses its seat.
"""

import asyncio
import sys

from planning_poker_client import Change, Game, GameDetached, PokerClient


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


async def say_states(client: PokerClient) -> None:
    async for state in client.states():
        say("state", type(state).__name__)


async def say_changes(game: Game) -> None:
    try:
        async for item in game.changes():
            say("change", item.version if isinstance(item, Change) else item)
    except GameDetached as detached:
        say("detached", detached.reason)


async def sit(address: str, code: str, name: str, request_id: str | None = None) -> None:
    async with PokerClient(address) as client, asyncio.TaskGroup() as group:
        states = group.create_task(say_states(client))
        game = await client.join(code, name, request_id=request_id)
        say("seat", game.player_id)
        await say_changes(game)
        states.cancel()


asyncio.run(sit(*sys.argv[1:]))
