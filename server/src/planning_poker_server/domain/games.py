"""Commands about the game as a whole."""

import re
from typing import Final

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model import limits
from planning_poker_model.text import trim
from planning_poker_server.domain import closing
from planning_poker_server.domain.case import Case, draft
from planning_poker_server.domain.checks import bad_value, duration_problem, line_problem
from planning_poker_server.domain.moments import timestamp, to_ms
from planning_poker_server.domain.options import normalised, settings_problem
from planning_poker_server.domain.people import seat_shape_problem, sit_down
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Decision, Draft

_LABEL_KEY: Final = re.compile(rf"[a-z0-9_.-]{{1,{limits.LABEL_KEY}}}")


def create_game(case: Case) -> Decision:
    create = case.command.create_game
    refusal = (
        _name_and_settings_problem(create.display_name, create.settings)
        or _passcode_problem(create.passcode)
        or _labels_problem(create)
        or duration_problem(create.ttl, "ttl", limits.GAME_TTL_MS, "lifetime")
        or _manager_problem(case)
    )
    if refusal:
        return refusal
    created = _created(case)
    if not create.HasField("creator"):
        return [created]
    return [created, sit_down(case, create.creator, "p1", facilitator=True)]


def _name_and_settings_problem(name: str, settings: pb.GameSettings) -> pb.Refusal | None:
    return line_problem(name, "display_name", limits.GAME_NAME) or settings_problem(settings)


def _passcode_problem(passcode: str) -> pb.Refusal | None:
    if len(passcode.encode()) <= limits.PASSCODE_BYTES:
        return None
    message = f"The passcode may have at most {limits.PASSCODE_BYTES} bytes."
    return bad_value("passcode", message)


def _labels_problem(create: pb.CreateGame) -> pb.Refusal | None:
    if len(create.labels) > limits.LABELS:
        return bad_value("labels", f"A game has at most {limits.LABELS} labels.")
    for key, value in create.labels.items():
        if not _LABEL_KEY.fullmatch(key):
            message = f"A label's key has 1 to {limits.LABEL_KEY} characters of a-z 0-9 _ . -"
            return bad_value("labels", message)
        if refusal := line_problem(value, "label", limits.LABEL_VALUE, required=False):
            return refusal
    return None


def _manager_problem(case: Case) -> pb.Refusal | None:
    """Every game has somebody who may run it: its creator's seat, or its creator."""
    create = case.command.create_game
    if create.HasField("creator"):
        return seat_shape_problem(create.creator)
    if case.actor.principal:
        return None
    message = "Without a player in it, a game needs a known creator; give your seat."
    return refuse(pb.REASON_UNAUTHENTICATED, message)


def _created(case: Case) -> Draft:
    create, actor = case.command.create_game, case.actor
    passcode = _hashed(case, create.passcode)
    ttl_ms = to_ms(create.ttl)
    game = pb.Game(
        game_id=case.command.game_id,
        display_name=trim(create.display_name),
        phase=pb.GAME_PHASE_LOBBY,
        version=1,
        settings=normalised(create.settings),
        labels={key: trim(value) for key, value in create.labels.items()},
        create_time=timestamp(case.time_ms),
        join_code=actor.join_code,
        expire_time=timestamp(case.time_ms + ttl_ms) if ttl_ms else None,
        passcode_required=bool(passcode.salt),
    )
    sealed = storage.SealedGame(
        principal=actor.principal,
        passcode=passcode if passcode.salt else None,
        owned=not create.HasField("creator"),
    )
    return draft(pb.GameEvent(game_created=pb.GameCreated(game=game)), storage.Sealed(game=sealed))


def _hashed(case: Case, passcode: str) -> storage.SealedPasscode:
    """What is kept of `passcode`; hashing took time and chance, and so was done before."""
    if not passcode:
        return storage.SealedPasscode()
    if case.actor.new_passcode is None:
        raise ValueError("a command that sets a passcode must come with its hash")
    return case.actor.new_passcode


def update_game(case: Case) -> Decision:
    update, view = case.command.update_game, case.view
    name = trim(update.display_name) if update.HasField("display_name") else view.display_name
    refusal = _name_and_settings_problem(name, update.settings) or _passcode_problem(
        update.passcode
    )
    if refusal:
        return refusal
    settings = normalised(update.settings) if update.HasField("settings") else view.settings
    if refusal := _deck_problem(case, settings):
        return refusal
    sealed, required = None, view.passcode_required
    if update.HasField("passcode"):
        sealed = storage.Sealed(passcode=_hashed(case, update.passcode))
        required = bool(sealed.passcode.salt)
    sets_passcode = required and sealed is not None
    before = (view.display_name, view.settings, view.passcode_required)
    if (name, settings, required) == before and not sets_passcode:
        return []
    event = pb.GameUpdated(display_name=name, settings=settings, passcode_required=required)
    return [draft(pb.GameEvent(game_updated=event), sealed)]


def _deck_problem(case: Case, settings: pb.GameSettings) -> pb.Refusal | None:
    if case.view.phase != pb.GAME_PHASE_VOTING or settings.deck == case.view.settings.deck:
        return None
    message = "The deck cannot change while a round is open; reveal or abandon it first."
    return refuse(pb.REASON_ROUND_OPEN, message)


def end_game(case: Case) -> Decision:
    return list(closing.end_game(case.state))
