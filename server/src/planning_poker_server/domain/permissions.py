"""Who may do what: the one table, and the proof that the sender is who it says."""

import hmac
from collections.abc import Callable, Mapping
from typing import Final

import planningpoker.v1 as pb
from planning_poker_server.domain.case import Case
from planning_poker_server.domain.checks import id_problem, names
from planning_poker_server.domain.refusals import refuse

_NO_SEAT: Final = bytes(32)

_Policy = Callable[[pb.GameSettings], pb.Permission.ValueType]


def _facilitators(_settings: pb.GameSettings) -> pb.Permission.ValueType:
    return pb.PERMISSION_FACILITATORS


def _reveal(settings: pb.GameSettings) -> pb.Permission.ValueType:
    return settings.reveal


def _rounds(settings: pb.GameSettings) -> pb.Permission.ValueType:
    return settings.manage_rounds


def _stories(settings: pb.GameSettings) -> pb.Permission.ValueType:
    return settings.manage_stories


def _players(settings: pb.GameSettings) -> pb.Permission.ValueType:
    return settings.manage_players


WITHOUT_SEAT: Final = frozenset({"create_game", "join_game"})
"""Commands that nobody needs a seat for."""

OF_A_PLAYER: Final = frozenset({"leave_game", "claim_facilitation", "submit_vote", "retract_vote"})
"""Commands that only a player can mean, each of oneself; the owner needs a seat for them."""

OF_ANYONE_SEATED: Final = frozenset({"update_player"})
"""Commands whose authority depends on whom they concern; see `people`."""

POLICIES: Final[Mapping[str, tuple[_Policy, str]]] = {
    "update_game": (_facilitators, "change the game"),
    "end_game": (_facilitators, "end the game"),
    "reset_seat": (_facilitators, "reset a seat"),
    "remove_player": (_players, "remove a player"),
    "add_stories": (_stories, "add stories"),
    "update_story": (_stories, "edit stories"),
    "move_story": (_stories, "move stories"),
    "remove_story": (_stories, "remove stories"),
    "start_round": (_rounds, "start a round"),
    "set_deadline": (_rounds, "set a deadline"),
    "abandon_round": (_rounds, "abandon a round"),
    "accept_estimate": (_rounds, "accept an estimate"),
    "reveal_votes": (_reveal, "reveal the votes"),
    "cancel_reveal": (_reveal, "stop the countdown"),
}
"""By command: whom the game's settings let do it, and what to call it."""


def authority_problem(case: Case, body: str) -> pb.Refusal | None:
    """Whether the sender holds the seat it names, and may do this in this game."""
    if body in WITHOUT_SEAT:
        return _seat_named(case)
    return _seat_problem(case, body) or _policy_problem(case, body)


def _seat_named(case: Case) -> pb.Refusal | None:
    if not case.command.player_id and not case.actor.player_id:
        return None
    message = "This command takes a seat and so names no player; leave the player id out."
    return refuse(pb.REASON_INVALID_VALUE, message, field="player_id")


def _seat_problem(case: Case, body: str) -> pb.Refusal | None:
    player_id = case.command.player_id
    if not player_id:
        if body not in OF_A_PLAYER and case.manages:
            return None
        return refuse(pb.REASON_SEAT_NOT_HELD, "Join the game first: this needs a seat.")
    if refusal := id_problem(player_id, "player_id", "p"):
        return refusal
    # Compared whether or not there is such a seat: how long it takes tells nothing.
    expected = case.state.seat_hash(player_id)
    proven = hmac.compare_digest(expected or _NO_SEAT, case.actor.seat_hash)
    if expected and proven and case.actor.player_id == player_id:
        return None
    message = "This does not prove that seat; attach with its secret or send it along, or join."
    return refuse(pb.REASON_SEAT_NOT_HELD, message)


def _policy_problem(case: Case, body: str) -> pb.Refusal | None:
    if body in OF_A_PLAYER or body in OF_ANYONE_SEATED:
        return None
    policy, deed = POLICIES[body]
    everyone = policy(case.view.settings) == pb.PERMISSION_EVERYONE
    return None if everyone or case.manages else facilitators_only(case, deed)


def players_policy_problem(case: Case, deed: str) -> pb.Refusal | None:
    """Whether the sender may manage other players."""
    everyone = case.view.settings.manage_players == pb.PERMISSION_EVERYONE
    return None if everyone or case.manages else facilitators_only(case, deed)


def facilitators_only(case: Case, deed: str) -> pb.Refusal:
    """The refusal of what is left to facilitators, which names them."""
    facilitators = [player for player in case.view.players.values() if player.facilitator]
    ask = f"ask {names(facilitators)}" if facilitators else "ask who opened it"
    message = f"In this game only facilitators may {deed}; {ask}."
    return refuse(pb.REASON_NOT_A_FACILITATOR, message)


def passcode_problem(case: Case) -> pb.Refusal | None:
    """Whether the passcode in force, where there is one, was proven."""
    passcode = case.state.passcode
    if passcode is None or hmac.compare_digest(passcode.hash, case.actor.proven_passcode):
        return None
    return refuse(pb.REASON_PASSCODE_WRONG, "The passcode is wrong; ask who invited you for it.")
