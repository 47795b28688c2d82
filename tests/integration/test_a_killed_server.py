"""The server is killed under a hundred connected players, and comes back."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from planning_poker_client import Connected, PokerClient, Reconnecting
from tests.integration.crowd import CARDS, Player, agree_with_the_log, seated, stored_events
from tests.integration.figures import tell
from tests.integration.process import ServerProcess
from tests.integration.raw import eventually
from tests.integration.wiretap import Wiretap

GAMES, PLAYERS = 10, 10
BACK_WITHIN_S = 5.0
LATE_ATTEMPT = 5
"""The backoff after it is at its longest: 0.1 s doubled so often is 3.2 s."""
PATIENCE_S = 30.0


class Crowd:
    """All players of all games; each always has a vote under way."""

    def __init__(self, tables: Sequence[Sequence[Player]]) -> None:
        self.tables = tables
        self.players = [player for table in tables for player in table]
        self._over = asyncio.Event()

    @property
    def accepted(self) -> int:
        return sum(len(player.accepted) for player in self.players)

    async def votes(self, player: Player) -> None:
        while not self._over.is_set():
            await player.ask(partial(player.game.vote, player.random.choice(CARDS)))

    def stop(self) -> None:
        self._over.set()


async def gone(player: Player, attempt: int) -> None:
    """Wait until so many attempts to come back were in vain."""
    async for state in player.client.states():
        if isinstance(state, Reconnecting) and state.attempt >= attempt:
            return


async def back_after(player: Player, since: float) -> float:
    """Seconds until it is connected."""
    async for state in player.client.states():
        if isinstance(state, Connected):
            return time.monotonic() - since
    raise AssertionError("the client was closed")


@pytest.mark.alone
@pytest.mark.redelivers
async def test_all_are_back_within_5_s_of_its_return_and_resume_and_are_answered_once(
    tmp_path: Path, wiretap: Wiretap
) -> None:
    async with (
        ServerProcess(tmp_path, LOGGING__LEVEL="WARNING") as server,
        AsyncExitStack() as clients,
    ):

        async def client() -> PokerClient:
            return await clients.enter_async_context(PokerClient(server.address))

        tables = [await seated(client, PLAYERS, Random(n)) for n in range(GAMES)]  # noqa: S311
        crowd = Crowd(tables)
        for table in tables:
            await table[0].ask(table[0].game.start_round)
        async with asyncio.TaskGroup() as group:
            for player in crowd.players:
                group.create_task(player.listen())
            voting = [group.create_task(crowd.votes(player)) for player in crowd.players]
            await eventually(lambda: crowd.accepted > 500)
            await server.kill()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(gone(player, LATE_ATTEMPT) for player in crowd.players))
            before = crowd.accepted
            wiretap.attached.clear()
            await server.restart()
            since = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                back = await asyncio.gather(*(back_after(p, since) for p in crowd.players))
                await eventually(lambda: crowd.accepted > before + 500)
                crowd.stop()
                await asyncio.gather(*voting)
            for table in tables:
                await table[0].ask(table[0].game.end)
        logs = [stored_events(server.database, table[0].game.game_id) for table in tables]
    for table, events in zip(tables, logs, strict=True):
        agree_with_the_log(table, events)
        for player in table:
            player.was_told_everything(len(events))
    duplicates = [r for p in crowd.players for r in p.accepted.values() if r.duplicate]
    tell(
        {
            "players": len(crowd.players),
            "back, median and last": f"{sorted(back)[len(back) // 2]:.2f} s, {max(back):.2f} s",
            "games followed": dict(wiretap.attached),
            "accepted before, after": (before, crowd.accepted - before),
            "in flight, stored before the kill": len(duplicates),
            "events in the logs": sum(map(len, logs)),
        }
    )
    assert max(back) <= BACK_WITHIN_S
    assert wiretap.attached == {"RESUMED": GAMES * PLAYERS}
