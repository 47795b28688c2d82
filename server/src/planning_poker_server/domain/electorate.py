"""Whose votes a round waits for."""

from collections.abc import Iterator

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.domain.types import Presence


def voters(view: GameView) -> list[pb.Player]:
    """All voters at the table, in the order of joining."""
    return [player for player in view.players.values() if player.role == pb.PLAYER_ROLE_VOTER]


def is_awaited(view: GameView, presence: Presence, player: pb.Player) -> bool:
    """Whether a reveal waits for this player's vote.

    In an asynchronous game, for that of each voter. Otherwise for those who are
    connected: who is away blocks nobody, nor does a seat that a bot holds for
    somebody.
    """
    if player.role != pb.PLAYER_ROLE_VOTER:
        return False
    if view.settings.electorate == pb.ELECTORATE_INVITED:
        return True
    return player.player_id in presence.connected and not player.proxied


def missing(view: GameView, presence: Presence) -> Iterator[pb.Player]:
    """Those a reveal waits for who have no card on the table."""
    for player_id, player in view.players.items():
        if player_id not in view.voted and is_awaited(view, presence, player):
            yield player


def waits(view: GameView, presence: Presence) -> bool:
    """Whether a reveal waits for somebody's vote."""
    return next(missing(view, presence), None) is not None


def is_complete(view: GameView, presence: Presence) -> bool:
    """Whether everyone a reveal waits for has voted, and that is somebody.

    While clients are still coming back after a restart, only the votes of all
    voters can show that.
    """
    if not presence.settled:
        everyone = voters(view)
        return bool(everyone) and all(p.player_id in view.voted for p in everyone)
    players = view.players.values()
    return not waits(view, presence) and any(is_awaited(view, presence, p) for p in players)


def absent(view: GameView, presence: Presence) -> list[str]:
    """The voters who are not connected; of a seat that a bot holds that says nothing."""
    return [
        player.player_id
        for player in voters(view)
        if not player.proxied and player.player_id not in presence.connected
    ]
