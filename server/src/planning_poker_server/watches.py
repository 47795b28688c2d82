"""WatchEvents: the events of all games or of one, from a cursor on and then live."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import planningpoker.v1 as pb
from planning_poker_model.limits import LABELS
from planning_poker_server import wire
from planning_poker_server.admission import Admission, Refused, invalid, parsed
from planning_poker_server.bus import LocalBus
from planning_poker_server.calls import Context, write
from planning_poker_server.clock import Clock, sleep_until
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.feed import Feed, FeedReader
from planning_poker_server.game_reader import GameReader
from planning_poker_server.operators import Operators
from planning_poker_server.rooms import Rooms
from planning_poker_server.settings import StreamSettings
from planning_poker_server.watched import Told, Wanted

_MAX_CURSOR: Final = 200
_PACE_MS: Final = 20
_WATCHES_PER_PACE_MS: Final = 5
_EVENT_TYPES: Final = frozenset(
    field.name for field in pb.GameEvent.DESCRIPTOR.oneofs_by_name["event"].fields
)


class Reader(Protocol):
    """What is watched, and how far."""

    @property
    def cursor(self) -> str:
        """Behind everything that was read."""
        ...

    async def read(self) -> Sequence[Told]:
        """The next events, some at least unless there are none now."""
        ...


class WatchService:
    """The handler, within bounds for each caller and for all."""

    def __init__(
        self,
        rooms: Rooms,
        log: EventLog,
        feed: Feed,
        bus: LocalBus,
        admission: Admission,
        operators: Operators,
        stream: StreamSettings,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._feed = feed
        self._bus = bus
        self._admission = admission
        self._operators = operators
        self._stream = stream
        self._clock = clock
        self._bells: dict[_Bell, None] = {}

    def drain(self) -> None:
        """Take no new ones, and end those that there are."""
        self._admission.draining = True
        for bell in self._bells:
            bell.ring()

    async def watch_events(self, message: bytes, context: Context) -> None:
        """The handler of WatchEvents; writes the bytes of responses."""
        trusted = self._operators.is_operator(context)
        async with self._admission.admit(context, trusted=trusted):
            request = parsed(pb.WatchEventsRequest, message)
            _check(request)
            bell = _Bell(self._clock)
            self._bells[bell] = None
            try:
                await self._watch(request, context, bell, trusted=trusted)
            except ValueError as error:
                raise Refused(_unknown_cursor(error)) from error
            finally:
                self._bells.pop(bell, None)

    async def _watch(
        self, request: pb.WatchEventsRequest, context: Context, bell: "_Bell", *, trusted: bool
    ) -> None:
        if request.game_id:
            game = await GameReader.open(request, self._rooms, self._log, context, trusted=trusted)
            with self._bus.listening(bell.ring, game.game_id):
                wanted = Wanted.of(request, everything=True)
                await self._tell(game, wanted, context, bell, trusted=trusted)
            return
        everything = self._operators.sees_everything(context)
        cursor = request.cursor
        if not cursor and request.from_now:
            cursor = await self._log.end()
        with self._feed.watching(bell.ring):
            reader = FeedReader(self._feed, cursor)
            wanted = Wanted.of(request, everything=everything)
            await self._tell(reader, wanted, context, bell, trusted=trusted)

    async def _tell(
        self, reader: Reader, wanted: Wanted, context: Context, bell: "_Bell", *, trusted: bool
    ) -> None:
        """Everything that there is, and then what comes, for as long as the caller listens."""
        line = _Line(context, self._stream, self._clock)
        await line.heartbeat(reader.cursor)
        is_behind = True
        while True:
            self._admission.go_on()
            bell.still()
            run = await reader.read()
            if is_behind and not trusted:
                # Like a history: whoever begins anew all the time waits between two beginnings.
                self._admission.charge(context, len(run))
            chosen = [told for told in run if wanted.has(told)]
            if chosen:
                await line.events(chosen, reader.cursor)
                if not is_behind:
                    await sleep_until(self._clock, self._clock.now_ms() + self._pace_ms())
            elif run:
                await asyncio.sleep(0)  # much may be left out in a row
                if line.is_quiet:
                    await line.heartbeat(reader.cursor)
            elif is_behind:
                is_behind = False
                await line.caught_up(reader.cursor)
            else:
                while not await bell.rings_before(line.due_ms):
                    await line.heartbeat(reader.cursor)

    def _pace_ms(self) -> int:
        """What happens so soon after the last event is told together."""
        return _PACE_MS + len(self._bells) // _WATCHES_PER_PACE_MS


class _Bell:
    """Wakes one call, when there may be news or when it is time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._woken = asyncio.Event()

    def ring(self) -> None:
        """There may be news."""
        self._rung = True
        self._woken.set()

    def still(self) -> None:
        """Whatever rang is being looked at."""
        self._rung = False

    async def rings_before(self, due_ms: int) -> bool:
        """Whether there may be news; False when it is time."""
        self._woken.clear()
        alarm = self._clock.call_at(due_ms, self._woken.set)
        try:
            if not self._rung:
                await self._woken.wait()
        finally:
            alarm.cancel()
        return self._rung


class _Line:
    """To one caller; whoever takes nothing for too long is cut off."""

    def __init__(self, context: Context, stream: StreamSettings, clock: Clock) -> None:
        self._context = context
        self._stall_ms = stream.stall_ms
        self._max_bytes = stream.window_bytes
        self._interval_ms = stream.ping_interval_ms
        self._clock = clock
        self.due_ms = 0
        """When something has to be told again."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was told for as long as that may be."""
        return self._clock.now_ms() >= self.due_ms

    async def events(self, events: Iterable[Told], cursor: str) -> None:
        """A run of events; `cursor` is behind the last one, and what was left out after it."""
        frame: list[Told] = []
        size = 0
        for told in events:
            size += len(told.encoded)
            if frame and size > self._max_bytes:
                await self._write(_frame(frame, frame[-1].cursor))
                frame, size = [], len(told.encoded)
            frame.append(told)
        await self._write(_frame(frame, cursor))

    async def caught_up(self, cursor: str) -> None:
        response = pb.WatchEventsResponse(cursor=cursor, caught_up=pb.CaughtUp())
        await self._write(response.SerializeToString())

    async def heartbeat(self, cursor: str) -> None:
        response = pb.WatchEventsResponse(cursor=cursor)
        response.heartbeat.interval.FromMilliseconds(self._interval_ms)
        await self._write(response.SerializeToString())

    async def _write(self, frame: bytes) -> None:
        self.due_ms = self._clock.now_ms() + self._interval_ms
        await write(self._context, frame, self._clock, self._stall_ms)


def _frame(events: Sequence[Told], cursor: str) -> bytes:
    return wire.watched(cursor, (told.encoded for told in events))


def _check(request: pb.WatchEventsRequest) -> None:
    """Raises Refused for what nobody can mean."""
    unknown = set(request.event_types) - _EVENT_TYPES
    if unknown:
        message = f"There are no such events; possible are {', '.join(sorted(_EVENT_TYPES))}."
        raise invalid(message, "event_types")
    if len(request.labels) > LABELS:
        raise invalid(f"A game has at most {LABELS} labels.", "labels")
    if len(request.cursor) > _MAX_CURSOR:
        raise Refused(_unknown_cursor(ValueError("the cursor is not of this log")))


def _unknown_cursor(error: ValueError) -> pb.Refusal:
    message = f"This watch cannot go on from here: {error}. Begin anew, without a cursor."
    return refuse(pb.REASON_CURSOR_UNKNOWN, message)
