"""The newest events of all games, read from the log once for all who watch."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from loguru import logger

from planning_poker_server import wire
from planning_poker_server.bus import PURGES, Listener, LocalBus
from planning_poker_server.clock import Clock, sleep_until
from planning_poker_server.eventlog.port import EventLog, FeedRecord, GameCorrupt, LogError
from planning_poker_server.watched import name_of

_MAX_EVENTS: Final = 10_000
_MAX_BYTES: Final = 8 << 20
"""Of the events that are held; who is further behind reads from the log."""
RUN: Final = 500
"""Events that a watcher takes at once."""
_POLL_MS: Final = 1_000
"""The log is looked at so often without being woken: another may have written to it."""
_GUARDS: Final = "game_updated"
"""The event that may set or remove a passcode."""
_PACE_MS: Final = 20
_PACE_MS_PER_WATCHER: Final = 1


class FedEvent:
    """An event as it is told, and what filters look at."""

    __slots__ = ("cursor", "encoded", "game_id", "guarded", "labels", "name")

    def __init__(self, record: FeedRecord) -> None:
        """Raises GameCorrupt for what would make no sense to anybody."""
        self.name = name_of(record.event, record.version)
        self.cursor = record.cursor
        self.game_id = record.game_id
        self.guarded = record.guarded
        self.labels = record.labels
        self.encoded = wire.watched_event(record.game_id, record.cursor, record.event)


class Feed:
    """A tail of the whole log, kept up to date for as long as anybody watches."""

    def __init__(self, log: EventLog, bus: LocalBus, clock: Clock) -> None:
        self._log = log
        self._bus = bus
        self._clock = clock
        self._events: deque[FedEvent] = deque()
        self._size = 0
        self._first = 0
        """Number of the oldest event that is held; they are counted from 0 on."""
        self._places: dict[str, int] = {}
        """The number of the event behind each cursor that is held."""
        self._cursor = ""
        self._purges = 0
        """Counts them."""
        self._watchers: dict[Listener, None] = {}
        self._pump: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._turn = asyncio.Semaphore(1)
        """Hundreds that are far behind must not take all the log's readers from the games."""

    @contextmanager
    def watching(self, listener: Listener) -> Iterator[None]:
        """Call `listener`, which never waits, whenever there may be something new."""
        self._watchers[listener] = None
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._run())
        try:
            yield
        finally:
            del self._watchers[listener]
            if not self._watchers:
                self._pump.cancel()
                self._pump = None

    async def read(self, cursor: str) -> Sequence[FedEvent]:
        """The next events behind a cursor, out of the log; none at its end.

        Raises ValueError for a cursor that is not of this log.
        """
        async with self._turn:
            async for page in self._log.scan(cursor):
                return [FedEvent(record) for record in page]
        return ()

    def place(self, cursor: str) -> int | None:
        """Where in the tail one goes on who has everything up to `cursor`."""
        return self._places.get(cursor)

    def after(self, place: int) -> Sequence[FedEvent] | None:
        """The events from a place in the tail on; None if it holds them no longer."""
        if place < self._first:
            return None
        start = place - self._first
        # By index: almost all are near the end, which iterating would go through the tail for.
        return [self._events[at] for at in range(start, min(start + RUN, len(self._events)))]

    # Keeping up

    async def _run(self) -> None:
        """Read what is new, until nobody watches any more."""
        self._reset("")
        with self._bus.listening(self._news.set), self._bus.listening(self._forget, PURGES):
            while True:
                try:
                    await self._catch_up()
                except GameCorrupt as error:
                    # Those who watch meet it themselves, in the log, and are told.
                    logger.error("the feed cannot go on: {}", error)
                    self._reset("")
                    self._wake()
                except LogError as error:
                    logger.warning("the feed cannot be read: {}", error)
                except Exception:
                    logger.exception("the feed failed")
                    self._reset("")
                await self._pause()

    async def _catch_up(self) -> None:
        if not self._cursor:
            self._reset(await self._log.end())
            self._wake()
        purges = self._purges
        async for page in self._log.scan(self._cursor):
            if self._purges != purges:
                return  # it may hold what is gone by now; the purge was news, so it is read again
            for record in page:
                self._append(FedEvent(record))
            self._wake()

    async def _pause(self) -> None:
        """Wait for news; the more there are who watch, the more they are told at once."""
        pace_ms = max(_PACE_MS, _PACE_MS_PER_WATCHER * len(self._watchers))
        await sleep_until(self._clock, self._clock.now_ms() + pace_ms)
        alarm = self._clock.call_at(self._clock.now_ms() + _POLL_MS, self._news.set)
        try:
            await self._news.wait()
        finally:
            alarm.cancel()
        self._news.clear()

    def _reset(self, cursor: str) -> None:
        """Hold nothing, and begin at a cursor; empty: at the end of the log."""
        # Elsewhere than where the tail ended nobody goes on who had all of it.
        self._first += len(self._events) + (cursor != self._cursor)
        self._events.clear()
        self._size = 0
        self._cursor = cursor
        self._places = {cursor: self._first} if cursor else {}

    def _append(self, event: FedEvent) -> None:
        self._events.append(event)
        self._size += len(event.encoded)
        self._cursor = event.cursor
        self._places[event.cursor] = self._first + len(self._events)
        if event.name == _GUARDS:
            self._guard(event.game_id, guarded=event.guarded)
        while len(self._events) > _MAX_EVENTS or self._size > _MAX_BYTES:
            self._drop_first()

    def _drop_first(self) -> None:
        # In the order they were added, so that the oldest place goes first.
        del self._places[next(iter(self._places))]
        self._size -= len(self._events.popleft().encoded)
        self._first += 1

    def _guard(self, game_id: str, *, guarded: bool) -> None:
        """A passcode that is set now guards what happened before, too."""
        for event in self._events:
            if event.game_id == game_id:
                event.guarded = guarded

    def _forget(self) -> None:
        """Hold nothing of what was: a game is gone, and what is left is in the log."""
        self._purges += 1
        if self._cursor:
            self._reset(self._cursor)

    def _wake(self) -> None:
        for listener in tuple(self._watchers):
            listener()


class FeedReader:
    """How far one of them is: in the tail, or behind it and in the log."""

    def __init__(self, feed: Feed, cursor: str) -> None:
        self.cursor = cursor
        """Behind everything that was read."""
        self._feed = feed
        self._place: int | None = None

    async def read(self) -> Sequence[FedEvent]:
        """The next events, some at least unless there are none now.

        Raises ValueError for a cursor that is not of this log.
        """
        run = None if self._place is None else self._feed.after(self._place)
        if run is None:
            run = await self._feed.read(self.cursor)
            self._place = None
        if run:
            self.cursor = run[-1].cursor
        self._place = self._feed.place(self.cursor)
        return run
