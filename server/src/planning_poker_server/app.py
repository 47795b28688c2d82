"""The composition root: puts the parts together, starts and stops them in order."""

import asyncio
import gc
import socket
import time
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Self

import grpc
from loguru import logger

from planning_poker_server.admission import Admission
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.clock import Clock, SteadyClock
from planning_poker_server.eventlog.claim import Claim
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.execute import ExecuteService
from planning_poker_server.feed import Feed
from planning_poker_server.grpc_api import SERVICE, PlayService, Services, create_server
from planning_poker_server.health import Health
from planning_poker_server.lists import ListService
from planning_poker_server.metrics import Metrics
from planning_poker_server.operators import Operators
from planning_poker_server.ratelimit import Buckets
from planning_poker_server.reads import ReadService
from planning_poker_server.retention import Retention
from planning_poker_server.rooms import Rooms
from planning_poker_server.settings import ServerSettings, Settings
from planning_poker_server.watches import WatchService

# Rooms without work need a moment to notice that they are closed.
_AT_LEAST_S = 1.0


class AddressInUse(Exception):
    """The configured address cannot be bound."""


class RunningServer:
    """A server that serves; made by `start_server`."""

    def __init__(
        self,
        settings: Settings,
        port: int,
        log: EventLog,
        rooms: Rooms,
        retention: Retention,
        services: Services,
        server: grpc.aio.Server,
        metrics: Metrics,
        claim: Claim,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.port = port
        self._log = log
        self._rooms = rooms
        self._retention = retention
        self._services = services
        self._server = server
        self._claim = claim
        self._stopping: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where to connect: "127.0.0.1:50051"."""
        return _address(self.settings.server.host, self.port)

    @property
    def connections(self) -> int:
        """Streams that are open."""
        return self._services.play.connections

    async def stop(self, grace_ms: int | None = None) -> None:
        """Drain and stop: within `grace_ms`, by default as configured. Idempotent."""
        if self._stopping is None:
            grace = self.settings.server.drain_timeout_ms if grace_ms is None else grace_ms
            self._stopping = asyncio.get_running_loop().create_task(self._stop(grace / 1_000))
        await asyncio.shield(self._stopping)

    async def _stop(self, grace: float) -> None:
        # What is decided is still stored and answered; then everyone is told
        # to come back; the log is closed when nobody can use it any more.
        until = time.monotonic() + grace
        self._services.health.stop_serving()
        order = Random()  # noqa: S311, it spreads load and hides nothing
        saying_goodbye = asyncio.create_task(self._services.drain(grace / 2, order))
        await self._retention.stop()
        await self._server.stop(grace)
        await saying_goodbye
        await self._rooms.close(max(_AT_LEAST_S, until - time.monotonic()))
        await self._close_log(max(_AT_LEAST_S, until - time.monotonic()))
        self._claim.release()
        self.metrics.close()
        logger.info("stopped")

    async def _close_log(self, within_s: float) -> None:
        # What is in a transaction is written first, which a disk that hangs never ends.
        try:
            async with asyncio.timeout(within_s):
                await self._log.close()
        except TimeoutError:
            logger.warning("gave up waiting for the log to close")

    async def wait_closed(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


async def start_server(settings: Settings, clock: Clock | None = None) -> RunningServer:
    """Claim and open the log, bring its schema up to date, bind the address and serve.

    Every deadline, time-out and grace goes by `clock`. Raises AddressInUse, and
    LogError where another server uses the log or it cannot be opened.
    """
    if not settings.server.node_id:
        settings = replace(settings, server=replace(settings.server, node_id=socket.gethostname()))
    claim = await asyncio.to_thread(Claim.on, settings.database.url)
    try:
        return await _start(settings, clock or SteadyClock(), claim)
    except BaseException:
        claim.release()
        raise


async def _start(settings: Settings, clock: Clock, claim: Claim) -> RunningServer:
    log = await open_log(settings.database)
    metrics, availability, bus = Metrics(), Availability(), LocalBus()
    rooms = Rooms(log, settings.room, settings.game, clock, metrics, availability, bus)
    play = PlayService(
        rooms, settings.server, settings.stream, log.epoch, clock, metrics, availability
    )
    services = assemble(settings, clock, log, bus, rooms, play)
    retention = Retention(log, rooms, settings.retention, clock)
    server = create_server(services, settings.server, settings.stream)
    try:
        port = _bind(server, metrics, settings.server)
    except AddressInUse:
        await rooms.close()
        await log.close()
        raise
    await server.start()
    # What is loaded by now stays; full collections that walk it cost up to
    # 0.2 s with thousands of streams.
    gc.collect()
    gc.freeze()
    retention.start()
    running = RunningServer(settings, port, log, rooms, retention, services, server, metrics, claim)
    logger.info("serving on {}", running.address)
    return running


def assemble(
    settings: Settings, clock: Clock, log: EventLog, bus: LocalBus, rooms: Rooms, play: PlayService
) -> Services:
    """What answers the calls, put together."""
    server, stream = settings.server, settings.stream
    operators = Operators(server.operator_token, open_feed=server.open_feed)
    # One rate for all that a caller reads, and a bound for each kind.
    buckets = Buckets(60 * stream.commands_per_second, stream.command_burst)
    reading = Admission(server.max_reads, buckets, clock)
    watching = Admission(
        server.max_watches, buckets, clock, most_each=server.max_watches_per_address
    )
    feed = Feed(log, bus, clock)
    return Services(
        play,
        ExecuteService(rooms, server, stream, clock),
        ReadService(rooms, log, reading, operators, stream, clock),
        ListService(rooms, log, reading, operators),
        WatchService(rooms, log, feed, bus, watching, operators, stream, clock),
        Health(["", SERVICE]),
    )


def _bind(server: grpc.aio.Server, metrics: Metrics, settings: ServerSettings) -> int:
    """Take the addresses as configured; the port of the service is returned."""
    wanted = _address(settings.host, settings.port)
    try:
        port = server.add_insecure_port(wanted)
        if settings.metrics_port:
            wanted = _address(settings.host, settings.metrics_port)
            metrics.serve(settings.host, settings.metrics_port)
    except (RuntimeError, OSError) as error:
        raise AddressInUse(f"{wanted} cannot be bound: is another server running?") from error
    return port


def _address(host: str, port: int) -> str:
    """As gRPC wants it: IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
