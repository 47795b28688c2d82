"""All games of this process: finds, loads and drops their rooms, passes on what streams ask."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from loguru import logger

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server import ids
from planning_poker_server.audience import Asker, Origin, Stream
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.clock import Clock, sleep_until
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Actor
from planning_poker_server.envelopes import RETRY_MS, draining
from planning_poker_server.eventlog.port import (
    EventLog,
    GameCorrupt,
    LogError,
    LogUnavailable,
    Record,
)
from planning_poker_server.gate import Gate, brings_passcode
from planning_poker_server.metrics import Metrics
from planning_poker_server.requests import AttachRequest, CommandRequest
from planning_poker_server.room import Room, Ticket
from planning_poker_server.room_driver import RoomDriver, corrupt, failed, gone
from planning_poker_server.seats import proves
from planning_poker_server.settings import RoomSettings

_REPLAYED_AT_ONCE = 50
_POLL_MS = 1_000
_LOAD_AHEAD_MS = 2_000
_LOAD_AT_ONCE = 100
_CLOSE_S = 10.0


class Rooms:
    """Each game's room once, however many ask for it."""

    def __init__(
        self,
        log: EventLog,
        settings: RoomSettings,
        limits: GameLimits,
        clock: Clock,
        metrics: Metrics,
        availability: Availability,
        bus: LocalBus,
    ) -> None:
        self._bus = bus
        self._log = log
        self._settings = settings
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._availability = availability
        self._now_ms = clock.now_ms
        self._started_ms = clock.now_ms()
        self._drivers: dict[str, RoomDriver] = {}
        self._loading: dict[tuple[str, bool], asyncio.Task[RoomDriver | pb.Refusal]] = {}
        # Games that could not be loaded: said once, and left alone until
        # somebody asks for them, since they may have been repaired.
        self._unreadable: set[str] = set()
        # A dictionary where a set would do: in every run they end in the order they began.
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._gate = Gate(settings, clock.now_ms)
        self._closing = False
        self._spawn(self._load_due())

    # What streams ask

    def command(self, stream: Stream, peer: str, request: CommandRequest) -> None:
        """Decide a command; the answer goes to the stream's session."""
        origin = Origin(stream.session, request.serial, stream, request.attach)
        self._command(origin, peer, request)

    async def attach(self, stream: Stream, peer: str, request: AttachRequest) -> None:
        """Subscribe the stream, or tell it why not."""
        attach = request.attach
        driver = await self._find(attach.game_id)
        proven: bytes | pb.Refusal = b""
        if isinstance(driver, RoomDriver) and attach.passcode:
            principal = stream.session.principal
            proven = await self._gate.prove(
                principal, peer, driver.room.state.passcode, attach.passcode
            )
            if driver.closed:  # it left memory meanwhile
                driver = await self._find(attach.game_id)
        refusal = next((r for r in (driver, proven) if isinstance(r, pb.Refusal)), None)
        if refusal is not None:
            now_ms = self._now_ms()
            stream.session.attach_refused(attach.game_id, request.correlation_id, refusal, now_ms)
            stream.wake()
        elif isinstance(driver, RoomDriver) and isinstance(proven, bytes):
            driver.attach(stream, request, proven)
            stream.wake()

    def execute(self, asker: Asker, peer: str, request: CommandRequest) -> None:
        """Decide a command that came without a stream; the answer goes to `asker`."""
        self._command(Origin(asker, request.serial), peer, request)

    async def readable(
        self, principal: str, peer: str, name: str, access: pb.ReadAccess
    ) -> Room | pb.Refusal:
        """The room of a game, for whoever may read it; nothing is joined by that."""
        driver = await self._find(name)
        if isinstance(driver, pb.Refusal):
            return driver
        state, seat = driver.room.state, access.seat
        if state.passcode is None or proves(seat.seat_secret, state.seat_hash(seat.player_id)):
            return driver.room
        proven: bytes | pb.Refusal = b""
        if access.passcode:
            proven = await self._gate.prove(principal, peer, state.passcode, access.passcode)
        if isinstance(proven, pb.Refusal):
            return proven
        if driver.room.state.passcode != state.passcode or proven != state.passcode.hash:
            return refuse(pb.REASON_PASSCODE_WRONG, "This game asks for its passcode, or a seat.")
        return driver.room

    async def room(self, name: str) -> Room | pb.Refusal:
        """The room of a game, for whoever may read all of them."""
        driver = await self._find(name)
        return driver if isinstance(driver, pb.Refusal) else driver.room

    def is_followed(self, game_id: str) -> bool:
        """Whether anybody follows the game on a stream now."""
        driver = self._drivers.get(game_id)
        return driver is not None and driver.is_followed

    async def purge(self, game_id: str, why: str, expected_head: int | None = None) -> bool:
        """Remove a game for good with its traces, and detach everyone from it.

        False if it is not there. `expected_head`: only if that is its version
        still. Like `remove` and `sweep`, it comes to its end though the caller
        is cancelled, and raises LogUnavailable.
        """
        return await self._to_its_end(self._purge(game_id, why, expected_head))

    async def remove(self, game_id: str, why: str, expected_head: int | None = None) -> bool:
        """Purge a game of many: `sweep` is to follow the last of them."""
        return await self._to_its_end(self._remove(game_id, why, expected_head))

    async def sweep(self) -> bool:
        """Remove the traces of all games that are gone; False, and a warning, if some may stay."""
        return await self._to_its_end(self._sweep())

    async def _to_its_end(self, work: Coroutine[Any, Any, bool]) -> bool:
        # As a room's task, since a stop waits for those.
        task = asyncio.get_running_loop().create_task(work, name="room purge")
        self._tasks[task] = None
        task.add_done_callback(lambda _: self._tasks.pop(task, None))
        return await asyncio.shield(task)

    async def _purge(self, game_id: str, why: str, expected_head: int | None) -> bool:
        if not await self._remove(game_id, why, expected_head):
            return False
        await self._sweep()
        return True

    async def _sweep(self) -> bool:
        try:
            swept = await self._log.sweep()
        except LogUnavailable as error:
            logger.warning("traces of purged games may be left: {}", error)
            raise
        if not swept:
            logger.warning(
                "traces of purged games may be left in the free space of the database, which is "
                "larger than database.sweep_max_mb: see `planning-poker games sweep`"
            )
        return swept

    async def _remove(self, game_id: str, why: str, expected_head: int | None) -> bool:
        bound = logger.bind(game_id=game_id)
        try:
            if not await self._log.purge(game_id, self._now_ms(), expected_head):
                return False
        except LogUnavailable as error:
            if not error.definite and await self._log.game(game_id) is None:
                await self._bury(game_id)
            raise
        await self._bury(game_id)
        bound.info("the game was purged: {}", why)
        return True

    async def _bury(self, game_id: str) -> None:
        """Let nobody go on with a game that is gone."""
        # What was being read meanwhile may be a part of what was there.
        loading = [task for (loaded, _), task in self._loading.items() if loaded == game_id]
        await asyncio.gather(*loading, return_exceptions=True)
        driver = self._drivers.get(game_id)
        if driver is not None:
            driver.purged()
        self._unreadable.discard(game_id)
        self._bus.announce(game_id, purged=True)

    def unsubscribe(self, stream: Stream, game_id: str) -> None:
        """The stream follows this game no longer."""
        driver = self._drivers.get(game_id)
        if driver is not None:
            driver.unsubscribe(stream)

    def acknowledged(self, stream: Stream, game_id: str) -> None:
        """The stream acknowledged what this game waits for."""
        driver = self._drivers.get(game_id)
        if driver is not None:
            driver.acknowledged(stream)

    def disconnected(self, stream: Stream) -> None:
        """The stream is gone."""
        for game_id in stream.session.subscriptions:
            self.unsubscribe(stream, game_id)

    async def close(self, within_s: float = _CLOSE_S) -> None:
        """Finish what is being decided, then stop; nobody is answered after that.

        What the log has not taken by then is given up: it may be stored or not,
        and whoever sent it finds out by sending it again.
        """
        self._closing = True
        for driver in self._drivers.values():
            driver.stop(draining())
        deciding = self._room_tasks()
        for task in [task for task in self._tasks if task not in deciding]:
            task.cancel()
        _, late = await asyncio.wait(deciding, timeout=within_s) if deciding else ((), ())
        if late:
            logger.warning("gave up waiting for the log in {} games", len(late))
        for task in [task for task in deciding if task in late]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._gate.close()

    def _room_tasks(self) -> dict[asyncio.Task[Any], None]:
        return {task: None for task in self._tasks if task.get_name().startswith("room ")}

    # Commands

    def _command(self, origin: Origin, peer: str, request: CommandRequest) -> None:
        refusal = self._gate.too_often(origin.asker.principal, peer, request.command)
        if refusal is not None:
            self._refuse(origin, request, refusal)
            return
        driver = self._drivers.get(request.command.game_id)
        if driver is None or driver.closed or brings_passcode(request.command):
            self._spawn(self._command_later(origin, peer, request))
            return
        self._submit(driver, origin, request, Actor())

    async def _command_later(self, origin: Origin, peer: str, request: CommandRequest) -> None:
        command = request.command
        create = command.HasField("create_game")
        driver = await self._find(command.game_id, create=create)
        if isinstance(driver, pb.Refusal):
            self._refuse(origin, request, driver)
            return
        actor = await self._gate.with_passcodes(
            origin.asker.principal, peer, driver.room.state.passcode, command
        )
        if isinstance(actor, pb.Refusal):
            self._refuse(origin, request, actor)
            return
        if driver.closed:  # it left memory meanwhile
            driver = await self._find(command.game_id, create=create)
        if isinstance(driver, pb.Refusal):
            self._refuse(origin, request, driver)
            return
        self._submit(driver, origin, request, actor)

    def _submit(
        self, driver: RoomDriver, origin: Origin, request: CommandRequest, proven: Actor
    ) -> None:
        # A code that was given instead of the id is not part of the command.
        request.command.game_id = driver.room.game_id
        actor = proven._replace(
            principal=origin.asker.authority,
            player_id=request.command.player_id,
            seat_hash=request.seat_hash,
        )
        driver.submit(
            Ticket(request.command, actor, request.correlation_id, request.digest, origin)
        )

    def _refuse(self, origin: Origin, request: CommandRequest, refusal: pb.Refusal) -> None:
        result = pb.CommandResult(game_id=request.command.game_id, refusal=refusal)
        origin.asker.answer(request.serial, result, 0, self._now_ms())
        if origin.stream is not None:
            origin.stream.wake()

    # Finding and loading

    async def _find(self, name: str, *, create: bool = False) -> RoomDriver | pb.Refusal:
        """The room of a game by id or join code; loaded once however many wait for it."""
        try:
            game_id = await self.resolve(name)
        except LogUnavailable:
            return unavailable()
        if game_id is None:
            return gone()
        driver = self._drivers.get(game_id)
        if driver is None or driver.closed:
            key = game_id, create
            loading = self._loading.get(key)
            if loading is None:
                loading = self._loading[key] = self._spawn(self._load(game_id, create=create))
                loading.add_done_callback(lambda _: self._loading.pop(key, None))
            # Whoever asked first may go away; the others still wait.
            found = await asyncio.shield(loading)
            if isinstance(found, pb.Refusal):
                return found
            driver = found
        return driver

    async def resolve(self, name: str) -> str | None:
        """The id of a game by id or join code; None where no game can be meant."""
        parsed = ids.parse_game(name)
        if parsed is None:
            return None
        game_id, code = parsed
        return game_id or await self._log.resolve(code)

    async def _load(self, game_id: str, *, create: bool) -> RoomDriver | pb.Refusal:
        if self._closing:
            return draining()
        room = Room(game_id, self._limits, self._settings.tail_events)
        try:
            async for page in self._log.read(game_id):
                await _replay(room, page)
        except LogUnavailable:
            return unavailable()
        except GameCorrupt as error:
            if game_id not in self._unreadable:
                logger.bind(game_id=game_id).error("the game's log is corrupt: {}", error)
            self._unreadable.add(game_id)
            return corrupt()
        except Exception:
            # A bug is no reason to leave those who wait without an answer.
            if game_id not in self._unreadable:
                logger.bind(game_id=game_id).exception("loading a game failed")
            self._unreadable.add(game_id)
            return failed()
        self._unreadable.discard(game_id)
        if room.head == 0 and not create:
            return gone()
        loaded = self._drivers.get(game_id)
        if loaded is not None and not loaded.closed:
            return loaded
        driver = RoomDriver(
            room,
            self._log,
            self._settings,
            self._clock,
            self._started_ms,
            self._metrics,
            self._availability,
            self._bus,
        )
        self._drivers[game_id] = driver
        task = self._spawn(driver.run(), name=f"room {game_id}")
        task.add_done_callback(lambda _: self._forget(game_id, driver))
        return driver

    def _forget(self, game_id: str, driver: RoomDriver) -> None:
        driver.closed = True
        if self._drivers.get(game_id) is driver:
            del self._drivers[game_id]

    async def _load_due(self) -> None:
        """Load the rooms of games whose timers are about to fire; they fire them."""
        while True:
            await self._probe()
            # Timers of games that need no loading must not hide the others;
            # a game has up to three.
            limit = _LOAD_AT_ONCE + 3 * (len(self._drivers) + len(self._unreadable))
            try:
                due = await self._log.due(self._now_ms() + _LOAD_AHEAD_MS, limit)
            except LogError as error:
                logger.warning("timers cannot be read: {}", error)
                due = ()
            except Exception:
                # A bug must not stop the deadlines of all games for good.
                logger.exception("reading timers failed")
                due = ()
            for game_id, _ in due:
                if game_id not in self._drivers and game_id not in self._unreadable:
                    await self._find(game_id)
            await sleep_until(self._clock, self._now_ms() + _POLL_MS)

    async def _probe(self) -> None:
        """See whether the log works again, though nobody may try to change anything now."""
        if not self._availability.degraded:
            return
        try:
            await self._log.probe()
        except LogError:
            return
        self._availability.worked()

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str | None = None) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            logger.opt(exception=task.exception()).error("a task failed")


async def _replay(room: Room, page: Sequence[Record]) -> None:
    """Apply a page without keeping the loop for longer than some milliseconds."""
    for start in range(0, len(page), _REPLAYED_AT_ONCE):
        room.catch_up(page[start : start + _REPLAYED_AT_ONCE])
        await asyncio.sleep(0)


def unavailable() -> pb.Refusal:
    """The refusal of what the log cannot tell at the moment."""
    message = "The server cannot read its log at the moment: try again soon."
    return refuse(pb.REASON_LOG_UNAVAILABLE, message, retry_ms=RETRY_MS)
