"""How well the service works for this client, and what is left while it does not. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final, TypeAlias

import planningpoker.v1 as pb
from planning_poker_client.states import (
    Connected,
    Connecting,
    ConnectionState,
    Disconnected,
    Failed,
    Reconnecting,
)


class Fallback(Enum):
    """What still works."""

    SHOW_CACHED_DATA = "ShowCachedData"
    """Views show what is known, marked stale."""
    READ_ONLY_MODE = "ReadOnlyMode"
    """Views are live; commands are refused."""
    OFFLINE_MODE = "OfflineMode"
    """Votes are kept, and sent on return; see `ClientOptions.offline_votes_for`."""


@dataclass(frozen=True, slots=True)
class Available:
    """All works."""


@dataclass(frozen=True, slots=True)
class Degraded:
    """Some of it works."""

    reason: str
    """Why: a sentence for a person."""
    fallback: Fallback


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nothing does."""

    reason: str
    """Why: a sentence for a person."""
    retry_after: timedelta | None = None
    """When it is tried again; None: not by itself, or nobody knows."""


ServiceState: TypeAlias = Available | Degraded | Unavailable

_FALLBACKS: Final[dict[int, Fallback]] = {
    pb.FALLBACK_SHOW_CACHED_DATA: Fallback.SHOW_CACHED_DATA,
    pb.FALLBACK_OFFLINE_MODE: Fallback.OFFLINE_MODE,
}
"""Of a server's word that is not here, the careful reading is that commands do not work."""


class Service:
    """What the server last said of itself; each stream begins as available."""

    def __init__(self, *, keeps_votes: bool) -> None:
        self._keeps_votes = keeps_votes
        self._told = pb.ServiceStatus()

    def new_stream(self) -> None:
        """What was said on the one before counts no more."""
        self._told = pb.ServiceStatus()

    def tell(self, status: pb.ServiceStatus) -> None:
        """The server said this."""
        self._told = status

    @property
    def takes_commands(self) -> bool:
        """Whether the server does, as long as there is a stream."""
        cached = pb.FALLBACK_SHOW_CACHED_DATA
        match self._told.state:
            case pb.SERVICE_STATE_DEGRADED:
                return self._told.fallback == cached
            case pb.SERVICE_STATE_UNAVAILABLE:
                return False
            case _:
                return True

    def state(self, connection: ConnectionState, *, cached: bool) -> ServiceState:
        """All of it together; `cached`: there is a game whose view can be shown."""
        match connection:
            case Connected():
                return self._as_told()
            case Failed(reason):
                return Unavailable(reason)
            case Disconnected():
                return Unavailable("The client is not open.")
            case Connecting() if not cached:
                return Unavailable("The connection is being opened.")
            case Connecting():
                return Degraded("The connection is being opened again.", self._without_stream())
            case Reconnecting(_, backoff, reason) if not cached:
                return Unavailable(reason, timedelta(seconds=backoff))
            case Reconnecting(_, _, reason):
                return Degraded(reason, self._without_stream())

    def _without_stream(self) -> Fallback:
        return Fallback.OFFLINE_MODE if self._keeps_votes else Fallback.SHOW_CACHED_DATA

    def _as_told(self) -> ServiceState:
        told = self._told
        reason = told.message or "The server did not say why."
        match told.state:
            case pb.SERVICE_STATE_DEGRADED:
                fallback = _FALLBACKS.get(told.fallback, Fallback.READ_ONLY_MODE)
                if self._keeps_votes and not self.takes_commands:
                    fallback = Fallback.OFFLINE_MODE
                return Degraded(reason, fallback)
            case pb.SERVICE_STATE_UNAVAILABLE:
                retry_after = told.retry_delay.ToTimedelta()
                return Unavailable(reason, retry_after or None)
            case _:
                return Available()
