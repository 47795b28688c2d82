"""A command with all that its decision depends on."""

from dataclasses import dataclass

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_model.view import GameView
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Actor, Draft, Presence


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """What the handler of a command is given; without a repr, since the command may hold a card."""

    state: GameState
    command: pb.Command
    actor: Actor
    presence: Presence
    time_ms: int
    """When the command's events happen: never before the game's last event."""
    limits: GameLimits

    @property
    def view(self) -> GameView:
        return self.state.view

    @property
    def sender(self) -> pb.Player | None:
        """The player who acts; None for the owner without a seat, and before joining."""
        return self.state.view.players.get(self.actor.player_id)

    @property
    def manages(self) -> bool:
        """Whether the sender is a facilitator, or the owner without a seat."""
        sender = self.sender
        if sender is not None:
            return sender.facilitator
        owner = self.state.owner
        return not self.actor.player_id and owner != "" and self.actor.principal == owner


def draft(
    event: pb.GameEvent, sealed: storage.Sealed | None = None, *, by_server: bool = False
) -> Draft:
    return Draft(event, storage.Sealed() if sealed is None else sealed, by_server)
