"""A log that fails as it is told to, and a room driven on it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.audience import Origin
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.domain.types import Actor
from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    LogUnavailable,
    Proposal,
    Record,
)
from planning_poker_server.metrics import Metrics
from planning_poker_server.requests import AttachRequest, CommandRequest
from planning_poker_server.room import Room, Ticket
from planning_poker_server.room_driver import RoomDriver
from planning_poker_server.settings import RoomSettings
from planning_poker_simulator.virtual_time import CLOCK, now_ms, quiet
from tests.server.core.desk import Desk
from tests.server.core.parts import GAME_ID, PRINCIPAL, Bench, creation, room_settings, secret_of


class ScriptedLog(MemoryLog):
    """The next appends and reads do what `script` and `reads` say; all others succeed."""

    def __init__(self) -> None:
        super().__init__("test")
        self.asked: list[Proposal] = []
        self.script: deque[Step] = deque()
        self.reads: deque[Exception] = deque()
        self.gate: asyncio.Event | None = None
        """While set here, appends wait for it."""

    @property
    def rows(self) -> list[Record]:
        """The records of the one game."""
        game = self._games.get(GAME_ID)
        return game.records if game else []

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        self.asked.append(proposal)
        if self.gate is not None:
            await self.gate.wait()
        step = self.script.popleft() if self.script else commit
        return await step(self, proposal)

    async def really_append(self, proposal: Proposal) -> Commit | Conflict:
        return await super().append(proposal)

    async def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        if self.reads:
            raise self.reads.popleft()
        async for page in super().read(game_id, after):
            yield page

    def forget(self) -> None:
        """The game is purged."""
        del self._games[GAME_ID]


Step: TypeAlias = Callable[[ScriptedLog, Proposal], Awaitable[Commit | Conflict]]


async def commit(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """What a log does."""
    return await log.really_append(proposal)


async def full(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """Nothing can be written, and that is certain."""
    raise LogUnavailable("the disk is full", definite=True)


async def lost(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """The connection broke before anything was written."""
    raise LogUnavailable("the connection broke", definite=False)


async def lost_behind_the_commit(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """The connection broke when all was written."""
    await log.really_append(proposal)
    raise LogUnavailable("the connection broke", definite=False)


async def purged(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    log.forget()
    return await log.really_append(proposal)


async def garbled(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """Something else wrote to the log, and no event."""
    log.rows.append(Record(len(log.rows) + 1, b"\xff", b""))
    return await log.really_append(proposal)


async def a_bug(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    raise RuntimeError("a bug")


def overtaken_by(*tickets: Ticket) -> Step:
    """Another node was faster with these commands."""

    async def step(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
        other = Bench()
        other.rows = log.rows[:]
        other.room.catch_up(other.rows)
        other.do(*tickets)
        for faster in other.committed:
            await log.really_append(faster)
        return await log.really_append(proposal)

    return step


class Client(Desk):
    """A stream without a transport, as rooms see streams."""

    def __init__(self, *, hello: bool = True, **settings: int) -> None:
        super().__init__(hello=hello, **settings)
        self.woken = 0
        self.awake = asyncio.Event()

    def wake(self) -> None:
        self.woken += 1
        self.awake.set()


class Played:
    """A room driven on a scripted log, in virtual time."""

    def __init__(self, log: ScriptedLog, settings: RoomSettings) -> None:
        self.log = log
        self.room = Room(GAME_ID, GameLimits(), settings.tail_events)
        self.room.catch_up(log.rows)
        self.availability = Availability()
        self.driver = RoomDriver(
            self.room, log, settings, CLOCK, now_ms(), Metrics(), self.availability, LocalBus()
        )
        self.task = asyncio.get_running_loop().create_task(self.driver.run())

    async def client(self, *names: str, instance_id: str = "", **settings: int) -> Client:
        """A stream that holds the seats of these players, who are p1, p2 …"""
        client = Client(hello=False, **settings)
        client.hello(instance_id=instance_id)
        client.told()
        if names:
            self.attach(client, *names)
            await quiet()
            client.told()
        return client

    def ack(self, client: Client, version: int) -> None:
        """The client has applied everything up to this version."""
        client.now_ms = now_ms()
        if client.ack(version):
            self.driver.acknowledged(client)

    def tick(self, client: Client) -> None:
        """Time went on for the client's stream, and what it gave up is told to the room."""
        client.now_ms = now_ms()
        client.session.tick(client.now_ms)
        self.drop(client)

    def drop(self, client: Client) -> None:
        """Tell the room what the client's session gave up."""
        while client.session.dropped:
            client.session.dropped.pop()
            self.driver.unsubscribe(client)

    def attach(self, client: Client, *names: str, passcode: bytes = b"") -> None:
        self.attach_with(client, pb.Attach(game_id=GAME_ID), *names, passcode=passcode)

    def attach_with(
        self, client: Client, attach: pb.Attach, *names: str, passcode: bytes = b""
    ) -> None:
        """As `attach` says, with the seats of these players."""
        attach.seats.extend(
            pb.Seat(player_id=player_id, seat_secret=secret_of(name))
            for player_id, name in self._seats(names)
        )
        self.driver.attach(client, AttachRequest(attach, "attach"), passcode)

    def _seats(self, names: Sequence[str]) -> list[tuple[str, str]]:
        players = self.room.state.view
        found = [(players.player(name), name) for name in names]
        return [(player.player_id, name) for player, name in found if player is not None]

    def submit(self, client: Client, command: pb.Command, correlation_id: str) -> None:
        client.now_ms = now_ms()
        request = client.ask(command, correlation_id)
        self.driver.submit(ticket_of(client, request))

    async def say(
        self, client: Client, command: pb.Command, correlation_id: str
    ) -> list[pb.ServerEnvelope]:
        """All that the client is told once the command is answered."""
        self.submit(client, command, correlation_id)
        await quiet()
        return client.told()

    async def result(
        self, client: Client, command: pb.Command, correlation_id: str
    ) -> pb.CommandResult:
        """The one answer among what the client is told."""
        told = await self.say(client, command, correlation_id)
        (result,) = results(told)
        return result


