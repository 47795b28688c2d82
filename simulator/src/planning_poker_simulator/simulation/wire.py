"""One call between a program and the server: what gRPC is elsewhere, and its server's end."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, NoReturn

import grpc

import planningpoker.v1 as pb
from planning_poker_simulator.checking.history import Frame, Stream, Written
from planning_poker_simulator.simulation.flow import Flow, FlowEnded
from planning_poker_simulator.simulation.processes import NOWHERE, Process

_EOF = None
_CAPACITY = 64
"""Messages that fit into the buffers on the way."""


Metadata = Sequence[tuple[str, str | bytes]]


class Status(NamedTuple):
    """How a call ended."""

    code: grpc.StatusCode
    details: str = ""
    trailing: Metadata = ()


OK: Final = Status(grpc.StatusCode.OK)
_LOST: Final = Status(grpc.StatusCode.UNAVAILABLE, "the connection was lost")


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
        note: Callable[[str, Frame | pb.ClientEnvelope], None],
        metadata: Metadata = (),
        capacity: int = _CAPACITY,
    ) -> None:
        """`metadata` comes with the call."""
        self.stream = stream
        self.client = client
        self.to_server: Flow[bytes] = Flow(delay, capacity)
        self.to_client: Flow[bytes] = Flow(delay, capacity)
        self.handler: asyncio.Task[None] | None = None
        self.status = OK
        self.metadata = metadata
        self.client_gone = False
        self.server_gone = False
        self.clock_ms = clock_ms
        self._note = note
        self._loop = asyncio.get_running_loop()

    @property
    def is_open(self) -> bool:
        """Whether both ends take the other for there."""
        return not (self.client_gone or self.server_gone)

    def note(self, message: Frame | pb.ClientEnvelope) -> None:
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
        """The server does, and the client does not: it is told by nobody."""
        self._loop.call_later(after, self._break_server, context=NOWHERE)

    def _break_client(self) -> None:
        self.end_client(_LOST)

    def end_client(self, status: Status) -> None:
        """It is over for the client, who is told this; the server finds out later."""
        if not self.client_gone:
            self.client_gone = True
            self.status = status
            self.to_client.cut()
            self.to_server.close()

    def _break_server(self) -> None:
        if self.server_gone:
            return
        self.server_gone = True
        self.to_server.cut()
        # As gRPC has it: first nothing more comes, then the handler is cancelled.
        if self.handler is not None:
            self.handler.cancel()

    def handled(self, status: Status) -> None:
        """The handler is over: the client is told behind what was written, if it still can be."""
        self.stream.closed_ms = self.clock_ms()
        if self.is_open:
            self.server_gone, self.status = True, status
            self.to_server.cut()
            self.to_client.close()


class SimulatedContext:
    """The server's end, for a handler."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self.status = OK

    async def read(self) -> bytes | None:
        try:
            return await self._wire.to_server.get()
        except FlowEnded:
            return _EOF

    async def write(self, frame: bytes) -> None:
        wire = self._wire
        written = Written(self._loop.time(), wire.clock_ms(), frame)
        wire.stream.written.append(written)
        wire.note(Frame(wire.stream.method, frame))
        await wire.to_client.put(frame)

    async def abort(self, code: grpc.StatusCode, details: str, trailing: Metadata = ()) -> NoReturn:
        self.status = Status(code, details, trailing)
        raise HandlerAborted

    def invocation_metadata(self) -> Metadata:
        return self._wire.metadata

    def peer(self) -> str:
        return f"sim:{self._wire.client.name}:1"
