"""What a command comes to: the one place where a game's rules and authority are applied."""

from collections.abc import Callable, Mapping
from typing import Final

from google.protobuf.unknown_fields import UnknownFieldSet

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain import backlog, games, people, rounds, timers, votes
from planning_poker_server.domain.case import Case
from planning_poker_server.domain.consequences import RESERVED_EVENTS
from planning_poker_server.domain.permissions import authority_problem
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Actor, Command, Decision, FireTimer, Presence

_HANDLERS: Final[Mapping[str, Callable[[Case], Decision]]] = {
    "create_game": games.create_game,
    "update_game": games.update_game,
    "end_game": games.end_game,
    "join_game": people.join_game,
    "leave_game": people.leave_game,
    "update_player": people.update_player,
    "remove_player": people.remove_player,
    "reset_seat": people.reset_seat,
    "claim_facilitation": people.claim_facilitation,
    "add_stories": backlog.add_stories,
    "update_story": backlog.update_story,
    "move_story": backlog.move_story,
    "remove_story": backlog.remove_story,
    "start_round": rounds.start_round,
    "set_deadline": rounds.set_deadline,
    "abandon_round": rounds.abandon_round,
    "accept_estimate": rounds.accept_estimate,
    "submit_vote": votes.submit_vote,
    "retract_vote": votes.retract_vote,
    "reveal_votes": votes.reveal_votes,
    "cancel_reveal": votes.cancel_reveal,
}


def decide(
    state: GameState,
    command: Command,
    actor: Actor,
    presence: Presence,
    now_ms: int,
    limits: GameLimits,
) -> Decision:
    """The events of `command`, none where it changes nothing, or why it is refused.

    Changes nothing itself. Duplicates were looked up before. A refusal carries
    the version at which it was decided.
    """
    if isinstance(command, FireTimer):
        return list(timers.fire(state, command, presence, now_ms))
    time_ms = max(now_ms, state.last_event_ms)
    decision = _decide(Case(state, command, actor, presence, time_ms, limits))
    if isinstance(decision, pb.Refusal):
        decision.current_version = state.version
    return decision


def _decide(case: Case) -> Decision:
    body = case.command.WhichOneof("body")
    if body is None:
        return _unknown(case.command)
    refusal = (
        _existence_problem(case, body)
        or authority_problem(case, body)
        or _ended_problem(case)
        or _version_problem(case)
    )
    if refusal:
        return refusal
    decision = _HANDLERS[body](case)
    if isinstance(decision, pb.Refusal) or body == "end_game":
        return decision
    return _history_problem(case, len(decision)) or decision


def _unknown(command: pb.Command) -> pb.Refusal:
    if len(UnknownFieldSet(command)):
        message = "This server does not know that command; it may be older than the client."
        return refuse(pb.REASON_UNKNOWN_COMMAND, message)
    return refuse(pb.REASON_MALFORMED, "The command is empty; say what to do.")


def _existence_problem(case: Case, body: str) -> pb.Refusal | None:
    creates, exists = body == "create_game", case.state.version > 0
    if creates and exists:
        message = "This correlation id opened a game already; use a new one for another game."
        return refuse(pb.REASON_CORRELATION_ID_REUSED, message)
    if not creates and not exists:
        return refuse(pb.REASON_GAME_NOT_FOUND, "There is no such game; check its id or code.")
    return None


def _ended_problem(case: Case) -> pb.Refusal | None:
    if case.view.phase != pb.GAME_PHASE_ENDED:
        return None
    return refuse(pb.REASON_GAME_ENDED, "This game is over and can only be read; open a new one.")


def _version_problem(case: Case) -> pb.Refusal | None:
    command, version = case.command, case.state.version
    if not command.HasField("expected_version") or command.expected_version == version:
        return None
    message = f"The game is at version {version} by now; look again and repeat if still wanted."
    return refuse(pb.REASON_VERSION_CONFLICT, message)


def _history_problem(case: Case, added: int) -> pb.Refusal | None:
    limit = case.limits.max_events
    if not added or case.state.version + added <= limit - RESERVED_EVENTS:
        return None
    message = f"The game's history is full with {limit:,} events; end it and open a new one."
    return refuse(pb.REASON_HISTORY_FULL, message, limit=str(limit))
