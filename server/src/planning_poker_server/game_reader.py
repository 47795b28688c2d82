"""The events of one game for whoever may read it: from its room, or out of the log."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple, Self

import planningpoker.v1 as pb
from planning_poker_server import wire
from planning_poker_server.admission import Refused
from planning_poker_server.calls import NOBODY, Context, address_of
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.room import Room
from planning_poker_server.room_driver import gone
from planning_poker_server.rooms import Rooms
from planning_poker_server.seats import proves
from planning_poker_server.watched import name_of

_RUN: Final = 500
_RUN_BYTES: Final = 256 << 10
_MARK_BYTES: Final = 6


class GameEvent(NamedTuple):
    """An event of the game, ready to be told."""

    cursor: str
    name: str
    guarded: bool
    labels: tuple[tuple[str, str], ...]
    encoded: bytes


class GameReader:
    """How far one who watches the game is.

    Its cursors name log, game and version, and have a mark of the event there:
    where a copy of the log was restored, another event may have that version.
    """

    def __init__(
        self,
        rooms: Rooms,
        log: EventLog,
        room: Room,
        proof: pb.ReadAccess | None,
        version: int,
        mark: str,
    ) -> None:
        self.game_id = room.game_id
        self._rooms = rooms
        self._log = log
        self._proof = proof
        """None: needs none, for a game with a passcode either."""
        self._passcode = room.state.passcode
        self._version = version
        self._mark = mark

    @classmethod
    async def open(
        cls,
        request: pb.WatchEventsRequest,
        rooms: Rooms,
        log: EventLog,
        context: Context,
        *,
        trusted: bool,
    ) -> Self:
        """Raises Refused where it may not be read, ValueError for a cursor that is not its own."""
        if trusted:
            room = await rooms.room(request.game_id)
        else:
            peer = address_of(context)
            room = await rooms.readable(NOBODY, peer, request.game_id, request.access)
        if isinstance(room, pb.Refusal):
            raise Refused(room)
        version = room.head if request.from_now else 0
        if request.cursor:
            version = _version_of(request.cursor, log.epoch, room)
        mark = _mark_of(await _event_at(room, log, version))
        reader = cls(rooms, log, room, None if trusted else request.access, version, mark)
        if request.cursor and request.cursor != reader.cursor:
            raise ValueError("the log was restored from a copy, and went on otherwise")
        return reader

    @property
    def cursor(self) -> str:
        """Behind everything that was read."""
        return self._cursor_at(self._version, self._mark)

    async def read(self) -> Sequence[GameEvent]:
        """The next events, none where there are none now.

        Raises Refused once the game is gone, or may be read no longer.
        """
        room = await self._rooms.room(self.game_id)
        if isinstance(room, pb.Refusal):
            raise Refused(room)
        self._check(room)
        encoded = await self._encoded(room)
        labels = tuple(room.state.view.labels.items())
        first = self._version + 1
        told = [self._told(version, event, labels) for version, event in enumerate(encoded, first)]
        if encoded:
            self._version += len(encoded)
            self._mark = _mark_of(encoded[-1])
        return told

    def _check(self, room: Room) -> None:
        """The passcode may be another one by now, and a seat may be gone."""
        state = room.state
        if self._proof is None or state.passcode is None:
            return
        seat = self._proof.seat
        if proves(seat.seat_secret, state.seat_hash(seat.player_id)) or (
            self._proof.passcode and state.passcode == self._passcode
        ):
            return
        message = "This game asks for its passcode, or a seat, that was given no longer."
        raise Refused(refuse(pb.REASON_PASSCODE_WRONG, message))

    async def _encoded(self, room: Room) -> Sequence[bytes]:
        if room.reaches(self._version):
            events = room.events_after(self._version, _RUN, _RUN_BYTES)
            return [event.encoded for event in events]
        async for page in self._log.events(self.game_id, self._version):
            # Not what the room has not published: it may be about who may read it.
            return page[: room.head - self._version]
        return ()

    def _told(self, version: int, event: bytes, labels: tuple[tuple[str, str], ...]) -> GameEvent:
        cursor = self._cursor_at(version, _mark_of(event))
        name = name_of(event, version)
        encoded = wire.watched_event(self.game_id, cursor, event)
        return GameEvent(cursor, name, False, labels, encoded)

    def _cursor_at(self, version: int, mark: str) -> str:
        return f"{self._log.epoch}-{self.game_id}-{version}-{mark}"


async def _event_at(room: Room, log: EventLog, version: int) -> bytes:
    """The event of a version that the room has; nothing before the first one."""
    if version == 0:
        return b""
    if room.reaches(version - 1):
        return room.events_after(version - 1, 1, _RUN_BYTES)[0].encoded
    async for page in log.events(room.game_id, version - 1):
        return page[0]
    raise Refused(gone())  # it was purged just now


def _mark_of(event: bytes) -> str:
    # Needs no key: only who may read the event is told.
    return blake2b(event, digest_size=_MARK_BYTES).hexdigest()


def _version_of(cursor: str, epoch: str, room: Room) -> int:
    where, _, _ = cursor.rpartition("-")
    place, _, digits = where.rpartition("-")
    if place != f"{epoch}-{room.game_id}" or not digits.isascii() or not digits.isdecimal():
        raise ValueError("the cursor is not of this game in this log")
    if len(digits) > 10 or int(digits) > room.head:
        raise ValueError("the cursor is ahead of this log")
    return int(digits)