async def driven(bench: Bench | None = None, **settings: int) -> Played:
    """The game of `bench`, loaded just now; without one, a room for a game to be created."""
    log = ScriptedLog()
    for proposal in bench.committed if bench else ():
        await log.really_append(proposal)
    return Played(log, room_settings(**settings))


def ticket_of(client: Client, request: CommandRequest) -> Ticket:
    actor = Actor(
        principal=PRINCIPAL, player_id=request.command.player_id, seat_hash=request.seat_hash
    )
    origin = Origin(client.session, request.serial, client, request.attach)
    return Ticket(request.command, actor, request.correlation_id, request.digest, origin)


def results(told: Sequence[pb.ServerEnvelope]) -> list[pb.CommandResult]:
    return [envelope.command_result for envelope in told if envelope.HasField("command_result")]


def versions(told: Sequence[pb.ServerEnvelope]) -> list[int]:
    return [event.version for envelope in told for event in envelope.event_batch.events]


def names(told: Sequence[pb.ServerEnvelope]) -> list[str]:
    return [envelope.message_type for envelope in told]


def detached(told: Sequence[pb.ServerEnvelope]) -> list[str]:
    """Reasons of the games detached."""
    return [
        pb.DetachReason.Name(envelope.detached.reason).removeprefix("DETACH_REASON_")
        for envelope in told
        if envelope.HasField("detached")
    ]


async def take_code(log: ScriptedLog, code: str) -> None:
    """Another game has this join code."""
    bench = Bench()
    proposal = bench.propose(creation())
    other = replace(proposal, game_id="f" * 32, summary=proposal.summary._replace(join_code=code))
    await log.really_append(other)
