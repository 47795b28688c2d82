"""GetGame and ReadHistory: what was, for whoever may see it, without joining anything."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from google.protobuf.message import DecodeError

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server import wire
from planning_poker_server.admission import Admission, Refused, invalid, parsed
from planning_poker_server.calls import NOBODY, Context, address_of, write
from planning_poker_server.clock import Clock
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.eventlog.port import EventLog, GameCorrupt
from planning_poker_server.operators import Operators
from planning_poker_server.room import Room
from planning_poker_server.room_driver import gone
from planning_poker_server.rooms import Rooms
from planning_poker_server.settings import StreamSettings

_FOLDED_AT_ONCE: Final = 100
_RUN: Final = 1_000
"""Events in a message, at most."""
_NEGATIVE: Final = "A version is never negative."


class ReadService:
    """The handlers, within the bounds of all reads."""

    def __init__(
        self,
        rooms: Rooms,
        log: EventLog,
        admission: Admission,
        operators: Operators,
        stream: StreamSettings,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._admission = admission
        self._operators = operators
        self._stream = stream
        self._clock = clock

    def drain(self) -> None:
        """Take no new reads, and end those that still go on."""
        self._admission.draining = True

    # The handlers

    async def get_game(self, message: bytes, context: Context) -> bytes:
        """The handler of GetGame; takes and gives the bytes of messages."""
        async with self._admission.admit(context):
            request = parsed(pb.GetGameRequest, message)
            room = await self._room(request.game_id, request.access, context)
            version = await self._version(room, request)
            if version == room.head:
                return wire.game_response(room.snapshot())
            self._admission.charge(context, version)
            view = await self._view(room.game_id, version)
            return wire.game_response(view.to_game().SerializeToString())

    async def read_history(self, message: bytes, context: Context) -> None:
        """The handler of ReadHistory; writes the bytes of responses."""
        async with self._admission.admit(context):
            request = parsed(pb.ReadHistoryRequest, message)
            after = request.after_version
            if after < 0:
                raise invalid(_NEGATIVE, "after_version")
            game_id, head = await self._readable(request.game_id, request.access, context)
            through = head
            if request.HasField("through_version"):
                through = min(through, request.through_version)
            self._admission.charge(context, through - after)
            async for first, run in self._runs(game_id, after, through):
                batch = pb.EventBatch(game_id=game_id, first_version=first, attempt=1, replay=True)
                frame = _checked(wire.history_response(batch, run))
                await write(context, frame, self._clock, self._stream.stall_ms)

    async def _readable(
        self, name: str, access: pb.ReadAccess, context: Context
    ) -> tuple[str, int]:
        """Id and head of a game that may be read; raises Refused."""
        # What nothing guards needs no room: a long game is told sooner than loaded.
        game_id = await self._rooms.resolve(name)
        row = await self._log.game(game_id) if game_id is not None else None
        if row is None:
            raise Refused(gone())
        if row.summary.guarded and not self._operators.is_operator(context):
            await self._room(row.game_id, access, context)
        return row.game_id, row.head

    async def _room(self, name: str, access: pb.ReadAccess, context: Context) -> Room:
        if self._operators.is_operator(context):
            found = await self._rooms.room(name)
        else:
            found = await self._rooms.readable(NOBODY, address_of(context), name, access)
        if isinstance(found, pb.Refusal):
            raise Refused(found)
        return found

    # What was

    async def _version(self, room: Room, request: pb.GetGameRequest) -> int:
        """The version that is asked for; raises Refused where it is not there."""
        if request.version < 0 or request.min_version < 0:
            raise invalid(_NEGATIVE, "version")
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
        view = GameView()
        async for page in self._log.read(game_id):
            for record in page:
                if record.version > version:
                    return view
                view.apply(pb.GameEvent.FromString(record.event))
                if record.version % _FOLDED_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return view

    async def _runs(
        self, game_id: str, after: int, through: int
    ) -> AsyncIterator[tuple[int, Sequence[bytes]]]:
        """The events behind `after`, in runs of the size that is sent at once, each with its
        first version. Raises Refused where the game goes meanwhile.
        """
        if after >= through:
            return
        async for page in self._log.events(game_id, after):
            for first, run in _cut(page[: through - after], after + 1, self._stream.window_bytes):
                self._admission.go_on()
                yield first, run
            after += len(page)
            if after >= through:
                return
        raise Refused(gone())  # a part of it must not look like all


def _cut(
    page: Sequence[bytes], first: int, max_bytes: int
) -> Iterator[tuple[int, Sequence[bytes]]]:
    """A page in runs of at most _RUN events and `max_bytes`, but for an event that is larger."""
    if len(page) <= _RUN and sum(map(len, page)) <= max_bytes:
        if page:
            yield first, page
        return
    start, size = 0, 0
    for place, event in enumerate(page):
        size += len(event)
        if place > start and (size > max_bytes or place - start >= _RUN):
            yield first + start, page[start:place]
            start, size = place, len(event)
    if page:
        yield first + start, page[start:]


def _checked(frame: bytes) -> bytes:
    """What a client can decode; raises GameCorrupt for a damaged game."""
    try:
        pb.ReadHistoryResponse.FromString(frame)
    except DecodeError as error:
        raise GameCorrupt("an event cannot be decoded") from error
    return frame


def _not_there(wanted: int, head: int) -> pb.Refusal:
    message = f"The game is at version {head} and has no version {wanted} yet."
    return refuse(pb.REASON_VERSION_NOT_THERE, message, current_version=head)
