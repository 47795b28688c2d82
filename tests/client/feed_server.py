"""A real grpc.aio server whose half of watching, listing and purging is written out in a test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

import planningpoker.v1 as pb

GAMES = ["a" * 32, "b" * 32]


def stored(count: int) -> list[pb.WatchedEvent]:
    """A log of two games, whose events alternate; the cursor behind each is its number."""
    events = []
    for number in range(count):
        event = pb.GameEvent(version=number // 2 + 1, player_left=pb.PlayerLeft(player_id="p1"))
        cursor = str(number + 1)
        events.append(pb.WatchedEvent(game_id=GAMES[number % 2], cursor=cursor, event=event))
    return events


def told(*events: pb.WatchedEvent, cursor: str = "") -> pb.WatchEventsResponse:
    """`cursor` is further than the last of them where a filter left something out."""
    watched = pb.WatchedEvents(events=events)
    return pb.WatchEventsResponse(cursor=cursor or events[-1].cursor, events=watched)


def heartbeat(cursor: str, interval_ms: int = 60_000) -> pb.WatchEventsResponse:
    response = pb.WatchEventsResponse(cursor=cursor)
    response.heartbeat.interval.FromMilliseconds(interval_ms)
    return response


def caught_up(cursor: str) -> pb.WatchEventsResponse:
    return pb.WatchEventsResponse(cursor=cursor, caught_up=pb.CaughtUp())


class Call:
    """One call, seen from the server."""

    def __init__(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.request = request
        self.metadata = dict(context.invocation_metadata() or ())
        self.ended = asyncio.Event()
        self._context = context

    async def say(self, *responses: pb.WatchEventsResponse) -> None:
        for response in responses:
            await self._context.write(response)

    async def last(self) -> None:
        """Say nothing more, until the other side ends it."""
        await asyncio.Event().wait()

    async def lose(self) -> None:
        """End it as a network does."""
        await self._context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")

    async def refuse(
        self, reason: pb.Reason.ValueType, code: grpc.StatusCode, message: str
    ) -> None:
        """End it as our server does."""
        name = pb.Reason.Name(reason).removeprefix("REASON_")
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.ErrorInfo(reason=name, domain="planningpoker"))
        status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
        metadata = (("grpc-status-details-bin", status.SerializeToString()),)
        await self._context.abort(code, message, metadata)


Script = Callable[[Call], Awaitable[Any]]


_UNARY: dict[str, Any] = {
    "ListGames": pb.ListGamesRequest,
    "PurgeGame": pb.PurgeGameRequest,
    "GetGame": pb.GetGameRequest,
}


class FeedServer:
    """Runs one script per call, in order; the last one serves all that follow."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.calls: list[Call] = []
        self.address = ""
        self._scripts = scripts
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])

    async def start(self) -> None:
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._run, request.FromString, lambda response: response.SerializeToString()
            )
            for name, request in _UNARY.items()
        }
        handlers["WatchEvents"] = grpc.unary_stream_rpc_method_handler(
            self._run,
            pb.WatchEventsRequest.FromString,
            pb.WatchEventsResponse.SerializeToString,
        )
        service = "planningpoker.v1.PlanningPokerService"
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, handlers),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)

    async def _run(self, request: Any, context: Any) -> Any:
        call = Call(request, context)
        script = self._scripts[min(len(self.calls), len(self._scripts) - 1)]
        self.calls.append(call)
        try:
            return await script(call)
        finally:
            call.ended.set()


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[FeedServer]:
    """A server on a free port."""
    server = FeedServer(scripts)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
