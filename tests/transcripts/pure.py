"""A server without a network: all of it but gRPC and the disk, in virtual time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, NoReturn, cast

import planningpoker.v1 as pb
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.calls import Context
from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.grpc_api import PlayService
from planning_poker_server.metrics import Metrics
from planning_poker_server.rooms import Rooms
from planning_poker_server.settings import Settings
from planning_poker_simulator.virtual_time import CLOCK, quiet
from tests.integration.harness import FaultyLog

_DRAIN_S: Final = 5.0


class NoChance(Random):
    """Leaves the order as it is, and takes the most there is."""

    def shuffle(self, x: Any) -> None:
        return

    def randint(self, a: int, b: int) -> int:
        return b


class _Aborted(Exception):
    """What a handler raises to end its call with a status."""


class _Call:
    """What the handler of Play is given."""

    def __init__(self, mail: asyncio.Event) -> None:
        self.to_server: asyncio.Queue[bytes] = asyncio.Queue()
        self.to_client: deque[bytes] = deque()
        self._mail = mail

    async def read(self) -> bytes:
        return await self.to_server.get()

    async def write(self, frame: bytes) -> None:
        self.to_client.append(frame)
        self._mail.set()

    async def abort(self, *_status: Any) -> NoReturn:
        raise _Aborted

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"


class PureWire:
    """The client's half of a call."""

    def __init__(self, play: PlayService, mail: asyncio.Event) -> None:
        self._call = _Call(mail)
        self._task = asyncio.get_running_loop().create_task(self._serve(play))

    async def _serve(self, play: PlayService) -> None:
        try:
            await play.play(None, cast("Context", self._call))
        except _Aborted:
            return

    @property
    def ended(self) -> bool:
        return self._task.done()

    def send(self, envelope: pb.ClientEnvelope) -> None:
        self._call.to_server.put_nowait(envelope.SerializeToString())

    def read(self) -> Sequence[pb.ServerEnvelope]:
        frames = [pb.ServerEnvelope.FromString(frame) for frame in self._call.to_client]
        self._call.to_client.clear()
        return frames

    def cut(self) -> None:
        self._task.cancel()
        self._call.to_client.clear()


class PureHouse:
    """Servers on one log, one after another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = FaultyLog(MemoryLog("transcript"))
        self._mail = asyncio.Event()
        self._serve()

    def _serve(self) -> None:
        settings, log = self._settings, self._log
        metrics, availability = Metrics(), Availability()
        self._rooms = Rooms(
            log, settings.room, settings.game, CLOCK, metrics, availability, LocalBus()
        )
        self._play: PlayService | None = PlayService(
            self._rooms,
            settings.server,
            settings.stream,
            log.epoch,
            CLOCK,
            metrics,
            availability,
        )

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def dial(self) -> PureWire | None:
        return PureWire(self._play, self._mail) if self._play is not None else None

    async def settle(self, pump: Callable[[], bool]) -> None:
        await quiet()
        while pump():
            await quiet()
        self._mail.clear()

    async def wait(self, until: float) -> None:
        try:
            async with asyncio.timeout(until - self.now()):
                await self._mail.wait()
        except TimeoutError:
            return

    async def drain(self) -> None:
        if self._play is not None:
            await self._play.drain(_DRAIN_S, NoChance())
            self._play = None
            await self._rooms.close()

    async def start(self) -> None:
        self._serve()

    async def close(self) -> None:
        await self._rooms.close()

    def break_log(self, *, broken: bool) -> None:
        self._log.refuses = broken
