"""What the pure connection tells its driver."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from planning_poker_client.changes import Item, Receipt, RolledBack
from planning_poker_client.errors import ConnectionProblem, PokerError
from planning_poker_client.states import ConnectionState


class Loss(NamedTuple):
    """Why a stream ended, or could not be opened."""

    message: str
    """A sentence for a person."""
    retryable: bool
    retry_after: float = 0.0
    """Seconds to wait at least before the next stream."""


class StateChanged(NamedTuple):
    """The connection is in another state."""

    state: ConnectionState
    error: ConnectionProblem | None = None
    """Why, when given up."""


class Settled(NamedTuple):
    """A request has its answer, or was given up."""

    correlation_id: str
    outcome: Receipt | PokerError


class Told(NamedTuple):
    """The view of a game went on."""

    game_id: str
    items: Sequence[Item]


class Undone(NamedTuple):
    """The view of a seat is without something that it showed before it was confirmed."""

    game_id: str
    player_id: str
    item: RolledBack
    kept: bool
    """Whether it had been kept for want of a connection."""


class Reported(NamedTuple):
    """There is another delivery report of a game."""

    game_id: str


class ServiceTold(NamedTuple):
    """The server said how well it works."""


class Ended(NamedTuple):
    """Nothing more comes of a game, because of `error`."""

    game_id: str
    error: PokerError


class Resuming(NamedTuple):
    """Something of a game is missing, and is asked for."""

    game_id: str
    reason: str


class Hangup(NamedTuple):
    """The stream is of no more use: the driver ends it and says `lost` with this."""

    loss: Loss


Notice: TypeAlias = (
    StateChanged | Settled | Told | Undone | Reported | ServiceTold | Ended | Resuming | Hangup
)
