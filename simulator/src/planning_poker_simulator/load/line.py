"""A stream on a connection of its own, with a seat in each of several games.

Bare envelopes, which cost a generator a small part of what the SDK does, under
the same rules: events are taken once and in order and are acknowledged in time;
after a loss the games are resumed, and what was not answered is asked again.
"""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import grpc

import planningpoker.v1 as pb
from planning_poker_model.view import CRITICAL_EVENTS
from planning_poker_simulator.load.tally import Tally

_PLAY: Final = "/planningpoker.v1.PlanningPokerService/Play"
_OPTIONS: Final = [
    # Else channels to one address share a connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
_ACK_EVERY_EVENTS: Final = 50
_ACK_WITHIN_S: Final = 0.2
_BACK_WITHIN_S: Final = 0.5
_OPEN_WITHIN_S: Final = 10.0

Answered = Callable[[pb.CommandResult], None]
OnEvent = Callable[[pb.GameEvent, str], None]


class NoServer(Exception):
    """Nobody answers there as the service does."""


class _Asked(NamedTuple):
    message: bytes
    then: Answered


class Followed:
    """A game that a line follows, as far as it was told."""

    def __init__(self, attached: pb.Attached) -> None:
        self.version = attached.head_version
        self.on_event: OnEvent = lambda _event, _kind: None
        """Called with each event once, in order, and with the name of what happened."""
        self.seat: pb.Seat | None = None
        """What attaches the game again after a loss."""
        self._correlation_id = attached.head_correlation_id
        self.unacknowledged = 0

    def take(self, events: Iterable[pb.GameEvent], tally: Tally) -> bool:
        """Pass on what is new; whether it has to be acknowledged at once."""
        critical = False
        for event in events:
            if event.version <= self.version:
                continue
            if event.version > self.version + 1:
                tally.errors["HOLE"] += 1
            self.version, self._correlation_id = event.version, event.correlation_id
            self.unacknowledged += 1
            tally.delivered += 1
            kind = event.WhichOneof("event") or ""
            critical = critical or kind in CRITICAL_EVENTS
            self.on_event(event, kind)
        return critical or self.unacknowledged >= _ACK_EVERY_EVENTS

    def jump(self, to: int, correlation_id: str) -> None:
        """A snapshot stands in for all events up to there."""
        if to > self.version:
            self.version, self._correlation_id = to, correlation_id

    def attach(self, game_id: str) -> pb.Attach:
        """What resumes it."""
        seats = [self.seat] if self.seat is not None else []
        return pb.Attach(
            game_id=game_id,
            after_version=self.version,
            after_correlation_id=self._correlation_id,
            seats=seats,
        )


class Line:
    """One stream, opened again whenever it ends."""

    def __init__(self, address: str, tally: Tally) -> None:
        self.games: dict[str, Followed] = {}
        """Those that are followed, by id."""
        self._address = address
        self._tally = tally
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._unanswered: dict[str, _Asked] = {}
        self._to_write: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._welcomed = asyncio.Event()
        self._ended = ""
        self._acks: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def unanswered(self) -> int:
        """Commands that wait for their answer."""
        return len(self._unanswered)

    async def open(self, within_s: float = _OPEN_WITHIN_S) -> None:
        """Connect. Raises NoServer."""
        self._task = asyncio.get_running_loop().create_task(self._live())
        try:
            async with asyncio.timeout(within_s):
                await self._welcomed.wait()
        except TimeoutError:
            why = f" ({self._ended})" if self._ended else ""
            raise NoServer(f"No server answers at {self._address}{why}.") from None

    async def close(self) -> None:
        """End the stream, then the connection."""
        if self._acks is not None:
            self._acks.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._channel.close(None)

    # Asking

    def ask(self, command: pb.Command, then: Answered) -> str:
        """Send a command; its correlation id. `then` is called with the answer, once."""
        correlation_id = str(uuid.uuid4())
        message = _envelope(correlation_id, command=command)
        self._unanswered[correlation_id] = _Asked(message, then)
        if self._welcomed.is_set():
            self._send(message)
        return correlation_id

    async def answer(self, command: pb.Command) -> pb.CommandResult:
        """Send a command and wait for its answer."""
        answered: asyncio.Future[pb.CommandResult] = asyncio.get_running_loop().create_future()

        def then(result: pb.CommandResult) -> None:
            if not answered.done():
                answered.set_result(result)

        self.ask(command, then)
        return await answered

    def _send(self, message: bytes) -> None:
        self._to_write.append(message)
        self._wake.set()

    # The stream

    async def _live(self) -> None:
        while True:
            self._ended = await self._stream()
            self._welcomed.clear()
            self._tally.errors[f"STREAM_{self._ended}"] += 1
            await asyncio.sleep(random.uniform(0, _BACK_WITHIN_S))  # noqa: S311, it spreads load
            self._tally.reconnects += 1

    async def _stream(self) -> str:
        """One call, until it ends; its status."""
        self._to_write.clear()  # what was not answered is asked again
        call: Any = self._channel.stream_stream(_PLAY, None, None)(None)
        writer = asyncio.get_running_loop().create_task(self._write(call))
        hello = pb.Hello(
            client_name="poker-sim load",
            client_version=version("planning-poker-simulator"),
            versions=[1],
        )
        self._send(_envelope(hello=hello))
        try:
            while isinstance(message := await call.read(), bytes):
                self._receive(pb.ServerEnvelope.FromString(message))
            return str((await call.code()).name)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        finally:
            writer.cancel()
            await asyncio.wait({writer})
            call.cancel()

    async def _write(self, call: Any) -> None:
        # What ends the stream is told by reading.
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                while self._to_write:
                    await call.write(self._to_write.popleft())
                self._wake.clear()
                await self._wake.wait()

    # Being told

    def _receive(self, envelope: pb.ServerEnvelope) -> None:
        match envelope.WhichOneof("payload"):
            case "event_batch":
                self._batch(envelope.event_batch)
            case "command_result":
                asked = self._unanswered.pop(envelope.correlation_id, None)
                if asked is not None:
                    asked.then(envelope.command_result)
            case "attached":
                self._attached(envelope.attached)
            case "detached":
                self._detached(envelope.detached)
            case "welcome":
                self._welcome()

    def _welcome(self) -> None:
        for game_id, game in self.games.items():
            self._send(_envelope(attach=game.attach(game_id)))
        for asked in self._unanswered.values():
            self._send(asked.message)
        self._welcomed.set()

    def _attached(self, attached: pb.Attached) -> None:
        game = self.games.setdefault(attached.game_id, Followed(attached))
        if attached.outcome == pb.ATTACH_OUTCOME_SNAPSHOT:
            self._tally.snapshots += 1
            game.jump(attached.head_version, attached.head_correlation_id)
            self._acknowledge(attached.game_id, game)

    def _detached(self, detached: pb.Detached) -> None:
        name = pb.DetachReason.Name(detached.reason).removeprefix("DETACH_REASON_")
        self._tally.errors[f"DETACHED_{name}"] += 1
        game = self.games.get(detached.game_id)
        if game is not None and detached.next_step == pb.NEXT_STEP_RESUME:
            self._send(_envelope(attach=game.attach(detached.game_id)))

    def _batch(self, batch: pb.EventBatch) -> None:
        game = self.games.get(batch.game_id)
        if game is None:
            return
        at_once = False
        if batch.HasField("snapshot"):
            self._tally.snapshots += 1
            game.jump(batch.first_version, batch.snapshot_correlation_id)
            at_once = True
        # What was sent again was not acknowledged, or the word of it was lost.
        if game.take(batch.events, self._tally) or at_once or batch.attempt > 1:
            self._acknowledge(batch.game_id, game)
        elif self._acks is None:
            later = asyncio.get_running_loop().call_later
            self._acks = later(_ACK_WITHIN_S, self._acknowledge_all)

    def _acknowledge_all(self) -> None:
        self._acks = None
        for game_id, game in self.games.items():
            if game.unacknowledged:
                self._acknowledge(game_id, game)

    def _acknowledge(self, game_id: str, game: Followed) -> None:
        game.unacknowledged = 0
        if self._welcomed.is_set():
            self._send(_envelope(ack=pb.Ack(game_id=game_id, version=game.version)))


def _envelope(correlation_id: str = "", **payload: Any) -> bytes:
    return pb.ClientEnvelope(
        version=1, correlation_id=correlation_id, **payload
    ).SerializeToString()
