"""A bot without the SDK: calls WatchEvents, ListGames and PurgeGame with bare messages."""

import asyncio
from contextlib import suppress
from typing import Any, Self

import grpc
import pytest

import planningpoker.v1 as pb
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub
from tests.integration.raw import PATIENCE_S, Status, status_of

TOKEN = "operator-token-of-at-least-32-characters"


def bearing(token: str | None) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),) if token else ()


class Watch:
    """One call of WatchEvents, read in steps."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None = None, **fields: Any) -> None:
        stub = PlanningPokerServiceStub(channel)
        self.call = stub.WatchEvents(pb.WatchEventsRequest(**fields), metadata=bearing(token))
        self.cursor = ""
        """Behind the last response."""
        self.items: list[str] = []
        """Kinds of the responses."""
        self.events: list[pb.WatchedEvent] = []

    async def step(self) -> pb.WatchEventsResponse:
        async with asyncio.timeout(PATIENCE_S):
            response = await self.call.read()
        assert isinstance(response, pb.WatchEventsResponse), await status_of(self.call)
        self.cursor = response.cursor
        self.items.append(response.WhichOneof("item") or "")
        self.events += response.events.events
        return response

    async def until_caught_up(self) -> Self:
        while self.items[-1:] != ["caught_up"]:
            await self.step()
        return self

    async def until(self, count: int) -> list[pb.WatchedEvent]:
        """The first `count` events."""
        while len(self.events) < count:
            await self.step()
        return self.events[:count]

    async def refused(self) -> Status:
        async with asyncio.timeout(PATIENCE_S):
            with suppress(grpc.aio.AioRpcError):
                while isinstance(await self.call.read(), pb.WatchEventsResponse):
                    pass
        status = await status_of(self.call)
        assert status.code != grpc.StatusCode.OK
        return status

    def told(self) -> list[tuple[str, int]]:
        """Game and version of each event."""
        return [(each.game_id, each.event.version) for each in self.events]


async def listed(
    channel: grpc.aio.Channel, token: str | None = None, **fields: Any
) -> pb.ListGamesResponse:
    stub = PlanningPokerServiceStub(channel)
    response: pb.ListGamesResponse = await stub.ListGames(
        pb.ListGamesRequest(**fields), metadata=bearing(token)
    )
    return response


async def list_refused(
    channel: grpc.aio.Channel, token: str | None = None, **fields: Any
) -> Status:
    call = PlanningPokerServiceStub(channel).ListGames(
        pb.ListGamesRequest(**fields), metadata=bearing(token)
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await call
    return await status_of(call)


async def purge(
    channel: grpc.aio.Channel, game_id: str, token: str | None = TOKEN, **fields: Any
) -> Status | str:
    """The id of the game that is gone, or why it is not."""
    call = PlanningPokerServiceStub(channel).PurgeGame(
        pb.PurgeGameRequest(game_id=game_id, **fields), metadata=bearing(token)
    )
    try:
        return (await call).game_id
    except grpc.aio.AioRpcError:
        return await status_of(call)
