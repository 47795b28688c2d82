"""The client's end of calls: as much of grpc.aio.Channel as the SDK uses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Generic, TypeAlias, TypeVar

import grpc
import grpc.aio

import planningpoker.v1 as pb
from planning_poker_simulator.checking.history import Frame, Said
from planning_poker_simulator.simulation.flow import FlowEnded
from planning_poker_simulator.simulation.wire import Metadata, Status, Wire

R = TypeVar("R")
Serializer: TypeAlias = Callable[[Any], bytes]
Deserializer: TypeAlias = Callable[[bytes], R]
_CANCELLED = Status(grpc.StatusCode.CANCELLED, "Locally cancelled by application!")
_TOO_LATE = Status(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
_EOF = object()
_TOLD_S = 0.05
"""After so long the server knows that a client gave a call up."""


class Call(Generic[R]):
    """One call; reads and writes as grpc.aio has it."""

    def __init__(
        self, wire: Wire, deserialize: Deserializer[R], versions: Callable[[], dict[str, int]]
    ) -> None:
        """`versions` says which versions of the games its program shows."""
        self._wire = wire
        self._deserialize = deserialize
        self._versions = versions
        self._loop = asyncio.get_running_loop()

    async def read(self) -> R | object:
        try:
            frame = await self._wire.to_client.get()
        except FlowEnded:
            self._check()
            return _EOF
        self._wire.stream.reached += 1
        message: R = self._deserialize(frame)
        return message

    async def write(self, envelope: pb.ClientEnvelope) -> None:
        wire = self._wire
        if wire.client_gone:
            self._check()
        envelope.ClearField("timestamp")  # of a clock that is none of ours
        wire.stream.said.append(Said(self._loop.time(), envelope, self._versions()))
        wire.note(envelope)
        await wire.to_server.put(envelope.SerializeToString())

    async def done_writing(self) -> None:
        self._wire.to_server.close()

    def ask(self, request: bytes) -> None:
        """Send the one message that the call begins with."""
        wire = self._wire
        wire.stream.request = request
        wire.note(Frame(wire.stream.method, request, is_request=True))
        wire.to_server.send(request)
        wire.to_server.close()

    def within(self, timeout: float | None) -> None:
        """Give it up after so many seconds."""
        if timeout is not None:
            self._loop.call_later(timeout, self._give_up, _TOO_LATE)

    @property
    def is_open(self) -> bool:
        """Whether it is not over, as far as its program knows."""
        return self._wire.is_open

    def cancel(self) -> bool:
        """Give it up now, if it is not over."""
        if self._wire.client_gone or self._wire.server_gone:
            self._wire.client_gone = True
            return False
        self._give_up(_CANCELLED)
        return True

    def _give_up(self, status: Status) -> None:
        if self._wire.is_open:
            self._wire.end_client(status)
            self._wire.break_server(_TOLD_S)

    def _check(self) -> None:
        status = self._wire.status
        if status is _CANCELLED:
            raise asyncio.CancelledError
        if status.code is not grpc.StatusCode.OK:
            trailing = grpc.aio.Metadata(*status.trailing)
            raise grpc.aio.AioRpcError(
                status.code, grpc.aio.Metadata(), trailing, status.details, None
            )

    async def __aiter__(self) -> AsyncIterator[R]:
        while (message := await self.read()) is not _EOF:
            yield message  # type: ignore[misc]

    def __await__(self) -> Generator[Any, None, R]:
        return self._answer().__await__()

    async def _answer(self) -> R:
        try:
            answer = await self.read()
            end = await self.read() if answer is not _EOF else answer
        except asyncio.CancelledError:
            self.cancel()
            raise
        if answer is _EOF or end is not _EOF:
            raise AssertionError("a unary call has one answer")
        return answer  # type: ignore[return-value]


class SimulatedChannel:
    """Opens calls; each has a wire of its own."""

    def __init__(
        self,
        open_wire: Callable[[str, Metadata], Wire],
        ready: Callable[[], Awaitable[None]],
        versions: Callable[[], dict[str, int]],
    ) -> None:
        self._open_wire = open_wire
        self._versions = versions
        self.channel_ready = ready
        self._calls: list[Call[Any]] = []

    def stream_stream(
        self,
        path: str,
        request_serializer: Serializer,  # noqa: ARG002, grpc passes it by its name
        response_deserializer: Deserializer[R],
        **_: Any,
    ) -> Callable[..., Call[R]]:
        def begin(_requests: None, *, metadata: Metadata = ()) -> Call[R]:
            return self._begin(path, response_deserializer, metadata)

        return begin

    def unary_stream(
        self,
        path: str,
        request_serializer: Serializer,
        response_deserializer: Deserializer[R],
        **_: Any,
    ) -> Callable[..., Call[R]]:
        def begin(
            request: Any, *, timeout: float | None = None, metadata: Metadata = ()
        ) -> Call[R]:
            call = self._begin(path, response_deserializer, metadata)
            call.ask(request_serializer(request))
            call.within(timeout)
            return call

        return begin

    unary_unary = unary_stream

    async def close(self, _grace: float | None = None) -> None:
        """Give all calls up."""
        for call in self._calls:
            call.cancel()
        self._calls.clear()

    def _begin(self, path: str, deserialize: Deserializer[R], metadata: Metadata) -> Call[R]:
        wire = self._open_wire(path.rpartition("/")[2], metadata)
        call = Call(wire, deserialize, self._versions)
        self._calls = [each for each in self._calls if each.is_open]
        self._calls.append(call)
        return call
