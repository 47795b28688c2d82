"""A program of its own that takes a seat and says what it is told, one line each.

Arguments: address, join code, name. It ends with the game.
"""

import asyncio
import sys

from planning_poker_client import Change, Game, PokerClient


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


async def say_states(client: PokerClient) -> None:
    async for state in client.states():
        say("state", type(state).__name__)


async def say_changes(game: Game) -> None:
    async for item in game.changes():
        say("change", item.version if isinstance(item, Change) else item)


async def sit(address: str, code: str, name: str) -> None:
    async with PokerClient(address) as client, asyncio.TaskGroup() as group:
        states = group.create_task(say_states(client))
        game = await client.join(code, name)
        say("seat", game.player_id)
        await say_changes(game)
        states.cancel()


asyncio.run(sit(*sys.argv[1:]))
