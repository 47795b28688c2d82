"""What each setting may be: one table, which the configuration is checked against."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from planning_poker_model.limits import MINUTE, SECOND, GameLimits

_MIB: Final = 1 << 20
_HOUR: Final = 60 * MINUTE


class Rule(Protocol):
    """What one setting may be."""

    @property
    def wanted(self) -> str:
        """The rule in words, to follow "must be"."""
        ...

    def allows(self, value: object) -> bool: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; never a boolean."""

    low: int
    high: int

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def allows(self, value: object) -> bool:
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        )


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number within bounds; never a boolean."""

    low: float
    high: float

    @property
    def wanted(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    def allows(self, value: object) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and self.low <= value <= self.high
        )


@dataclass(frozen=True, slots=True)
class YesNo:
    """A boolean, and nothing that merely looks like one."""

    @property
    def wanted(self) -> str:
        return "true or false"

    def allows(self, value: object) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words, as they are written here."""

    choices: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return "one of " + ", ".join(self.choices)

    def allows(self, value: object) -> bool:
        return isinstance(value, str) and value in self.choices


@dataclass(frozen=True, slots=True)
class Text:
    """Text that a pattern matches as a whole."""

    pattern: str
    wanted: str
    private: bool = False
    """A message about this setting must not repeat its value."""

    def allows(self, value: object) -> bool:
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


_LIMITS: Final = GameLimits()
"""What the contract promises; an operator may lower it, never raise it."""

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "server.host": Text(r"[^\s/@]{1,255}", "a host name or an address, without a port"),
        "server.port": Whole(0, 65_535),
        "server.max_connections": Whole(1, 1_000_000),
        "server.max_reads": Whole(1, 100_000),
        "server.max_watches": Whole(1, 100_000),
        "server.max_watches_per_address": Whole(1, 100_000),
        "server.operator_token": Text(
            r"|[!-~]{32,512}", "32 to 512 printable characters without spaces", private=True
        ),
        "server.open_feed": YesNo(),
        "server.max_calls": Whole(1, 1_000_000),
        "server.request_timeout_ms": Whole(1, 10 * MINUTE),
        "server.drain_timeout_ms": Whole(0, 10 * MINUTE),
        "server.reflection": YesNo(),
        "server.node_id": Text(
            r"[A-Za-z0-9._-]{0,64}", "up to 64 of the characters A-Z a-z 0-9 . _ -"
        ),
        "server.metrics_port": Whole(0, 65_535),
        "database.url": Text(
            r"sqlite:///(?!:memory:|file:)[^\x00-\x1f?]{1,4000}|memory:",
            '"sqlite:///" with the path of a file, or "memory:"',
            private=True,
        ),
        "database.busy_timeout_ms": Whole(0, 10 * MINUTE),
        "database.max_batch": Whole(1, 10_000),
        "database.max_waiting": Whole(1, 1_000_000),
        "database.sweep_max_mb": Whole(0, 1_000_000),
        "stream.hello_timeout_ms": Whole(1, 10 * MINUTE),
        "stream.max_message_bytes": Whole(4_096, 4 * _MIB),
        "stream.commands_per_second": Number(0.1, 100_000),
        "stream.command_burst": Whole(1, 100_000),
        "stream.max_unanswered": Whole(1, 10_000),
        "stream.max_unanswered_per_game": Whole(1, 10_000),
        "stream.max_subscriptions": Whole(1, 10_000),
        "stream.window_events": Whole(1, 100_000),
        "stream.window_bytes": Whole(4_096, 64 * _MIB),
        "stream.max_outbox_frames": Whole(1, 100_000),
        "stream.max_outbox_bytes": Whole(4_096, 256 * _MIB),
        "stream.ack_every_events": Whole(1, 10_000),
        "stream.ack_within_ms": Whole(1, MINUTE),
        "stream.ping_interval_ms": Whole(SECOND, _HOUR),
        "stream.keepalive_time_ms": Whole(SECOND, _HOUR),
        "stream.keepalive_timeout_ms": Whole(SECOND, 10 * MINUTE),
        "stream.handshake_timeout_ms": Whole(SECOND, 10 * MINUTE),
        "stream.max_streams_per_connection": Whole(1, 10_000),
        "stream.redelivery_ms": Whole(1, 10 * MINUTE),
        "stream.redeliveries": Whole(1, 10),
        "stream.stall_ms": Whole(SECOND, _HOUR),
        "room.max_mailbox": Whole(1, 100_000),
        "room.max_batch": Whole(1, 10_000),
        "room.tail_events": Whole(0, 100_000),
        "room.idle_ms": Whole(0, 24 * _HOUR),
        "room.presence_grace_ms": Whole(0, _HOUR),
        "room.presence_interval_ms": Whole(0, MINUTE),
        "room.settle_ms": Whole(0, _HOUR),
        "room.passcode_attempts_per_minute": Whole(1, 10_000),
        "room.creates_per_minute": Whole(1, 1_000_000),
        "room.joins_per_minute": Whole(1, 1_000_000),
        "room.report_ms": Whole(1, 10 * MINUTE),
        "room.report_end_ms": Whole(1, _HOUR),
        "room.max_open_reports": Whole(1, 1_000),
        "game.max_players": Whole(1, _LIMITS.max_players),
        "game.max_stories": Whole(1, _LIMITS.max_stories),
        "game.max_story_bytes": Whole(1, _LIMITS.max_story_bytes),
        "game.max_events": Whole(1, _LIMITS.max_events),
        "retention.ended_days": Whole(0, 36_500),
        "retention.abandoned_days": Whole(0, 36_500),
        "retention.interval_ms": Whole(SECOND, 24 * _HOUR),
        "logging.level": OneOf(("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        "logging.format": OneOf(("text", "json")),
    }
)

NOT_ABOVE: Final = (
    ("stream.max_unanswered_per_game", "stream.max_unanswered"),
    ("stream.ack_every_events", "stream.window_events"),
    ("room.report_ms", "room.report_end_ms"),
)
"""Pairs of settings of which the first may not be above the second."""
