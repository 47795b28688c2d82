"""Two thousand streams opened at once."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import planningpoker.v1 as pb
from tests.integration.figures import tell
from tests.integration.process import ServerProcess
from tests.integration.raw import Client, Stream

CONNECTIONS, STREAMS = 20, 100
"""A connection has at most 100 streams."""


async def served(stream: Stream, game_id: str) -> int:
    """Say hello and follow a game; the version that was got."""
    await stream.hello()
    return (await stream.attach(game_id)).head_version


async def test_2_000_streams_opened_at_once_are_all_served(tmp_path: Path) -> None:
    async with (
        ServerProcess(tmp_path, LOGGING__LEVEL="WARNING") as server,
        AsyncExitStack() as exits,
    ):
        host = await exits.enter_async_context(Client(server.address))
        stream = await host.stream()
        ada = await stream.create()
        clients = [
            await exits.enter_async_context(Client(server.address)) for _ in range(CONNECTIONS)
        ]
        begun = time.monotonic()
        streams = [client.silent() for client in clients for _ in range(STREAMS)]
        versions = await asyncio.gather(*(served(each, ada.game_id) for each in streams))
        took = time.monotonic() - begun
        assert len(versions) == CONNECTIONS * STREAMS
        accepted = await stream.do(ada, start_round=pb.StartRound())
        views = await asyncio.gather(
            *(each.reaches(ada.game_id, accepted.version) for each in streams)
        )
        assert {view.phase for view in views} == {pb.GAME_PHASE_VOTING}
        tell({"streams": len(streams), "all served after": f"{took:.2f} s"})
