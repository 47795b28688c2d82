"""What goes into a decision and what comes out of it."""

from collections.abc import Mapping, Set
from typing import NamedTuple, TypeAlias

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb


class Actor(NamedTuple):
    """Who asks, already authenticated, and what only I/O could work out for the decision.

    `decide` trusts these fields and nothing that the command says of its sender.
    """

    principal: str = ""
    """Who opened the stream, as the authenticator named it."""
    player_id: str = ""
    """The seat that acts; empty for CreateGame, JoinGame and the owner without a seat."""
    seat_hash: bytes = b""
    """SHA-256 of the secret that proves `player_id`, or that CreateGame/JoinGame brings."""
    proven_passcode: bytes = b""
    """`hash` of the SealedPasscode that the sender's passcode was verified against."""
    new_passcode: storage.SealedPasscode | None = None
    """The passcode that CreateGame/UpdateGame sets, already salted and hashed."""
    join_code: str = ""
    """For CreateGame: a code that the log did not hold when it was looked up."""

    def __repr__(self) -> str:
        return f"<Actor {self.player_id or 'without a seat'}>"


class Presence(NamedTuple):
    """Who is there, as seen by the node that decides."""

    connected: Set[str] = frozenset()
    """Player ids with a live lease. Proxied seats are never in it."""
    away_since: Mapping[str, int] = {}
    """When those who are not connected were last seen, in ms since the epoch."""
    settled: bool = True
    """False just after the room was loaded, while clients are still coming back."""


class FireTimer(NamedTuple):
    """The server's own command: something that was scheduled is due."""

    kind: str
    """"deadline" or "countdown" (of a round), "lifetime" (of the game)."""
    round_id: str
    set_version: int
    """The version that set it: a timer moved since then does not fire."""


class Timer(NamedTuple):
    """Something scheduled, as the log keeps it."""

    kind: str
    round_id: str
    set_version: int
    due_ms: int
    """Milliseconds since the epoch."""


class Draft(NamedTuple):
    """An event that a decision made, before it has a version, a time and a cause."""

    event: pb.GameEvent
    sealed: storage.Sealed
    by_server: bool = False
    """True for consequences: the event's actor is the server, not the command's sender."""

    def __repr__(self) -> str:
        return f"<Draft of {self.event.WhichOneof('event')}>"


Command: TypeAlias = pb.Command | FireTimer
Decision: TypeAlias = list[Draft] | pb.Refusal
"""Events (none: accepted, nothing changes) or why not."""
