"""The states of a connection, and the one table of how they follow each other. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Not opened yet, or closed by its user."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """Being opened for the first time, or again after it failed."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The server said Welcome."""


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """Lost, and about to be had again."""

    attempt: int
    """1 for the first."""
    backoff: float
    """Seconds between the loss and this attempt."""
    reason: str
    """Why it was lost: a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Given up."""

    reason: str
    """Why: a sentence for a person."""
    retryable: bool = True
    """Whether trying again, by `reconnect()`, may help without anybody's doing."""


ConnectionState: TypeAlias = Disconnected | Connecting | Connected | Reconnecting | Failed


class Signal(Enum):
    """What can happen to a connection."""

    OPEN = "opened by its user"
    WELCOME = "welcomed by the server"
    LOSS = "lost for now"
    GIVE_UP = "given up"
    CLOSE = "closed by its user"


_TABLE: Final[dict[tuple[type[ConnectionState], Signal], type[ConnectionState]]] = {
    (Disconnected, Signal.OPEN): Connecting,
    (Disconnected, Signal.CLOSE): Disconnected,
    (Connecting, Signal.WELCOME): Connected,
    (Connecting, Signal.LOSS): Connecting,
    (Connecting, Signal.GIVE_UP): Failed,
    (Connecting, Signal.CLOSE): Disconnected,
    (Connected, Signal.LOSS): Reconnecting,
    (Connected, Signal.GIVE_UP): Failed,
    (Connected, Signal.CLOSE): Disconnected,
    (Reconnecting, Signal.WELCOME): Connected,
    (Reconnecting, Signal.LOSS): Reconnecting,
    (Reconnecting, Signal.GIVE_UP): Failed,
    (Reconnecting, Signal.CLOSE): Disconnected,
    (Failed, Signal.OPEN): Connecting,
    (Failed, Signal.CLOSE): Disconnected,
}
TRANSITIONS: Final[Mapping[tuple[type[ConnectionState], Signal], type[ConnectionState]]] = (
    MappingProxyType(_TABLE)
)


class ImpossibleTransition(AssertionError):
    """A bug in who drives the connection: the table has no row for this."""


def check(state: ConnectionState, signal: Signal, following: ConnectionState) -> ConnectionState:
    """`following`, if the table lets it follow `state` on `signal`; else ImpossibleTransition."""
    if TRANSITIONS.get((type(state), signal)) is not type(following):
        message = f"{state}, when {signal.value}, does not become {following}"
        raise ImpossibleTransition(message)
    return following
