"""Commands about players and their seats."""

import hashlib

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model import limits
from planning_poker_model.text import trim
from planning_poker_server.domain.case import Case, draft
from planning_poker_server.domain.checks import (
    bad_value,
    enum_problem,
    id_problem,
    line_problem,
    size_problem,
)
from planning_poker_server.domain.moments import to_ms
from planning_poker_server.domain.permissions import (
    facilitators_only,
    passcode_problem,
    players_policy_problem,
)
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Decision, Draft


def join_game(case: Case) -> Decision:
    join, secret_hash = case.command.join_game, case.actor.seat_hash
    if refusal := seat_shape_problem(join):
        return refusal
    known = case.state.player_with_secret(secret_hash)
    if known in case.view.players:
        return []
    refusal = (
        _dead_secret_problem(case)
        or passcode_problem(case)
        or _external_id_problem(case)
        or _name_problem(case, join.display_name, but_of="")
    )
    if refusal:
        return refusal
    if len(case.view.players) >= case.limits.max_players:
        message = f"The table is full: {case.limits.max_players:,} players sit at it."
        return refuse(pb.REASON_TOO_MANY_PLAYERS, message, limit=str(case.limits.max_players))
    player_id = known or f"p{case.state.seats.last_number + 1}"
    return [sit_down(case, join, player_id)]


def seat_shape_problem(join: pb.JoinGame) -> pb.Refusal | None:
    """What is wrong with a request for a seat whatever the game."""
    return (
        line_problem(join.display_name, "display_name", limits.PLAYER_NAME)
        or line_problem(join.external_id, "external_id", limits.EXTERNAL_ID, required=False)
        or enum_problem(join.role, pb.PlayerRole.values(), "role")
        or size_problem(join.seat_secret, "seat_secret", limits.SEAT_SECRET_BYTES)
    )


def sit_down(case: Case, join: pb.JoinGame, player_id: str, *, facilitator: bool = False) -> Draft:
    """The player that `join` describes, in a seat that the sender's secret proves."""
    if not case.actor.seat_hash:
        raise ValueError("a command that takes a seat must come with the hash of its secret")
    player = pb.Player(
        player_id=player_id,
        display_name=trim(join.display_name),
        role=join.role or pb.PLAYER_ROLE_VOTER,
        facilitator=facilitator,
        proxied=join.proxied,
        external_id=trim(join.external_id),
    )
    seat = storage.SealedSeat(secret_hash=case.actor.seat_hash, principal=case.actor.principal)
    event = pb.GameEvent(player_joined=pb.PlayerJoined(player=player))
    return draft(event, storage.Sealed(seat=seat))


def _dead_secret_problem(case: Case) -> pb.Refusal | None:
    seats = case.state.seats
    if seats.knows(case.actor.seat_hash) and not seats.holder(case.actor.seat_hash):
        message = "This seat secret proves nothing any more; join with a new one."
        return refuse(pb.REASON_SEAT_SECRET_WRONG, message)
    return None


def _external_id_problem(case: Case) -> pb.Refusal | None:
    external_id = trim(case.command.join_game.external_id)
    if not case.state.seats.with_external_id(external_id):
        return None
    message = (
        "This external id has a seat with another secret; bring that secret,"
        " or have a facilitator reset the seat."
    )
    return refuse(pb.REASON_EXTERNAL_ID_TAKEN, message)


def _name_problem(case: Case, display_name: str, *, but_of: str) -> pb.Refusal | None:
    """Whether somebody at the table other than player `but_of` has this name."""
    name = trim(display_name)
    if case.state.seats.named(name) in ("", but_of):
        return None
    message = f"Somebody at the table is called {name} already; choose another name."
    return refuse(pb.REASON_NAME_TAKEN, message)


def leave_game(case: Case) -> Decision:
    event = pb.PlayerLeft(player_id=case.actor.player_id)
    return [draft(pb.GameEvent(player_left=event))]


def update_player(case: Case) -> Decision:
    change = case.command.update_player
    target_id = change.player_id or case.actor.player_id
    if refusal := _update_problem(case, target_id) or _target_problem(case, target_id):
        return refusal
    target = case.view.players[target_id]
    if refusal := _new_value_problem(case, target) or _facilitation_problem(case, target):
        return refusal
    updated = pb.Player()
    updated.CopyFrom(target)
    if change.HasField("display_name"):
        updated.display_name = trim(change.display_name)
    if change.HasField("role"):
        updated.role = change.role or pb.PLAYER_ROLE_VOTER
    if change.HasField("facilitator"):
        updated.facilitator = change.facilitator
    if updated == target:
        return []
    return [draft(pb.GameEvent(player_updated=pb.PlayerUpdated(player=updated)))]


