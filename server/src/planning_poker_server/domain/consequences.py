"""What follows by itself from where a game stands and who is there."""

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain import closing, electorate
from planning_poker_server.domain.case import draft
from planning_poker_server.domain.moments import timestamp, to_ms
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Draft, Presence

NO_LIMITS = GameLimits()
RESERVED_EVENTS = 3
"""Kept free at the end of a history, for the last round's timers and the game's end."""


def consequences(
    state: GameState, presence: Presence, now_ms: int, limits: GameLimits = NO_LIMITS
) -> list[Draft]:
    """The events that are due now without anybody's command.

    Asked again on the state with these events it comes to an end: nothing more
    is due. All are the server's own.
    """
    time_ms = max(now_ms, state.last_event_ms)
    if state.version == 0 or state.view.phase == pb.GAME_PHASE_ENDED:
        return []
    drafts = _succession(state) + _reveal(state, presence, time_ms)
    full = state.version + len(drafts) > limits.max_events - RESERVED_EVENTS
    return [] if full else drafts


def _succession(state: GameState) -> list[Draft]:
    """Who runs a game that nobody does any more: who sat there longest, voters first."""
    players = state.view.players.values()
    if state.owner or not players or any(player.facilitator for player in players):
        return []
    heir = pb.Player()
    heir.CopyFrom(next(iter(electorate.voters(state.view) or players)))
    heir.facilitator = True
    return [
        draft(pb.GameEvent(player_updated=pb.PlayerUpdated(player=heir)), by_server=True),
    ]


def _reveal(state: GameState, presence: Presence, time_ms: int) -> list[Draft]:
    """Automatic reveal: start its countdown, stop it, or turn the cards at once."""
    view = state.view
    if view.phase != pb.GAME_PHASE_VOTING:
        return []
    automatic = view.settings.auto_reveal
    if view.round_reveal_time is not None:
        keeps = automatic and view.voted and not electorate.waits(view, presence)
        return [] if keeps else [cancel_countdown(state)]
    if not automatic or state.reveal_held or not electorate.is_complete(view, presence):
        return []
    countdown_ms = to_ms(view.settings.reveal_countdown)
    if countdown_ms:
        return [_schedule(state, time_ms + countdown_ms)]
    return [closing.reveal(state, presence, time_ms, forced=False, by_server=True)]


def _schedule(state: GameState, due_ms: int) -> Draft:
    scheduled = pb.RevealScheduled(
        round_id=closing.open_round(state).round_id, reveal_time=timestamp(due_ms)
    )
    return draft(pb.GameEvent(reveal_scheduled=scheduled), by_server=True)


def cancel_countdown(state: GameState) -> Draft:
    """Stop the countdown, because somebody it waits for has no vote."""
    cancelled = pb.RevealCancelled(round_id=closing.open_round(state).round_id)
    return draft(pb.GameEvent(reveal_cancelled=cancelled), by_server=True)
