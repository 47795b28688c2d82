"""All rooms of a process on a log in memory, and the streams that come to them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    GameCorrupt,
    LogUnavailable,
    Proposal,
    Record,
)
from planning_poker_server.metrics import Metrics
from planning_poker_server.requests import AttachRequest
from planning_poker_server.rooms import Rooms
from planning_poker_simulator.virtual_time import CLOCK, now_ms, quiet
from tests.server.core.parts import CODE, GAME_ID, Bench, cid, room_settings, secret_of
from tests.server.core.scripted import Client

PEER = "ipv4:127.0.0.1"


class CountingLog(MemoryLog):
    """Counts what is read; the next reads fail as told."""

    def __init__(self) -> None:
        super().__init__("test")
        self.reads: list[str] = []
        self.failures: list[Exception] = []
        self.broken: set[str] = set()
        self.full = False
        """Nothing can be written."""
        self.gate: asyncio.Event | None = None

    async def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        self.reads.append(game_id)
        if self.gate is not None:
            await self.gate.wait()
        if game_id in self.broken:
            raise GameCorrupt("a hole")
        if self.failures:
            raise self.failures.pop(0)
        async for page in super().read(game_id, after):
            yield page

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        await self.probe()
        return await super().append(proposal)

    async def probe(self) -> None:
        if self.full:
            raise LogUnavailable("the disk is full", definite=True)

    async def keep(self, bench: Bench, game_id: str = GAME_ID, code: str = CODE) -> None:
        """The game of `bench`, under this id."""
        for proposal in bench.committed:
            summary = proposal.summary._replace(join_code=code)
            await self.append(replace(proposal, game_id=game_id, summary=summary))


class House:
    """The rooms on a log, and the streams that come to them."""

    def __init__(self, log: CountingLog, **settings: int) -> None:
        self.log = log
        self.availability = Availability()
        self.rooms = Rooms(
            log,
            room_settings(**settings),
            GameLimits(),
            CLOCK,
            Metrics(),
            self.availability,
            LocalBus(),
        )

    def client(self) -> Client:
        client = Client(hello=False)
        client.hello()
        client.told()
        return client

    async def say(
        self, client: Client, command: pb.Command, correlation_id: str = cid(1)
    ) -> list[pb.ServerEnvelope]:
        self.command(client, command, correlation_id)
        await quiet()
        return client.told()

    def command(self, client: Client, command: pb.Command, correlation_id: str = cid(1)) -> None:
        client.now_ms = now_ms()
        self.rooms.command(client, PEER, client.ask(command, correlation_id))

    async def attach(
        self, client: Client, *seats: str, name: str = GAME_ID, passcode: str = ""
    ) -> list[pb.ServerEnvelope]:
        held = [
            pb.Seat(player_id=f"p{number}", seat_secret=secret_of(seat))
            for number, seat in enumerate(seats, start=1)
        ]
        attach = pb.Attach(game_id=name, seats=held, passcode=passcode)
        await self.rooms.attach(client, PEER, AttachRequest(attach, cid(900)))
        return client.told()


async def house(bench: Bench | None = None, **settings: int) -> House:
    log = CountingLog()
    if bench is not None:
        await log.keep(bench)
    return House(log, **settings)
