"""A log of one game that fails as it is told to, and a room driven on it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.audience import Origin
from planning_poker_server.domain.types import Actor, Timer
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    FeedRecord,
    GameRow,
    LogUnavailable,
    Proposal,
    Record,
)
from planning_poker_server.room import Room, Ticket
from planning_poker_server.room_driver import RoomDriver
from planning_poker_server.session import AttachRequest, CommandRequest
from tests.server.core.desk import Desk
from tests.server.core.parts import GAME_ID, PRINCIPAL, Bench, room_settings, secret_of
from tests.server.core.virtual_time import now_ms, quiet


class ScriptedLog:
    """Keeps one game in a list; the next appends and reads do what `script` and `reads` say."""

    epoch = "test"

    def __init__(self, rows: Sequence[Record] = ()) -> None:
        self.rows = list(rows)
        self.codes: dict[str, str] = {}
        self.asked: list[Proposal] = []
        self.script: deque[Step] = deque()
        self.reads: deque[Exception] = deque()
        self.gate: asyncio.Event | None = None
        """While set here, appends wait for it."""

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        self.asked.append(proposal)
        if self.gate is not None:
            await self.gate.wait()
        step = self.script.popleft() if self.script else commit
        return step(self, proposal)

    async def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        if self.reads:
            raise self.reads.popleft()
        if self.rows[after:]:
            yield self.rows[after:]

    async def head(self, game_id: str) -> int:
        return len(self.rows)

    async def resolve(self, join_code: str) -> str | None:
        return self.codes.get(join_code)

    async def scan(self, cursor: str = "") -> AsyncIterator[Sequence[FeedRecord]]:
        return
        yield ()

    async def games(self, after: str = "", limit: int = 100) -> Sequence[GameRow]:
        return ()

    async def due(self, until_ms: int, limit: int = 100) -> Sequence[tuple[str, Timer]]:
        return ()

    async def close(self) -> None:
        return


Step: TypeAlias = Callable[[ScriptedLog, Proposal], Commit | Conflict]


def commit(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """What a log does."""
    if proposal.expected_head != len(log.rows):
        return Conflict(len(log.rows))
    log.rows.extend(proposal.records)
    return Commit(proposal)


def full(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """Nothing can be written, and that is certain."""
    raise LogUnavailable("the disk is full", definite=True)


def lost(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """The connection broke before anything was written."""
    raise LogUnavailable("the connection broke", definite=False)


def lost_behind_the_commit(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    """The connection broke when all was written."""
    commit(log, proposal)
    raise LogUnavailable("the connection broke", definite=False)


def purged(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    log.rows.clear()
    return Conflict(0)


def a_bug(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
    raise RuntimeError("a bug")


def overtaken_by(*tickets: Ticket) -> Step:
    """Another node was faster with these commands."""

    def step(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
        other = Bench()
        other.rows = log.rows[:]
        other.room.catch_up(other.rows)
        other.do(*tickets)
        log.rows = other.rows
        return commit(log, proposal)

    return step


class Client(Desk):
    """A stream without a transport, as rooms see streams."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1


class Played:
    """A room driven on a scripted log, in virtual time."""

    def __init__(self, bench: Bench | None = None, *, started_ms: int = 0, **settings: int) -> None:
        self.log = ScriptedLog(bench.rows if bench else ())
        self.settings = room_settings(**settings)
        self.room = Room(GAME_ID, GameLimits(), self.settings.tail_events)
        self.room.catch_up(self.log.rows)
        self.driver = RoomDriver(self.room, self.log, self.settings, now_ms, started_ms or now_ms())
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

    def attach(self, client: Client, *names: str, passcode: bytes = b"") -> None:
        seats = [
            pb.Seat(player_id=player_id, seat_secret=secret_of(name))
            for player_id, name in self._seats(names)
        ]
        attach = pb.Attach(game_id=GAME_ID, seats=seats)
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


def ticket_of(client: Client, request: CommandRequest) -> Ticket:
    actor = Actor(
        principal=PRINCIPAL, player_id=request.command.player_id, seat_hash=request.seat_hash
    )
    origin = Origin(client, request.serial, request.attach)
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
