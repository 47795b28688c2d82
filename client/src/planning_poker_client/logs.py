"""What is logged of a connection: one warning at a loss, one line at the return, no cards."""

import logging
from typing import Final

from planning_poker_client.errors import (
    ClientClosed,
    CommandRefused,
    ConnectionProblem,
    PokerError,
)
from planning_poker_client.service import Available, Degraded, ServiceState, Unavailable
from planning_poker_client.states import (
    Connected,
    Connecting,
    ConnectionState,
    Failed,
    Reconnecting,
)

LOG: Final = logging.getLogger("planning_poker_client")


def state_changed(target: str, before: ConnectionState, state: ConnectionState) -> None:
    """The connection is in another state."""
    match state:
        case Connecting():
            LOG.debug("connecting to %s", target)
        case Connected():
            LOG.info("connected to %s", target)
        case Reconnecting(attempt, _, reason):
            # One warning a loss, however many attempts follow.
            level = logging.WARNING if isinstance(before, Connected) else logging.DEBUG
            LOG.log(level, "connection lost, attempt %d follows: %s", attempt, reason)
        case Failed(reason):
            LOG.warning("connection given up: %s", reason)
        case _:
            LOG.info("disconnected from %s", target)


def service_changed(target: str, before: ServiceState, state: ServiceState) -> None:
    """The server said how well it works; what goes and comes with the connection is told above."""
    match before, state:
        case Available(), Degraded(reason) | Unavailable(reason):
            LOG.warning("%s works in part only: %s", target, reason)
        case Degraded() | Unavailable(), Available():
            LOG.info("%s works as it should again", target)


def watch_lost(reason: str, *, again: bool) -> None:
    """A watch has no stream; `again`: it had one."""
    LOG.log(logging.WARNING if again else logging.DEBUG, "a watch waits for its server: %s", reason)


def watch_returned(target: str) -> None:
    """It has one again."""
    LOG.info("a watch of %s goes on", target)


def resuming(game_id: str, reason: str) -> None:
    """Something of a game is missing."""
    LOG.info("game %s is asked for again: %s", game_id, reason)


def ended(game_id: str, error: PokerError) -> None:
    """Nothing more comes of a game; where that is so of all, the connection's line says it."""
    if not isinstance(error, ClientClosed | ConnectionProblem):
        LOG.info("game %s is followed no longer: %s", game_id, error)


def kept_in_vain(game_id: str, error: PokerError) -> None:
    """A vote that had been kept was not to be; a refusal's message may name its card."""
    if isinstance(error, CommandRefused):
        LOG.warning("game %s: a vote that was kept was refused: %s", game_id, error.reason)
    else:
        LOG.warning(
            "game %s: a vote that was kept was not taken: %s", game_id, type(error).__name__
        )
