"""Whose votes a round waits for."""

from collections.abc import Iterator

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.domain.types import Presence


def voters(view: GameView) -> list[pb.Player]:
    """All voters at the table, in the order of joining."""
    return [player for player in view.players.values() if player.role == pb.PLAYER_ROLE_VOTER]


def awaited(view: GameView, presence: Presence) -> Iterator[pb.Player]:
    """The voters that a reveal waits for.

    Of an asynchronous game all. Otherwise those who are connected: who is away
    blocks nobody, nor does a seat that a bot holds for somebody.
    """
    everyone = view.settings.electorate == pb.ELECTORATE_INVITED
    for player_id, player in view.players.items():
        if player.role == pb.PLAYER_ROLE_VOTER and (
            everyone or (player_id in presence.connected and not player.proxied)
        ):
            yield player


def missing(view: GameView, presence: Presence) -> Iterator[pb.Player]:
    """Those a reveal waits for who have no card on the table."""
    return (p for p in awaited(view, presence) if p.player_id not in view.voted)


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
    return not waits(view, presence) and next(awaited(view, presence), None) is not None


def absent(view: GameView, presence: Presence) -> list[str]:
    """The voters who are not connected; of a seat that a bot holds that says nothing."""
    return [
        player.player_id
        for player in voters(view)
        if not player.proxied and player.player_id not in presence.connected
    ]
