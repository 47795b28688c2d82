"""Run by test_wheels.py in an environment that has the client and nothing else of ours."""

import asyncio
import importlib.util
import json
import sys

import planningpoker.v1 as pb
from planning_poker_client import PokerClient

SERVERS = (
    "alembic",
    "dynaconf",
    "google.rpc",
    "grpc_health",
    "grpc_reflection",
    "grpc_status",
    "loguru",
    "planning_poker_server",
    "rich",
    "sqlalchemy",
)


def found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is not there either
        return False


async def play(address: str) -> dict[str, str]:
    """The revealed cards by player name, as the second player saw them."""
    async with PokerClient(address) as ada_client, PokerClient(address) as bob_client:
        ada = await ada_client.create_game(name="Sprint 12", deck="fibonacci", player="Ada")
        bob = await bob_client.join(ada.join_code, name="Bob")
        await ada.start_story("Login page")
        await bob.wait_for(lambda view: view.phase == pb.GAME_PHASE_VOTING, timeout=10)
        await ada.vote("5")
        await bob.vote("8")
        await ada.reveal()
        await bob.wait_for(lambda view: view.phase == pb.GAME_PHASE_REVEALED, timeout=10)
        return {vote.display_name: vote.card for vote in bob.view.votes.values()}


if __name__ == "__main__":
    importable = [name for name in SERVERS if found(name)]
    report = {"importable": importable, "votes": asyncio.run(play(sys.argv[1]))}
    sys.stdout.write(json.dumps(report))
