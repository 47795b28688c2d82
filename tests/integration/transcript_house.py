"""A real server for transcripts: streams of gRPC, and a log on the disk.

The clock of clients and server is turned by hand, so that nothing waits. What
the server does by itself with its log, when a time has come, is not waited for:
scenes of that are not for here.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

import planningpoker.v1 as pb
from planning_poker_simulator.virtual_time import START_MS
from tests.integration.harness import Host, Section
from tests.integration.raw import PATIENCE_S, PLAY, eventually
from tests.integration.turned_clock import TurnedClock

_PING: Final = "transcript-ping"
# A Pong overtakes events, and what one is told can follow from what another said.
_ROUNDS: Final = 3
_PINGS: Final = {"command_burst": 100_000}


class RealWire:
    """One call of Play."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        play: Any = channel.stream_stream(PLAY, None, None)
        self._call = play()
        self._to_server: asyncio.Queue[bytes] = asyncio.Queue()
        self._arrived: list[pb.ServerEnvelope] = []
        self._unanswered: set[str] = set()
        self._news = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._reader = loop.create_task(self._read())
        self._writer = loop.create_task(self._write())

    @property
    def ended(self) -> bool:
        return self._reader.done()

    def send(self, envelope: pb.ClientEnvelope) -> None:
        if envelope.HasField("command"):
            self._unanswered.add(envelope.correlation_id)
        self._to_server.put_nowait(envelope.SerializeToString())

    def read(self) -> Sequence[pb.ServerEnvelope]:
        arrived, self._arrived = self._arrived, []
        return arrived

    def cut(self) -> None:
        self._call.cancel()

    async def settle(self) -> None:
        """Return when all is answered, and what the server had to say by then has come."""
        await self._until_answered()
        self.send(pb.ClientEnvelope(version=1, correlation_id=_PING, ping=pb.Ping()))
        self._unanswered.add(_PING)
        await self._until_answered()

    async def _until_answered(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self._unanswered and not self.ended:
                self._news.clear()
                await self._news.wait()

    async def _write(self) -> None:
        try:
            while True:
                await self._call.write(await self._to_server.get())
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the call is over

    async def _read(self) -> None:
        try:
            while isinstance(message := await self._call.read(), bytes):
                envelope = pb.ServerEnvelope.FromString(message)
                if envelope.HasField("command_result") or envelope.correlation_id == _PING:
                    self._unanswered.discard(envelope.correlation_id)
                if envelope.correlation_id != _PING:
                    self._arrived.append(envelope)
                self._news.set()
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            return  # the server ended the call, or it was cut
        finally:
            self._writer.cancel()
            asyncio.get_running_loop().call_soon(self._news.set)


class RealHouse:
    """Servers on one machine, one after another."""

    def __init__(self, host: Host, sections: dict[str, Section]) -> None:
        self._host = host
        self._sections = {**sections, "stream": {**_PINGS, **sections.get("stream", {})}}
        self._channel: grpc.aio.Channel | None = None
        self._channels: list[grpc.aio.Channel] = []
        self._stopping: asyncio.Task[None] | None = None
        self._wires: list[RealWire] = []
        self._clock = host.clock = TurnedClock()

    def now(self) -> float:
        return (self._clock.now_ms() - START_MS) / 1_000

    def dial(self) -> RealWire | None:
        if self._channel is None:
            return None
        wire = RealWire(self._channel)
        self._wires.append(wire)
        return wire

    async def settle(self, pump: Callable[[], bool]) -> None:
        pump()
        await self._let_server_say_all()
        while pump():
            await self._let_server_say_all()

    async def _let_server_say_all(self) -> None:
        await eventually(self._server_knows_all_streams)
        for _ in range(_ROUNDS):
            for wire in self._wires:
                await wire.settle()

    def _server_knows_all_streams(self) -> bool:
        self._wires = [wire for wire in self._wires if not wire.ended]
        return self._host.server.connections == len(self._wires)

    async def wait(self, until: float) -> None:
        self._clock.turn(START_MS + math.ceil(until * 1_000))

    async def start(self) -> None:
        if self._stopping is not None:
            await self._stopping
        await self._host.start(**self._sections)
        self._channel = grpc.aio.insecure_channel(
            self._host.server.address, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self._channels.append(self._channel)

    async def drain(self) -> None:
        self._channel = None
        self._stopping = asyncio.get_running_loop().create_task(self._host.server.stop())

    async def close(self) -> None:
        for wire in self._wires:
            wire.cut()
        for channel in self._channels:
            await channel.close(None)
        if self._stopping is not None:
            await self._stopping

    def break_log(self, *, broken: bool) -> None:
        self._host.log.refuses = broken
