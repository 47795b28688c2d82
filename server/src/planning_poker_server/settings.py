"""Frozen, typed settings: what the layers of configuration come to."""

from dataclasses import dataclass

from planning_poker_model.limits import GameLimits


@dataclass(frozen=True, slots=True)
class ServerSettings:
    host: str
    port: int
    """0: any free port."""
    max_connections: int
    """Streams open at once."""
    max_reads: int
    """Reads of games at once, of all callers together."""
    max_watches: int
    """Calls of WatchEvents at once, of all callers together."""
    max_watches_per_address: int
    """Of them, those of one principal and address without the operator's token."""
    operator_token: str
    """Who brings it may list, read, watch and purge all games; empty: nobody may."""
    open_feed: bool
    """Whether everyone may list and watch the games that have no passcode."""
    max_calls: int
    """Calls of Execute without an answer, at once."""
    request_timeout_ms: int
    """Longest time from reading a command to its answer."""
    drain_timeout_ms: int
    """Longest time a graceful stop takes."""
    reflection: bool
    node_id: str
    """Empty: the host's name."""
    metrics_port: int
    """Where Prometheus finds the metrics, on `host`; 0: nowhere."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    url: str
    """SQLAlchemy URL: "sqlite:///data/planning-poker.db", or "memory:" for tests."""
    busy_timeout_ms: int
    max_batch: int
    """Proposals that share one transaction."""
    max_waiting: int
    """Proposals that may wait for the writer."""
    sweep_max_mb: int = 256
    """A database up to this size, in millions of bytes, is rewritten after a purge; 0: none is."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    hello_timeout_ms: int
    max_message_bytes: int
    commands_per_second: float
    command_burst: int
    max_unanswered: int
    max_unanswered_per_game: int
    max_subscriptions: int
    window_events: int
    window_bytes: int
    max_outbox_frames: int
    max_outbox_bytes: int
    ack_every_events: int
    ack_within_ms: int
    ping_interval_ms: int
    keepalive_time_ms: int
    keepalive_timeout_ms: int
    handshake_timeout_ms: int
    max_streams_per_connection: int
    redelivery_ms: int
    """What is not acknowledged is sent again after this, then after twice as long, …"""
    redeliveries: int
    """… so often; then a snapshot is sent, and then the subscription is given up."""
    stall_ms: int
    """A stream whose peer takes nothing for so long is cut off."""


@dataclass(frozen=True, slots=True)
class RoomSettings:
    max_mailbox: int
    """Commands that may wait for one game."""
    max_batch: int
    """Commands decided together."""
    tail_events: int
    """Events kept in memory for resuming; further behind means a snapshot."""
    idle_ms: int
    """A room without subscribers leaves memory after this."""
    presence_grace_ms: int
    presence_interval_ms: int
    settle_ms: int
    """How long after loading nothing reveals by itself unless every voter voted."""
    passcode_attempts_per_minute: int
    """Per principal and address; so are the next two."""
    creates_per_minute: int
    joins_per_minute: int
    report_ms: int
    """When the interim report on a critical event is due."""
    report_end_ms: int
    """When a report ends at the latest: not before redelivery gives up."""
    max_open_reports: int
    """Critical events of one game that are reported on at a time; more end the oldest report."""


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    ended_days: int
    """A game that ended so long ago is purged; 0: never."""
    abandoned_days: int
    """So is one in which nothing happened for so long, and that nobody follows; 0: never."""
    interval_ms: int
    """How often it is looked for."""


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    level: str
    format: str
    """"text" for people, "json" for programs."""


@dataclass(frozen=True, slots=True)
class Settings:
    environment: str
    server: ServerSettings
    database: DatabaseSettings
    stream: StreamSettings
    room: RoomSettings
    game: GameLimits
    retention: RetentionSettings
    logging: LoggingSettings
