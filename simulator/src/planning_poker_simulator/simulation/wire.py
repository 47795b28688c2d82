"""One connection between a program and the server: what gRPC is elsewhere."""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
import grpc.aio

import planningpoker.v1 as pb
from planning_poker_simulator.simulation.flow import Flow, FlowEnded
from planning_poker_simulator.simulation.history import Said, Stream, Written
from planning_poker_simulator.simulation.processes import NOWHERE, Process

_EOF = None
_CAPACITY = 64
"""Messages that fit into the buffers on the way."""


class HandlerAborted(Exception):
    """What a handler raises to end its call with a status."""


class Wire:
    """Two flows, and who is at their ends."""

    def __init__(
        self,
        stream: Stream,
        client: Process,
        delay: Callable[[], float],
        clock_ms: Callable[[], int],
        note: Callable[[str, bytes | pb.ClientEnvelope], None],
        capacity: int = _CAPACITY,
    ) -> None:
        self.stream = stream
        self.client = client
        self.to_server: Flow[bytes] = Flow(delay, capacity)
        self.to_client: Flow[bytes] = Flow(delay, capacity)
        self.handler: asyncio.Task[None] | None = None
        self.status: tuple[grpc.StatusCode, str] = (grpc.StatusCode.OK, "")
        self.client_gone = False
        self.server_gone = False
        self.clock_ms = clock_ms
        self._note = note
        self._loop = asyncio.get_running_loop()

    @property
    def is_open(self) -> bool:
        """Whether both ends take the other for there."""
        return not (self.client_gone or self.server_gone)

    def note(self, message: bytes | pb.ClientEnvelope) -> None:
        """It goes over this wire."""
        self._note(f"{self.stream.client} #{self.stream.number}", message)

    # What happens to it

    def refuse(self) -> None:
        """Nobody answers at the other end."""
        self.server_gone = True
        self.break_client()

    def break_client(self, after: float = 0.0) -> None:
        """The client finds the connection broken, so many seconds from now."""
        self._loop.call_later(after, self._break_client, context=NOWHERE)

    def break_server(self, after: float = 0.0) -> None:
        """The server does."""
        self._loop.call_later(after, self._break_server, context=NOWHERE)

    def _break_client(self) -> None:
        if not self.client_gone:
            self.client_gone = True
            self.status = (grpc.StatusCode.UNAVAILABLE, "the connection was lost")
            self.to_client.cut()
            self.to_server.close()

    def _break_server(self) -> None:
        if self.server_gone:
            return
        self.server_gone = True
        self.to_server.cut()
        self.to_client.close()
        # As gRPC has it: first nothing more comes, then the handler is cancelled.
        if self.handler is not None:
            self.handler.cancel()

    def handled(self, status: tuple[grpc.StatusCode, str]) -> None:
        """The handler is over: the client is told behind what was written."""
        self.stream.closed_ms = self.clock_ms()
        if not self.client_gone and not self.server_gone:
            self.status = status
        self.server_gone = True
        self.to_server.cut()
        self.to_client.close()


class SimulatedLine:
    """The client's end, for the SDK."""

    def __init__(self, wire: Wire, versions: Callable[[], dict[str, int]]) -> None:
        self._wire = wire
        self._versions = versions
        self._loop = asyncio.get_running_loop()

    async def read(self) -> pb.ServerEnvelope | None:
        wire = self._wire
        try:
            frame = await wire.to_client.get()
        except FlowEnded:
            code, details = wire.status
            if code is grpc.StatusCode.OK:
                return None
            raise _error(code, details) from None
        wire.stream.reached += 1
        return pb.ServerEnvelope.FromString(frame)

    async def write(self, envelope: pb.ClientEnvelope) -> None:
        if self._wire.client_gone:
            raise _error(*self._wire.status)
        self._wire.stream.said.append(Said(self._loop.time(), envelope, self._versions()))
        self._wire.note(envelope)
        await self._wire.to_server.put(envelope.SerializeToString())

    async def done_writing(self) -> None:
        self._wire.to_server.close()

    async def close(self) -> None:
        """Given up: the server finds out behind what is on its way."""
        wire = self._wire
        if not wire.client_gone:
            wire.client_gone = True
            wire.to_client.cut()
            wire.to_server.close()
            wire.break_server(0.05)


class SimulatedContext:
    """The server's end, for the handler of Play."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self.status: tuple[grpc.StatusCode, str] = (grpc.StatusCode.OK, "")

    async def read(self) -> bytes | None:
        try:
            return await self._wire.to_server.get()
        except FlowEnded:
            return _EOF

    async def write(self, frame: bytes) -> None:
        wire = self._wire
        written = Written(self._loop.time(), wire.clock_ms(), frame)
        wire.stream.written.append(written)
        wire.note(frame)
        await wire.to_client.put(frame)

    async def abort(self, code: grpc.StatusCode, details: str, *_metadata: Any) -> NoReturn:
        self.status = (code, details)
        raise HandlerAborted

    def peer(self) -> str:
        return f"sim:{self._wire.client.name}:1"


def _error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details, None)
