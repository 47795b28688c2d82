"""What goes over the wire between real clients and a real server, recorded at the clients' end.

A message counts as written when its client reads it: what was on its way on a
connection that broke is on no record.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client import ClientOptions
from planning_poker_client.endpoint import Dial, by_grpc
from planning_poker_simulator.checking.history import History, Said, Stream, Written

R = TypeVar("R")
Deserializer: TypeAlias = Callable[[bytes], R]
Serializer: TypeAlias = Callable[[Any], bytes]
Versions: TypeAlias = Callable[[], dict[str, int]]
_LOOKED_S: Final = 0.1


def clock_ms() -> int:
    """The clock that the server has, too, on the same machine."""
    return time.time_ns() // 1_000_000


class Recorder:
    """Gives clients connections that note in `history` what goes over them."""

    def __init__(self, history: History, catch_up: Callable[[], None], prompt_s: float) -> None:
        """`catch_up` has the log looked at before each message; whoever takes longer than
        `prompt_s` over one is disturbed."""
        self.history = history
        self._catch_up = catch_up
        self._prompt_s = prompt_s
        self._opened = 0
        self._trouble = False

    def dial(
        self, address: str, options: ClientOptions, client: str, versions: Versions = dict
    ) -> Dial:
        """How a program opens connections; `versions` says what it shows then."""
        open_channel = by_grpc(address, None, options)
        return lambda: cast(
            "grpc.aio.Channel",
            RecordedChannel(open_channel(), lambda method: self._open(client, method), versions),
        )

    def _open(self, client: str, method: str) -> "Tape":
        self._opened += 1
        stream = Stream(self._opened, client, method, opened=now(), disturbed=self._trouble)
        streams = self.history.streams if method == "Play" else self.history.calls
        streams.append(stream)
        return Tape(stream, self._catch_up)

    # Trouble

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Whatever is open meanwhile is disturbed."""
        self._trouble = True
        self.disturb()
        try:
            yield
        finally:
            self._trouble = False

    def disturb(self) -> None:
        """Whatever is open now is disturbed."""
        for stream in self.history.streams:
            stream.disturbed |= stream.closed_ms is None

    async def notice_delays(self) -> None:
        """Until cancelled: a machine that is too busy for this process is trouble, too."""
        while True:
            before = now()
            await asyncio.sleep(_LOOKED_S)
            if now() - before > self._prompt_s:
                self.disturb()


class Tape:
    """Notes one call."""

    def __init__(self, stream: Stream, catch_up: Callable[[], None]) -> None:
        self._stream = stream
        self._catch_up = catch_up
        self._opened_ms = clock_ms()

    def read(self, frame: bytes) -> None:
        """Its client has this message."""
        self._catch_up()
        self._stream.written.append(Written(now(), clock_ms(), frame))
        self._stream.reached += 1

    def said(self, envelope: pb.ClientEnvelope, versions: dict[str, int]) -> None:
        """Its client sends this message."""
        self._stream.said.append(Said(now(), envelope, versions))

    def asked(self, request: bytes) -> None:
        """It begins with this message."""
        self._stream.request = request

    def ended(self) -> None:
        """It is over. The last message is the last sign that it was not so for the server."""
        if self._stream.closed_ms is None:
            written = self._stream.written
            self._stream.closed_ms = written[-1].clock_ms if written else self._opened_ms


class RecordedCall(Generic[R]):
    """A call of grpc.aio, as much of it as the SDK uses."""

    def __init__(
        self,
        call: Any,
        tape: Tape,
        deserialize: Deserializer[R],
        serialize: Serializer,
        versions: Versions,
    ) -> None:
        self._call = call
        self._tape = tape
        self._deserialize = deserialize
        self._serialize = serialize
        self._versions = versions

    async def read(self) -> R | object:
        try:
            frame = await self._call.read()
        except BaseException:
            self._tape.ended()
            raise
        if not isinstance(frame, bytes):
            self._tape.ended()
            end: object = frame  # grpc's own
            return end
        self._tape.read(frame)
        return self._deserialize(frame)

    async def write(self, envelope: pb.ClientEnvelope) -> None:
        self._tape.said(envelope, self._versions())
        await self._call.write(self._serialize(envelope))

    async def done_writing(self) -> None:
        await self._call.done_writing()

    def cancel(self) -> bool:
        self._tape.ended()
        cancelled: bool = self._call.cancel()
        return cancelled

    async def __aiter__(self) -> AsyncIterator[R]:
        while isinstance(frame := await self._call.read(), bytes):
            self._tape.read(frame)
            yield self._deserialize(frame)

    def __await__(self) -> Generator[Any, None, R]:
        frame = yield from self._call.__await__()
        self._tape.read(frame)
        return self._deserialize(frame)


class RecordedChannel:
    """A channel whose calls are recorded; messages pass through it as bytes."""

    def __init__(
        self, channel: grpc.aio.Channel, open_tape: Callable[[str], Tape], versions: Versions
    ) -> None:
        self._channel = channel
        self._open_tape = open_tape
        self._versions = versions
        self.channel_ready = channel.channel_ready
        self.close = channel.close

    def stream_stream(
        self,
        path: str,
        request_serializer: Serializer,
        response_deserializer: Deserializer[R],
        **_: Any,
    ) -> Callable[..., RecordedCall[R]]:
        begin = self._channel.stream_stream(path, _as_it_is, _as_it_is)

        def begin_recorded(_requests: None, **options: Any) -> RecordedCall[R]:
            tape = self._open_tape(_method(path))
            call = begin(None, **options)
            return RecordedCall(
                call, tape, response_deserializer, request_serializer, self._versions
            )

        return begin_recorded

    def unary_stream(self, path: str, **coding: Any) -> Callable[..., RecordedCall[Any]]:
        return self._asking(self._channel.unary_stream(path, _as_it_is, _as_it_is), path, **coding)

    def unary_unary(self, path: str, **coding: Any) -> Callable[..., RecordedCall[Any]]:
        return self._asking(self._channel.unary_unary(path, _as_it_is, _as_it_is), path, **coding)

    def _asking(
        self,
        begin: Callable[..., Any],
        path: str,
        request_serializer: Serializer,
        response_deserializer: Deserializer[R],
        **_: Any,
    ) -> Callable[..., RecordedCall[R]]:
        def begin_recorded(request: Any, **options: Any) -> RecordedCall[R]:
            tape, encoded = self._open_tape(_method(path)), request_serializer(request)
            tape.asked(encoded)
            call = begin(encoded, **options)
            return RecordedCall(
                call, tape, response_deserializer, request_serializer, self._versions
            )

        return begin_recorded


def _as_it_is(message: bytes) -> bytes:
    return message


def _method(path: str) -> str:
    return path.rpartition("/")[2]


def now() -> float:
    """The time of everything that is recorded."""
    return asyncio.get_running_loop().time()
