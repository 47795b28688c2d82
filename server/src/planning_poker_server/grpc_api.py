"""The gRPC server: channel arguments, handlers, health, reflection."""

import asyncio
from dataclasses import dataclass
from importlib.metadata import version
from random import Random, SystemRandom
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from loguru import logger

import planningpoker.v1 as pb
from planning_poker_server import wire
from planning_poker_server.availability import Availability
from planning_poker_server.calls import NOBODY, Context, abort, address_of, incident
from planning_poker_server.clock import Alarm, Clock
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.envelopes import RETRY_MS, draining
from planning_poker_server.execute import ExecuteService
from planning_poker_server.health import Health
from planning_poker_server.lists import ListService
from planning_poker_server.metrics import Metrics
from planning_poker_server.ratelimit import Bucket
from planning_poker_server.reads import ReadService
from planning_poker_server.rooms import Rooms
from planning_poker_server.session import Session
from planning_poker_server.settings import ServerSettings, StreamSettings
from planning_poker_server.streams import PlayStream
from planning_poker_server.watches import WatchService
from planningpoker.v1 import service_pb2

# Taken from the contract, since reflection describes only what was imported.
SERVICE = service_pb2.DESCRIPTOR.services_by_name["PlanningPokerService"].full_name
_MAX_METADATA_BYTES = 8 * 1024
# Two thousand clients come back within two seconds, not within one millisecond.
_GOODBYE_BATCH = 50
_GOODBYE_PAUSE_S = 0.05
_SOONEST_MS = 100
# A log that takes some things and not others changes state with each of them,
# and every change is a message to every stream.
_STATUSES_AT_ONCE = 4
_STATUSES_PER_SECOND = 0.5
_SYSTEM: Final[Random] = SystemRandom()


