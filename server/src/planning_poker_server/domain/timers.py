"""What happens when something scheduled is due."""

from planning_poker_server.domain import closing, electorate
from planning_poker_server.domain.consequences import cancel_countdown
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Draft, FireTimer, Presence, Timer


def fire(state: GameState, command: FireTimer, presence: Presence, now_ms: int) -> list[Draft]:
    """The events of a timer that is due; none if it was moved, lifted or has fired."""
    if not any(_means(command, timer) and timer.due_ms <= now_ms for timer in state.timers()):
        return []
    time_ms = max(now_ms, state.last_event_ms)
    if command.kind == "lifetime":
        return closing.end_game(state, by_server=True)
    missing = electorate.waits(state.view, presence)
    if command.kind == "countdown":
        if missing or not state.view.voted:
            return [cancel_countdown(state)]
    elif not state.view.voted:
        return [closing.abandon(state, by_server=True)]
    return [closing.reveal(state, presence, time_ms, forced=missing, by_server=True)]


def _means(command: FireTimer, timer: Timer) -> bool:
    meant = (command.kind, command.round_id, command.set_version)
    return meant == (timer.kind, timer.round_id, timer.set_version)
