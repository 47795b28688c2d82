"""A client that speaks bare envelopes, and can speak them wrongly.

Every stream folds the events it is given into a view of each game; a hole, a
repetition or a step back fails the test at once.
"""

import asyncio
import secrets
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
from google.rpc import error_details_pb2, status_pb2

import planningpoker.v1 as pb
from planning_poker_model.view import GameView

PLAY = "/planningpoker.v1.PlanningPokerService/Play"
PATIENCE_S = 20.0
"""How long anything is waited for; only a failing test ever waits that long."""

Where = Callable[[Any], bool]


class Status(NamedTuple):
    """How a call ended, with what google.rpc.Status says of it."""

    code: grpc.StatusCode
    message: str
    reason: str
    """Of its ErrorInfo; empty where there is none."""
    retry_ms: int


class Seat(NamedTuple):
    """A seat that a stream holds."""

    game_id: str
    player_id: str
    secret: bytes


class StreamEnded(AssertionError):
    """Something was waited for, and the stream ended."""


def new_id() -> str:
    return str(uuid.uuid4())


def new_secret() -> bytes:
    return secrets.token_bytes(32)


def envelope(correlation_id: str | None = None, **payload: Any) -> pb.ClientEnvelope:
    """An envelope of the protocol's version around a payload, named as in the contract."""
    given = new_id() if correlation_id is None else correlation_id
    return pb.ClientEnvelope(version=1, correlation_id=given, **payload)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what nobody is told of."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Stream:
    """One call of Play.

    What arrives is kept in `received`, decoded and in order, and as bytes in
    `received_bytes`. `expect` takes the first message that fits out of what
    was not taken yet, whatever came before it.
    """

    def __init__(self, channel: grpc.aio.Channel, metadata: Any = None, **options: Any) -> None:
        self._call: Any = channel.stream_stream(PLAY, None, None)(metadata=metadata, **options)
        self.received: list[pb.ServerEnvelope] = []
        self.received_bytes: list[bytes] = []
        self.views: dict[str, GameView] = {}
        self._waiting: list[pb.ServerEnvelope] = []
        self._news = asyncio.Condition()
        self._ended = False
        self._broken: Exception | None = None
        """What made the fold of the events fail: a hole, or one of them twice."""
        self._reader = asyncio.get_running_loop().create_task(self._read())

    # Sending

    async def send(self, correlation_id: str | None = None, **payload: Any) -> str:
        """Send one envelope; its correlation id is returned."""
        sent = envelope(correlation_id, **payload)
        await self.send_bytes(sent.SerializeToString())
        return sent.correlation_id

    async def send_bytes(self, message: bytes) -> None:
        # A write that meets the end of the stream may fail before the read tells of it.
        try:
            await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise StreamEnded("the stream ended") from error

    async def done_writing(self) -> None:
        await self._call.done_writing()

    # Receiving

    async def _read(self) -> None:
        try:
            while isinstance(message := await self._call.read(), bytes):
                await self._take(message)
        except grpc.aio.AioRpcError:
            pass  # `status` tells
        except Exception as error:
            self._broken = error
        finally:
            async with self._news:
                self._ended = True
                self._news.notify_all()

    async def _take(self, message: bytes) -> None:
        received = pb.ServerEnvelope.FromString(message)
        async with self._news:
            self.received.append(received)
            self.received_bytes.append(message)
            self._waiting.append(received)
            self.fold(received)
            self._news.notify_all()

    def fold(self, received: pb.ServerEnvelope) -> None:
        """Take over what a message says of a game."""
        if received.HasField("attached"):
            attached = received.attached
            if attached.HasField("snapshot"):
                self.views[attached.game_id] = GameView.from_game(attached.snapshot)
        elif received.HasField("event_batch"):
            batch = received.event_batch
            if batch.HasField("snapshot"):
                self.views[batch.game_id] = GameView.from_game(batch.snapshot)
            view = self.views.get(batch.game_id)  # none where a test resumes without one
            if view is not None:
                for event in batch.events:
                    view.apply(event)

    async def expect(self, name: str, where: Where = lambda _: True) -> Any:
        """The payload of the next message of this name that fits."""
        return getattr(await self.expect_envelope(name, where), name)

    async def expect_envelope(self, name: str, where: Where = lambda _: True) -> pb.ServerEnvelope:
        """Like `expect`, with the header."""
        return await self.first(
            lambda e: e.WhichOneof("payload") == name and where(getattr(e, name))
        )

    async def reply(self, correlation_id: str) -> pb.ServerEnvelope:
        """The next message under this correlation id."""
        return await self.first(lambda e: e.correlation_id == correlation_id)

    async def answer(self, correlation_id: str) -> pb.CommandResult:
        """The result under this correlation id."""
        found = await self.first(
            lambda e: e.correlation_id == correlation_id and e.HasField("command_result")
        )
        return found.command_result

    async def first(self, fits: Callable[[pb.ServerEnvelope], bool]) -> pb.ServerEnvelope:
        """The first message that fits out of those that nobody took yet."""

        def found() -> pb.ServerEnvelope | None:
            return next((each for each in self._waiting if fits(each)), None)

        await self.until(lambda _: found() is not None)
        it = found()
        assert it is not None
        self._waiting.remove(it)
        return it

    async def events(
        self, name: str, count: int = 1, where: Where = lambda _: True
    ) -> list[pb.GameEvent]:
        """The first `count` events of this name that fit, of all that came or will come."""

        def found() -> list[pb.GameEvent]:
            events = (event for each in self.received for event in each.event_batch.events)
            return [e for e in events if e.WhichOneof("event") == name and where(getattr(e, name))]

        await self.until(lambda _: len(found()) >= count)
        return found()[:count]

    async def until(self, condition: Callable[["Stream"], bool]) -> None:
        """Wait until what was received fulfils a condition."""
        async with self._news:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while not condition(self) and not self._ended:
                        await self._news.wait()
            except TimeoutError:
                raise AssertionError(f"waited in vain; received {self.names()}") from None
            if self._broken is not None:
                raise AssertionError("the events do not follow one another") from self._broken
            if not condition(self):
                raise StreamEnded(f"waited in vain; received {self.names()}, then the end")

    def names(self) -> list[str]:
        """What was received, by the names of the payloads."""
        return [each.message_type for each in self.received]

    async def reaches(self, game_id: str, version: int) -> GameView:
        """The view once it is at `version`."""
        await self.until(lambda _: game_id in self.views and self.views[game_id].version >= version)
        return self.views[game_id]

    # Conversations

    async def hello(self, **fields: Any) -> pb.Welcome:
        await self.send(hello=pb.Hello(**({"client_name": "raw", "versions": [1]} | fields)))
        welcome: pb.Welcome = await self.expect("welcome")
        return welcome

    async def ask(
        self, game: Seat | str, correlation_id: str | None = None, **body: Any
    ) -> pb.CommandResult:
        """Send a command of a seat, or without one to a game, and wait for its result."""
        return await self.answer(await self.begin(game, correlation_id, **body))

    async def begin(self, game: Seat | str, correlation_id: str | None = None, **body: Any) -> str:
        """Send a command without waiting; its correlation id is returned."""
        seat = game if isinstance(game, Seat) else Seat(game, "", b"")
        command = pb.Command(game_id=seat.game_id, player_id=seat.player_id, **body)
        return await self.send(correlation_id, command=command)

    async def do(self, game: Seat | str, **body: Any) -> pb.Accepted:
        """Like `ask`, for what must be accepted."""
        result = await self.ask(game, **body)
        assert result.HasField("accepted"), result
        return result.accepted

    async def refused(self, game: Seat | str, **body: Any) -> pb.Refusal:
        """Like `ask`, for what must be refused."""
        result = await self.ask(game, **body)
        assert result.HasField("refusal"), result
        return result.refusal

    async def create(self, name: str = "Ada", **fields: Any) -> Seat:
        """A new game with this player in it, attached."""
        secret = new_secret()
        creator = pb.JoinGame(display_name=name, seat_secret=secret, attach=True)
        given: dict[str, Any] = {"display_name": "Sprint 12", "creator": creator} | fields
        create = pb.CreateGame(**given)
        result = await self.ask("", create_game=create)
        assert result.HasField("accepted"), result
        return Seat(result.game_id, result.accepted.player_id, secret)

    async def join(self, game: str, name: str, **fields: Any) -> Seat:
        """A seat in a game given by id or code, attached."""
        secret: bytes = fields.pop("seat_secret", None) or new_secret()
        given: dict[str, Any] = {"display_name": name, "seat_secret": secret, "attach": True}
        join = pb.JoinGame(**(given | fields))
        result = await self.ask(game, join_game=join)
        assert result.HasField("accepted"), result
        return Seat(result.game_id, result.accepted.player_id, secret)

    async def attach(self, game: Seat | str, **fields: Any) -> pb.Attached:
        """Follow a game, with a seat or without; must succeed."""
        envelope_ = await self.try_attach(game, **fields)
        assert envelope_.HasField("attached"), envelope_
        return envelope_.attached

    async def attach_refused(self, game: Seat | str, **fields: Any) -> pb.Detached:
        """Like `attach`, for what must be refused."""
        envelope_ = await self.try_attach(game, **fields)
        assert envelope_.detached.reason == pb.DETACH_REASON_REFUSED, envelope_
        return envelope_.detached

    async def try_attach(self, game: Seat | str, **fields: Any) -> pb.ServerEnvelope:
        seat = game if isinstance(game, Seat) else Seat(game, "", b"")
        seats = [pb.Seat(player_id=seat.player_id, seat_secret=seat.secret)]
        given: dict[str, Any] = {"game_id": seat.game_id, "seats": seats if seat.player_id else []}
        correlation_id = await self.send(attach=pb.Attach(**(given | fields)))
        return await self.reply(correlation_id)

    async def ping(self) -> pb.Pong:
        """A round trip: everything sent before has been read by then."""
        reply = await self.reply(await self.send(ping=pb.Ping()))
        return reply.pong

    async def ack(self, game_id: str, version: int) -> None:
        await self.send(ack=pb.Ack(game_id=game_id, version=version))

    # The end

    async def status(self) -> Status:
        """How the server ended the call."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({self._reader})
            return await status_of(self._call)

    async def close(self) -> None:
        """End the call without a word."""
        self._reader.cancel()
        await asyncio.wait({self._reader})
        self._call.cancel()

    async def end(self) -> Status:
        """Say that there is no more to say, and wait for the server to agree."""
        await self.done_writing()
        return await self.status()


async def status_of(call: Any) -> Status:
    """How a finished call ended."""
    code = await call.code()
    rich = status_pb2.Status()
    for key, value in (await call.trailing_metadata()) or ():
        if key == "grpc-status-details-bin":
            rich.ParseFromString(value)
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in rich.details:
        detail.Unpack(info)
        detail.Unpack(retry)
    retry_ms = retry.retry_delay.ToMilliseconds()
    return Status(code, await call.details() or "", info.reason, retry_ms)


class Client:
    """A program with one channel and any number of streams on it."""

    def __init__(self, address: str, **arguments: int) -> None:
        # Channels with equal arguments would share a connection.
        unique = [("grpc.use_local_subchannel_pool", 1)]
        dotted = [(f"grpc.{key}", value) for key, value in arguments.items()]
        self.channel = grpc.aio.insecure_channel(address, options=[*unique, *dotted])
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()
        await self.channel.close(None)

    def silent(self, metadata: Any = None, **options: Any) -> Stream:
        """A stream on which nothing was said yet."""
        stream = Stream(self.channel, metadata, **options)
        self._exits.push_async_callback(stream.close)
        return stream

    async def stream(self, **hello: Any) -> Stream:
        """A stream that was welcomed."""
        stream = self.silent()
        await stream.hello(**hello)
        return stream
