"""GetGame and ReadHistory: what was, for whoever may see it, without joining anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server import wire
from planning_poker_server.calls import NOBODY, Context, abort, address_of, incident, write
from planning_poker_server.clock import Clock
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.envelopes import draining, too_fast
from planning_poker_server.eventlog.port import EventLog, GameCorrupt, LogUnavailable, Record
from planning_poker_server.ratelimit import Buckets
from planning_poker_server.room import Room
from planning_poker_server.room_driver import corrupt
from planning_poker_server.rooms import Rooms, unavailable
from planning_poker_server.settings import ServerSettings, StreamSettings

Asked = TypeVar("Asked", bound=Message)
_YIELD_S: Final = 0.005
_RUN: Final = 500
"""Events in a message, at most."""
# A thousand events take some milliseconds to read and fold.
_EVENTS_PER_TOKEN: Final = 500


class Refused(Exception):
    """A read that ends with an error for its caller."""

    def __init__(self, refusal: pb.Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class ReadService:
    """The handlers, within bounds for each caller and for all."""

    def __init__(
        self,
        rooms: Rooms,
        log: EventLog,
        server: ServerSettings,
        stream: StreamSettings,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._stream = stream
        self._clock = clock
        self._max_reads = server.max_reads
        self._buckets = Buckets(60 * stream.commands_per_second, stream.command_burst)
        self._reading = 0
        self._draining = False

    def drain(self) -> None:
        """Take no new reads, and end those that still go on."""
        self._draining = True

    # The handlers

    async def get_game(self, message: bytes, context: Context) -> bytes:
        """The handler of GetGame; takes and gives the bytes of messages."""
        async with self._read(context):
            request = _parsed(pb.GetGameRequest, message)
            room = await self._room(request.game_id, request.access, context)
            version = await self._version(room, request)
            if version == room.head:
                return wire.game_response(room.snapshot())
            self._charge(context, version)
            view = await self._view(room.game_id, version)
            return wire.game_response(view.to_game().SerializeToString())

    async def read_history(self, message: bytes, context: Context) -> None:
        """The handler of ReadHistory; writes the bytes of responses."""
        async with self._read(context):
            request = _parsed(pb.ReadHistoryRequest, message)
            after = request.after_version
            if after < 0:
                raise Refused(_negative("after_version"))
            room = await self._room(request.game_id, request.access, context)
            through = room.head
            if request.HasField("through_version"):
                through = min(through, request.through_version)
            self._charge(context, through - after)
            async for run in self._runs(room.game_id, after, through):
                batch = pb.EventBatch(
                    game_id=room.game_id, first_version=run[0].version, attempt=1, replay=True
                )
                frame = wire.history_response(batch, (record.event for record in run))
                await write(context, frame, self._clock, self._stream.stall_ms)

    @asynccontextmanager
    async def _read(self, context: Context) -> AsyncIterator[None]:
        """Within the bounds; what goes wrong inside is told to the caller as a status."""
        refusal = self._not_admitted(address_of(context))
        if refusal is not None:
            await abort(context, refusal)
        self._reading += 1
        try:
            yield
        except Refused as refused:
            refusal = refused.refusal
        except LogUnavailable:
            refusal = unavailable()
        except GameCorrupt:
            refusal = corrupt()
        except Exception:
            refusal = incident("a read")
        finally:
            self._reading -= 1
        if refusal is not None:
            await abort(context, refusal)

    def _not_admitted(self, peer: str) -> pb.Refusal | None:
        if self._draining:
            return draining()
        wait_ms = self._buckets.take(_caller(peer), self._clock.now_ms())
        if wait_ms:
            return too_fast(wait_ms)
        if self._reading >= self._max_reads:
            message = "The server has as many reads under way as it takes: try again in a moment."
            return refuse(pb.REASON_TOO_MANY_CONNECTIONS, message, retry_ms=1_000)
        return None

    def _charge(self, context: Context, events: int) -> None:
        """What goes through many events costs more than one look at the head."""
        tokens = max(0, events) // _EVENTS_PER_TOKEN
        self._buckets.charge(_caller(address_of(context)), tokens)

    async def _room(self, name: str, access: pb.ReadAccess, context: Context) -> Room:
        found = await self._rooms.readable(NOBODY, address_of(context), name, access)
        if isinstance(found, pb.Refusal):
            raise Refused(found)
        return found

    # What was

    async def _version(self, room: Room, request: pb.GetGameRequest) -> int:
        """The version that is asked for; raises Refused where it is not there."""
        if request.version < 0 or request.min_version < 0:
            raise Refused(_negative("version"))
        head = room.head
        wanted = max(request.version, request.min_version)
        if wanted > head:
            # Another server of the same log may have been faster than this one.
            head = await self._log.head(room.game_id)
        if wanted > head:
            raise Refused(_not_there(wanted, head))
        version = request.version if request.HasField("version") else head
        if version < request.min_version:
            raise Refused(_not_there(request.min_version, version))
        return version

    async def _view(self, game_id: str, version: int) -> GameView:
        """The fold of a game's events up to a version, which the log has."""
        view, began = GameView(), time.perf_counter()
        async for page in self._log.read(game_id):
            for record in page:
                if record.version > version:
                    return view
                view.apply(pb.GameEvent.FromString(record.event))
                if time.perf_counter() - began > _YIELD_S:
                    await asyncio.sleep(0)
                    began = time.perf_counter()
        return view

    async def _runs(
        self, game_id: str, after: int, through: int
    ) -> AsyncIterator[Sequence[Record]]:
        """The records behind `after`, in runs of the size that is sent at once."""
        async for page in self._log.read(game_id, after):
            run: list[Record] = []
            size = 0
            for record in page:
                if self._draining:
                    raise Refused(draining())
                if record.version > through:
                    break
                size += len(record.event)
                if run and (size > self._stream.window_bytes or len(run) >= _RUN):
                    yield run
                    run, size = [], len(record.event)
                run.append(record)
            if run:
                yield run
            if page[-1].version >= through:
                return


def _caller(peer: str) -> str:
    return f"{NOBODY}|{peer}"


def _parsed(kind: type[Asked], message: bytes) -> Asked:
    try:
        return kind.FromString(message)
    except DecodeError as error:
        text = f"The message could not be decoded as a {kind.DESCRIPTOR.name}."
        raise Refused(refuse(pb.REASON_MALFORMED, text)) from error


def _negative(field: str) -> pb.Refusal:
    return refuse(pb.REASON_INVALID_VALUE, "A version is never negative.", field=field)


def _not_there(wanted: int, head: int) -> pb.Refusal:
    message = f"The game is at version {head} and has no version {wanted} yet."
    return refuse(pb.REASON_VERSION_NOT_THERE, message, current_version=head)
