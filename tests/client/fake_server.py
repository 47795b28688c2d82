"""A real grpc.aio server whose half of each stream is written out in the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

import planningpoker.v1 as pb

_PLAY = "/planningpoker.v1.PlanningPokerService/Play"


class Stream:
    """One stream, seen from the server."""

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.heard: list[pb.ClientEnvelope] = []
        self.metadata = dict(context.invocation_metadata() or ())
        self._context = context
        self._writing = asyncio.Lock()

    async def next(self) -> pb.ClientEnvelope | None:
        """The next message, or None when the client has said all."""
        message = await self._context.read()
        if not isinstance(message, pb.ClientEnvelope):
            return None
        self.heard.append(message)
        return message

    async def expect(self, payload: str) -> pb.ClientEnvelope:
        """The next message with this payload; acknowledgements before it are passed by."""
        while (message := await self.next()) is not None:
            said = message.WhichOneof("payload")
            if said == payload:
                return message
            assert said == "ack", f"{said} instead of {payload}"
        raise AssertionError(f"the client closed instead of saying {payload}")

    async def say(self, *envelopes: pb.ServerEnvelope) -> None:
        for envelope in envelopes:
            async with self._writing:  # two writes at once end the stream
                await self._context.write(envelope)

    async def until_closed(self) -> None:
        """Read on until the client has said all."""
        while await self.next() is not None:
            pass

    async def abort(self, code: grpc.StatusCode, details: str = "") -> None:
        await self._context.abort(code, details)


Script = Callable[[Stream], Awaitable[None]]


class FakeServer:
    """Runs one script per stream, in order; the last one serves all that follow."""

    def __init__(self, *scripts: Script) -> None:
        self.streams: list[Stream] = []
        self.failures: list[BaseException] = []
        self.port = 0
        self._scripts = scripts
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        handler = grpc.stream_stream_rpc_method_handler(
            self._play,
            request_deserializer=pb.ClientEnvelope.FromString,
            response_serializer=pb.ServerEnvelope.SerializeToString,
        )
        service, method = _PLAY.strip("/").split("/")
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)

    async def _play(self, _requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        stream = Stream(context)
        script = self._scripts[min(len(self.streams), len(self._scripts) - 1)]
        self.streams.append(stream)
        try:
            await script(stream)
        except AssertionError as failure:
            self.failures.append(failure)
            raise


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[FakeServer]:
    """A fake server on a free port; what its scripts did not expect fails the test."""
    server = FakeServer(*scripts)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert not server.failures, server.failures