def channel_arguments(stream: StreamSettings) -> list[tuple[str, int]]:
    """Arguments of the server, each shown to matter by measuring."""
    return [
        ("grpc.max_receive_message_length", stream.max_message_bytes),
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.max_concurrent_streams", stream.max_streams_per_connection),
        ("grpc.server_handshake_timeout_ms", stream.handshake_timeout_ms),
        # A second server on the same port is a mistake, not a cluster.
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", stream.keepalive_time_ms),
        ("grpc.keepalive_timeout_ms", stream.keepalive_timeout_ms),
        # Without this one a frozen client is noticed a minute later.
        ("grpc.http2.ping_timeout_ms", stream.keepalive_timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients ping each 30 s; its often copied twin with "recv" is ignored.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        # Else a storm of new streams is silently thinned out.
        ("grpc.server.max_pending_requests", 50_000),
        ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ]


class PlayService:
    """Opens sessions, within bounds, and ends them with a status."""

    def __init__(
        self,
        rooms: Rooms,
        server: ServerSettings,
        stream: StreamSettings,
        log_epoch: str,
        clock: Clock,
        metrics: Metrics,
        availability: Availability,
        chance: Random = _SYSTEM,
    ) -> None:
        """`chance` names sessions."""
        self._rooms = rooms
        self._server = server
        self._stream = stream
        self._clock = clock
        self._welcome = _welcome(server, stream, log_epoch)
        # A dictionary where a set would do: they are told things in the order they came.
        self._streams: dict[PlayStream, None] = {}
        self._draining = False
        self._metrics = metrics
        self._availability = availability
        self._chance = chance
        self._statuses = Bucket(_STATUSES_PER_SECOND, _STATUSES_AT_ONCE, clock.now_ms())
        self._status_alarm: Alarm | None = None
        availability.listen(lambda _: self._status_changed())

    @property
    def connections(self) -> int:
        """Streams that are open."""
        return len(self._streams)

    def _status_changed(self) -> None:
        if self._status_alarm is not None or self._draining:
            return
        now_ms = self._clock.now_ms()
        wait_ms = self._statuses.take(now_ms)
        if wait_ms:
            self._status_alarm = self._clock.call_at(now_ms + wait_ms, self._status_due)
        else:
            self._tell_status(self._availability.status)

    def _status_due(self) -> None:
        self._status_alarm = None
        self._status_changed()

    def _tell_status(self, status: pb.ServiceStatus) -> None:
        logger.info("telling {} streams: {}", len(self._streams), status.message)
        for stream in list(self._streams):
            stream.tell_status(status)

    async def drain(self, within_s: float, random: Random) -> None:
        """Take no new streams and tell the open ones to come back, not all of them at once."""
        self._draining = True
        if self._status_alarm is not None:
            self._status_alarm.cancel()
        streams = list(self._streams)
        random.shuffle(streams)  # no game loses all its players in the same moment
        pause_s = min(_GOODBYE_PAUSE_S, within_s * _GOODBYE_BATCH / max(1, len(streams)))
        for start in range(0, len(streams), _GOODBYE_BATCH):
            if start:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            for stream in streams[start : start + _GOODBYE_BATCH]:
                stream.drain(draining(random.randint(_SOONEST_MS, RETRY_MS)))

    async def play(self, _: Any, context: Context) -> None:
        """The handler of Play; reads and writes the bytes of envelopes."""
        refusal = self._not_admitted()
        if refusal is not None:
            await abort(context, refusal)
        stream = self._open(context)
        self._streams[stream] = None
        with logger.contextualize(session_id=stream.session.session_id):
            logger.debug("stream opened")
            try:
                refusal = await stream.run()
            except Exception:
                refusal = incident("a stream")
            finally:
                self._streams.pop(stream, None)
                logger.debug("stream closed")
            if refusal is not None:
                await abort(context, refusal)

    def _not_admitted(self) -> pb.Refusal | None:
        if self._draining:
            return draining()
        if len(self._streams) >= self._server.max_connections:
            message = "The server has as many connections as it takes: try again in a moment."
            return refuse(pb.REASON_TOO_MANY_CONNECTIONS, message, retry_ms=RETRY_MS)
        return None

    def _open(self, context: Context) -> PlayStream:
        session_id = self._chance.randbytes(8).hex()
        welcome = pb.Welcome()
        welcome.CopyFrom(self._welcome)
        welcome.session_id = session_id
        welcome.principal = principal = NOBODY
        session = Session(
            session_id,
            principal,
            welcome,
            self._stream,
            self._server.request_timeout_ms,
            self._clock.now_ms(),
        )
        session.tell_status(self._availability.status)
        peer = address_of(context)
        return PlayStream(
            session, self._rooms, context, peer, self._clock, self._stream.stall_ms, self._metrics
        )


@dataclass(frozen=True, slots=True)
class Services:
    """What answers the calls."""

    play: PlayService
    execute: ExecuteService
    reads: ReadService
    lists: ListService
    watches: WatchService
    health: Health

    async def drain(self, within_s: float, random: Random) -> None:
        """Take nothing new, end what would go on for ever, tell streams to come back."""
        self.execute.drain()
        self.reads.drain()
        self.watches.drain()
        await self.play.drain(within_s, random)


def handlers(services: Services) -> dict[str, "grpc.RpcMethodHandler[Any, Any]"]:
    """What answers each method."""
    # Bytes in and out: envelopes are spliced from stored bytes, and one that
    # cannot be decoded is answered by us and not by the library.
    return {
        "Play": grpc.stream_stream_rpc_method_handler(services.play.play),
        "Execute": grpc.unary_unary_rpc_method_handler(services.execute.execute),
        "GetGame": grpc.unary_unary_rpc_method_handler(services.reads.get_game),
        "ReadHistory": grpc.unary_stream_rpc_method_handler(services.reads.read_history),
        "ListGames": grpc.unary_unary_rpc_method_handler(services.lists.list_games),
        "WatchEvents": grpc.unary_stream_rpc_method_handler(services.watches.watch_events),
        "PurgeGame": grpc.unary_unary_rpc_method_handler(services.lists.purge_game),
    }


def create_server(
    services: Services, server: ServerSettings, stream: StreamSettings
) -> grpc.aio.Server:
    """A server with all services, not bound to a port yet."""
    aio = grpc.aio.server(options=channel_arguments(stream))
    methods = handlers(services)
    aio.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    health_pb2_grpc.add_HealthServicer_to_server(services.health, aio)
    if server.reflection:
        names = (SERVICE, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, aio)
    return aio


def _welcome(server: ServerSettings, stream: StreamSettings, log_epoch: str) -> pb.Welcome:
    limits = pb.Limits(
        max_message_bytes=stream.max_message_bytes,
        max_unanswered_commands=stream.max_unanswered,
        max_unanswered_commands_per_game=stream.max_unanswered_per_game,
        commands_per_second=stream.commands_per_second,
        command_burst=stream.command_burst,
        ack_every_events=stream.ack_every_events,
        window_events=stream.window_events,
        max_subscriptions=stream.max_subscriptions,
    )
    limits.ack_within.FromMilliseconds(stream.ack_within_ms)
    limits.ping_interval.FromMilliseconds(stream.ping_interval_ms)
    return pb.Welcome(
        server_version=version("planning-poker-server"),
        node_id=server.node_id,
        log_epoch=log_epoch,
        version=wire.PROTOCOL_VERSION,
        limits=limits,
    )
