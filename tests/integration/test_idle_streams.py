"""Streams on which nothing happens for five minutes, with the settings that are shipped."""

import asyncio
from pathlib import Path

import pytest

from planning_poker_client import Connected, PokerClient
from tests.integration.process import ServerProcess
from tests.integration.raw import Client, Stream

IDLE_S = 300.0
PING_S = 10.0


async def leaves_connected(client: PokerClient) -> None:
    """Return when the connection is anything but connected."""
    async for state in client.states():
        if not isinstance(state, Connected):
            return


async def pings(stream: Stream) -> None:
    """Ask each 10 s, for ever."""
    while True:
        await asyncio.sleep(PING_S)
        await stream.ping()


@pytest.mark.long
async def test_an_idle_stream_lives_and_so_does_one_whose_client_pings_each_10_s(
    tmp_path: Path,
) -> None:
    often = {
        "keepalive_time_ms": 10_000,
        "keepalive_permit_without_calls": 1,
        "http2.max_pings_without_data": 0,
    }
    async with (
        ServerProcess(tmp_path) as server,
        PokerClient(server.address) as ada,
        Client(server.address) as silent,
        Client(server.address, **often) as eager,
        Client(server.address) as asking,
    ):
        game = await ada.create_game("Sprint 12", player="Ada")
        streams = [await client.stream() for client in (silent, eager, asking)]
        for stream in streams:
            # Who has not even acknowledged the snapshot is given up, and not for being idle.
            attached = await stream.attach(game.game_id)
            await stream.ack(game.game_id, attached.head_version)
        tasks = [asyncio.create_task(leaves_connected(ada)), asyncio.create_task(pings(streams[2]))]
        ended, _ = await asyncio.wait(tasks, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        assert not ended
        for task in tasks:
            task.cancel()
        version = (await game.start_round()).version
        for stream in streams:
            await stream.reaches(game.game_id, version)
