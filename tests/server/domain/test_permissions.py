"""Who may do what, command by command."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.permissions import (
    OF_A_PLAYER,
    OF_ANYONE_SEATED,
    POLICIES,
    WITHOUT_SEAT,
)
from planning_poker_server.domain.types import Decision
from tests.server.domain.table import Table, accepted, refused, secret_of, table

EVERY_BODY = {field.name for field in pb.Command.DESCRIPTOR.oneofs_by_name["body"].fields}
OF_FACILITATORS = {"update_game", "end_game", "reset_seat"}
BY_SETTING = {
    "reveal": {"reveal_votes", "cancel_reveal"},
    "manage_rounds": {"start_round", "set_deadline", "abandon_round", "accept_estimate"},
    "manage_stories": {"add_stories", "update_story", "move_story", "remove_story"},
    "manage_players": {"remove_player"},
}


def ask(game: Table, body: str, sender: str) -> Decision:
    """A command of this kind that would be fine for a facilitator, as far as it is empty."""
    command = pb.Command(player_id=sender)
    getattr(command, body).SetInParent()
    return game.ask(command)


def may(decision: Decision) -> bool:
    denied = (pb.REASON_NOT_A_FACILITATOR, pb.REASON_SEAT_NOT_HELD, pb.REASON_NOT_PERMITTED)
    return not isinstance(decision, pb.Refusal) or decision.reason not in denied


def test_each_command_has_its_place_in_the_tables() -> None:
    assert WITHOUT_SEAT | OF_A_PLAYER | OF_ANYONE_SEATED | set(POLICIES) == EVERY_BODY


@pytest.mark.parametrize("body", sorted(POLICIES))
def test_by_default_only_facilitators_may(body: str) -> None:
    game = table(None, "Bob")
    assert may(ask(game, body, "p1"))
    refusal = refused(ask(game, body, "p2"), pb.REASON_NOT_A_FACILITATOR)
    assert "ask Ada" in refusal.message


@pytest.mark.parametrize("setting", BY_SETTING)
def test_a_setting_opens_its_own_commands_to_everyone_and_no_others(setting: str) -> None:
    game = table(pb.GameSettings(**{setting: pb.PERMISSION_EVERYONE}), "Bob")  # type: ignore[arg-type]
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    for body in POLICIES:
        assert may(ask(game, body, "p2")) == (body in BY_SETTING[setting]), body
        assert may(ask(game, body, "p3")) == (body in BY_SETTING[setting]), body


@pytest.mark.parametrize("body", sorted(OF_FACILITATORS))
def test_no_setting_opens_what_is_left_to_facilitators(body: str) -> None:
    everyone = pb.PERMISSION_EVERYONE
    settings = pb.GameSettings(
        reveal=everyone, manage_rounds=everyone, manage_stories=everyone, manage_players=everyone
    )
    refused(ask(table(settings, "Bob"), body, "p2"), pb.REASON_NOT_A_FACILITATOR)


def test_whoever_is_told_to_ask_is_told_whom() -> None:
    game = table(None, "Bob", "Cy")
    change = pb.UpdatePlayer(player_id="p2", facilitator=True)
    accepted(game.do(pb.Command(player_id="p1", update_player=change)))
    refusal = refused(game.start(sender="p3"), pb.REASON_NOT_A_FACILITATOR)
    assert refusal.message == "In this game only facilitators may start a round; ask Ada and Bob."


@pytest.mark.parametrize("body", sorted(EVERY_BODY - WITHOUT_SEAT))
def test_nothing_is_done_without_the_seats_secret(body: str) -> None:
    game = table(None, "Bob")
    command = pb.Command(player_id="p1")
    getattr(command, body).SetInParent()
    wrong = game.actor("p1")._replace(seat_hash=secret_of("guess"))
    refused(game.ask(command, wrong), pb.REASON_SEAT_NOT_HELD)
    refused(game.ask(command, game.actor("p2")), pb.REASON_SEAT_NOT_HELD)


@pytest.mark.parametrize("body", sorted(EVERY_BODY - WITHOUT_SEAT))
def test_nothing_is_done_by_a_seat_that_is_not_there(body: str) -> None:
    game = table()
    refused(ask(game, body, "p9"), pb.REASON_SEAT_NOT_HELD)


@pytest.mark.parametrize("body", sorted(EVERY_BODY - {"create_game"}))
def test_nothing_is_done_in_a_game_that_is_not_there(body: str) -> None:
    refused(ask(Table(), body, ""), pb.REASON_GAME_NOT_FOUND)


def test_who_is_not_allowed_learns_nothing_of_what_is_there() -> None:
    game = table(None, "Bob")
    for player_id in ("p1", "p9", "../etc"):
        command = pb.RemovePlayer(player_id=player_id)
        decision = game.do(pb.Command(player_id="p2", remove_player=command))
        refused(decision, pb.REASON_NOT_A_FACILITATOR)


def test_a_facilitator_demoted_meanwhile_is_decided_at_the_version_where_it_is_appended() -> None:
    game = table(None, "Bob")
    command = pb.Command(player_id="p1", end_game=pb.EndGame())
    assert may(game.ask(command))
    for player_id, yes in (("p2", True), ("p1", False)):
        change = pb.UpdatePlayer(player_id=player_id, facilitator=yes)
        accepted(game.do(pb.Command(player_id="p1", update_player=change)))
    refused(game.ask(command), pb.REASON_NOT_A_FACILITATOR)