def _update_problem(case: Case, target_id: str) -> pb.Refusal | None:
    if target_id == case.actor.player_id:
        return None
    return players_policy_problem(case, "change other players")


def _new_value_problem(case: Case, target: pb.Player) -> pb.Refusal | None:
    change, name_limit = case.command.update_player, limits.PLAYER_NAME
    if change.HasField("display_name"):
        refusal = line_problem(change.display_name, "display_name", name_limit) or _name_problem(
            case, change.display_name, but_of=target.player_id
        )
        if refusal:
            return refusal
    return enum_problem(change.role, pb.PlayerRole.values(), "role")


def _facilitation_problem(case: Case, target: pb.Player) -> pb.Refusal | None:
    change = case.command.update_player
    if not change.HasField("facilitator") or change.facilitator == target.facilitator:
        return None
    steps_down = not change.facilitator and target.player_id == case.actor.player_id
    if not steps_down and not case.manages:
        return facilitators_only(case, "make facilitators and unmake them")
    return None if change.facilitator else _last_facilitator_problem(case, target)


def _last_facilitator_problem(case: Case, target: pb.Player) -> pb.Refusal | None:
    others = [p for p in case.view.players.values() if p.player_id != target.player_id]
    if case.state.owner or not others or any(player.facilitator for player in others):
        return None
    message = f"{target.display_name} is the last facilitator; make somebody else one first."
    return refuse(pb.REASON_LAST_FACILITATOR, message)


def _target_problem(case: Case, player_id: str) -> pb.Refusal | None:
    if refusal := id_problem(player_id, "player_id", "p"):
        return refusal
    if player_id in case.view.players:
        return None
    message = f"No player {player_id} is at the table."
    return refuse(pb.REASON_PLAYER_NOT_FOUND, message, player_ids=[player_id])


def remove_player(case: Case) -> Decision:
    player_id = case.command.remove_player.player_id
    if refusal := _target_problem(case, player_id):
        return refusal
    target = case.view.players[player_id]
    if target.facilitator:
        if not case.manages:
            return facilitators_only(case, "remove a facilitator")
        if refusal := _last_facilitator_problem(case, target):
            return refusal
    return [draft(pb.GameEvent(player_removed=pb.PlayerRemoved(player_id=player_id)))]


def reset_seat(case: Case) -> Decision:
    reset = case.command.reset_seat
    refusal = _target_problem(case, reset.player_id) or size_problem(
        reset.seat_secret, "seat_secret", limits.SEAT_SECRET_BYTES
    )
    if refusal:
        return refusal
    secret_hash = hashlib.sha256(reset.seat_secret).digest()
    if case.state.seats.knows(secret_hash):
        return bad_value("seat_secret", "This secret was used in this game before; make a new one.")
    seat = storage.SealedSeat(secret_hash=secret_hash, principal=case.actor.principal)
    event = pb.GameEvent(seat_reset=pb.SeatReset(player_id=reset.player_id))
    return [draft(event, storage.Sealed(seat=seat))]


def claim_facilitation(case: Case) -> Decision:
    sender = case.view.players[case.actor.player_id]
    if sender.facilitator:
        return []
    if refusal := _claim_problem(case):
        return refusal
    claimed = pb.Player()
    claimed.CopyFrom(sender)
    claimed.facilitator = True
    return [draft(pb.GameEvent(player_updated=pb.PlayerUpdated(player=claimed)))]


def _claim_problem(case: Case) -> pb.Refusal | None:
    grace_ms = to_ms(case.view.settings.claim_grace)
    if not grace_ms:
        message = "In this game nobody can claim facilitation; ask a facilitator to share it."
        return refuse(pb.REASON_CLAIM_NOT_OPEN, message)
    facilitators = [p for p in case.view.players.values() if p.facilitator]
    left = [_grace_left(case, player.player_id, grace_ms) for player in facilitators]
    if facilitators and not any(left):
        return None
    if not facilitators:
        message = "Who opened this game manages it from outside; ask there to become facilitator."
        return refuse(pb.REASON_CLAIM_NOT_OPEN, message)
    message = (
        f"Facilitation can be claimed once all facilitators are away for {grace_ms // 1_000:,} s."
    )
    return refuse(pb.REASON_CLAIM_NOT_OPEN, message, remaining_ms=str(max(left)))


def _grace_left(case: Case, player_id: str, grace_ms: int) -> int:
    """Until this facilitator is away for long enough; 0 if so. Away is who is known to be."""
    presence = case.presence
    if not presence.settled or player_id in presence.connected:
        return grace_ms
    away_since = presence.away_since.get(player_id, case.time_ms)
    return max(0, grace_ms - (case.time_ms - away_since))
