"""Seats: taking one, coming back to it, getting up, being removed, losing the secret."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.types import Actor, Decision
from tests.server.domain.table import (
    Table,
    accepted,
    hashed,
    refused,
    scrypted,
    secret_of,
    table,
)


def leave(game: Table, player_id: str) -> None:
    accepted(game.do(pb.Command(player_id=player_id, leave_game=pb.LeaveGame())))


def remove(game: Table, player_id: str) -> None:
    command = pb.RemovePlayer(player_id=player_id)
    accepted(game.do(pb.Command(player_id="p1", remove_player=command)))


def reset(game: Table, player_id: str, secret: bytes, sender: str = "p1") -> Decision:
    command = pb.ResetSeat(player_id=player_id, seat_secret=secret)
    return game.do(pb.Command(player_id=sender, reset_seat=command))


def test_who_joins_is_a_voter_and_no_facilitator() -> None:
    game = table(None, "Bob")
    assert game.view.players["p2"] == pb.Player(
        player_id="p2", display_name="Bob", role=pb.PLAYER_ROLE_VOTER
    )


def test_an_observer_a_proxied_seat_and_an_external_id_are_kept() -> None:
    game = table()
    accepted(game.join("Bob", role=pb.PLAYER_ROLE_OBSERVER, external_id=" slack:U1 ", proxied=True))
    bob = game.view.players["p2"]
    assert (bob.role, bob.external_id, bob.proxied) == (
        pb.PLAYER_ROLE_OBSERVER,
        "slack:U1",
        True,
    )


def test_the_name_is_kept_as_sent_less_the_space_around_it() -> None:
    game = table()
    accepted(game.join("  Zoe\u0308  "))
    assert game.view.players["p2"].display_name == "Zoe\u0308"


@pytest.mark.parametrize("name", ["Bob", "BOB", " bob ", "Ｂｏｂ"])
def test_a_name_that_looks_like_one_at_the_table_is_taken(name: str) -> None:
    game = table(None, "Bob")
    refusal = refused(game.join(name, secret=secret_of("other")), pb.REASON_NAME_TAKEN)
    assert "choose another name" in refusal.message


def test_a_name_is_free_again_when_its_player_has_left() -> None:
    game = table(None, "Bob")
    leave(game, "p2")
    accepted(game.join("Bob", secret=secret_of("another Bob")))
    assert list(game.view.players) == ["p1", "p3"]


def test_a_name_is_free_again_when_its_player_was_renamed() -> None:
    game = table(None, "Bob")
    change = pb.UpdatePlayer(display_name="Robert")
    accepted(game.do(pb.Command(player_id="p2", update_player=change)))
    accepted(game.join("Bob", secret=secret_of("another Bob")))


def test_joining_again_with_the_secret_of_a_seat_changes_nothing() -> None:
    game = table(None, "Bob")
    assert accepted(game.join("Bob")) == []
    assert accepted(game.join("Robert", secret=secret_of("Bob"))) == []
    assert list(game.view.players) == ["p1", "p2"]


def test_joining_again_with_external_id_and_secret_changes_nothing() -> None:
    game = table()
    accepted(game.join("Bob", external_id="slack:U1"))
    assert accepted(game.join("Bob", external_id="slack:U1")) == []


def test_the_external_id_of_somebody_at_the_table_with_another_secret_is_taken() -> None:
    game = table()
    accepted(game.join("Bob", external_id="slack:U1"))
    other = game.join("Robert", external_id="slack:U1")
    refused(other, pb.REASON_EXTERNAL_ID_TAKEN)


def test_the_external_id_of_who_left_can_be_used_with_a_new_secret() -> None:
    game = table()
    accepted(game.join("Bob", external_id="slack:U1"))
    leave(game, "p2")
    accepted(game.join("Bob", external_id="slack:U1", secret=secret_of("lost the old one")))
    assert game.view.players["p3"].external_id == "slack:U1"


def test_who_left_comes_back_to_the_same_seat_with_the_secret() -> None:
    game = table(None, "Bob")
    leave(game, "p2")
    assert "p2" not in game.view.players
    assert game.state.seat_hash("p2") == b""
    assert game.state.player_with_secret(hashed(secret_of("Bob"))) == "p2"
    accepted(game.join("Robert", secret=secret_of("Bob")))
    assert game.view.players["p2"].display_name == "Robert"


def test_who_left_cannot_act_before_coming_back() -> None:
    game = table(None, "Bob")
    leave(game, "p2")
    accepted(game.start())
    refused(game.vote("p2", "5"), pb.REASON_SEAT_NOT_HELD)


def test_a_facilitator_who_comes_back_is_an_ordinary_player() -> None:
    game = table(None, "Bob")
    leave(game, "p1")
    accepted(game.join("Ada"))
    assert not game.view.players["p1"].facilitator


def test_leaving_takes_the_open_vote_away() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    leave(game, "p2")
    assert not game.view.has_voted("p2")
    accepted(game.join("Bob"))
    assert game.state.own_vote("p2") == ("", "")


def test_a_removed_players_secret_is_dead_for_good() -> None:
    game = table(None, "Bob")
    remove(game, "p2")
    assert game.state.player_with_secret(hashed(secret_of("Bob"))) == ""
    refusal = refused(game.join("Bob"), pb.REASON_SEAT_SECRET_WRONG)
    assert "new one" in refusal.message


def test_a_removed_player_may_join_as_somebody_new() -> None:
    game = table(None, "Bob")
    remove(game, "p2")
    accepted(game.join("Bob", secret=secret_of("Bob again")))
    assert list(game.view.players) == ["p1", "p3"]


def test_a_removed_player_cannot_act_and_has_no_vote() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    remove(game, "p2")
    assert not game.view.has_voted("p2")
    assert game.state.own_vote("p2") == ("", "")
    refused(game.vote("p2", "5"), pb.REASON_SEAT_NOT_HELD)


def test_removing_somebody_who_is_not_there_is_refused() -> None:
    game = table()
    command = pb.Command(player_id="p1", remove_player=pb.RemovePlayer(player_id="p9"))
    refusal = refused(game.do(command), pb.REASON_PLAYER_NOT_FOUND)
    assert list(refusal.player_ids) == ["p9"]


def test_ids_are_never_used_again() -> None:
    game = table(None, "Bob", "Cy")
    remove(game, "p3")
    accepted(game.join("Dee"))
    assert list(game.view.players) == ["p1", "p2", "p4"]


def test_a_reset_seat_is_proven_by_the_new_secret_only() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(reset(game, "p2", secret_of("new")))
    refused(game.vote("p2", "5"), pb.REASON_SEAT_NOT_HELD)
    refused(game.join("Bob"), pb.REASON_SEAT_SECRET_WRONG)
    game.secrets["p2"] = secret_of("new")
    accepted(game.vote("p2", "5"))


@pytest.mark.parametrize("known", ["Ada", "Bob", "Cy, who was removed", "Dee, who left"])
def test_a_reset_to_a_secret_that_was_ever_used_is_refused(known: str) -> None:
    game = table(None, "Bob")
    accepted(game.join("Cy", secret=secret_of("Cy, who was removed")))
    accepted(game.join("Dee", secret=secret_of("Dee, who left")))
    remove(game, "p3")
    leave(game, "p4")
    refused(reset(game, "p2", secret_of(known)), pb.REASON_INVALID_VALUE)


def test_who_has_a_seat_reset_does_not_learn_the_card_that_lies_there() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5", "because"))
    accepted(reset(game, "p2", secret_of("new")))
    assert game.state.own_vote("p2") == ("", "")
    assert game.view.has_voted("p2")
    accepted(game.reveal(force=True))
    assert game.view.votes["p2"].card == "5"
    assert game.state.own_vote("p2") == ("5", "because")


def test_the_new_holder_of_a_reset_seat_sees_the_card_that_he_plays() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    accepted(reset(game, "p2", secret_of("new")))
    game.secrets["p2"] = secret_of("new")
    accepted(game.vote("p2", "8"))
    assert game.state.own_vote("p2") == ("8", "")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_seat_secret_has_32_bytes(size: int) -> None:
    game = table(None, "Bob")
    refused(game.join("Cy", secret=b"x" * size or b"y"), pb.REASON_INVALID_VALUE)
    refused(reset(game, "p2", b"x" * size), pb.REASON_INVALID_VALUE)


def test_the_table_has_room_for_so_many_and_no_more() -> None:
    game = Table(GameLimits(max_players=2))
    accepted(game.create())
    accepted(game.join("Bob"))
    refusal = refused(game.join("Cy"), pb.REASON_TOO_MANY_PLAYERS)
    assert refusal.details["limit"] == "2"
    leave(game, "p2")
    accepted(game.join("Cy"))


def test_a_join_that_names_a_player_is_refused() -> None:
    game = table()
    join = pb.JoinGame(display_name="Bob", seat_secret=secret_of("Bob"))
    refused(game.do(pb.Command(player_id="p1", join_game=join)), pb.REASON_INVALID_VALUE)
    decision = game.ask(pb.Command(join_game=join), game.actor("p1"))
    refused(decision, pb.REASON_INVALID_VALUE)


@pytest.fixture
def locked() -> Table:
    game = Table()
    accepted(game.create(passcode="open sesame"))
    return game


def test_joining_needs_the_passcode(locked: Table) -> None:
    assert locked.view.passcode_required
    refused(locked.join("Bob"), pb.REASON_PASSCODE_WRONG)
    refused(locked.join("Bob", passcode="guess"), pb.REASON_PASSCODE_WRONG)
    accepted(locked.join("Bob", passcode="open sesame"))


def test_a_wrong_passcode_does_not_tell_who_is_at_the_table(locked: Table) -> None:
    refused(locked.join("Ada", secret=secret_of("spy")), pb.REASON_PASSCODE_WRONG)


def test_who_has_a_seat_joins_again_without_the_passcode(locked: Table) -> None:
    assert accepted(locked.join("Ada")) == []


def test_who_left_needs_the_passcode_to_come_back(locked: Table) -> None:
    accepted(locked.join("Bob", passcode="open sesame"))
    leave(locked, "p2")
    refused(locked.join("Bob"), pb.REASON_PASSCODE_WRONG)


def test_a_changed_passcode_counts_from_its_version_on(locked: Table) -> None:
    update = pb.UpdateGame(passcode="another")
    actor = locked.actor("p1")._replace(new_passcode=scrypted("another"))
    accepted(locked.do(pb.Command(player_id="p1", update_game=update), actor))
    refused(locked.join("Bob", passcode="open sesame"), pb.REASON_PASSCODE_WRONG)
    accepted(locked.join("Bob", passcode="another"))


def test_a_lifted_passcode_is_asked_for_no_more(locked: Table) -> None:
    update = pb.UpdateGame(passcode="")
    accepted(locked.do(pb.Command(player_id="p1", update_game=update)))
    assert not locked.view.passcode_required
    assert locked.state.passcode is None
    accepted(locked.join("Bob"))


def test_the_passcode_is_nowhere_in_the_events(locked: Table) -> None:
    proof = scrypted("open sesame").hash
    for row in locked.rows:
        assert b"open sesame" not in row.event + row.sealed
        assert proof not in row.event


def test_no_secret_and_no_hash_of_one_is_in_an_event() -> None:
    game = table(None, "Bob")
    for row in game.rows:
        assert secret_of("Bob") not in row.event + row.sealed
        assert hashed(secret_of("Bob")) not in row.event


def test_a_seat_without_a_hashed_secret_is_a_programming_error() -> None:
    join = pb.JoinGame(display_name="Bob", seat_secret=secret_of("Bob"))
    with pytest.raises(ValueError, match="hash"):
        table().ask(pb.Command(join_game=join), Actor("someone"))


def test_another_seats_proof_does_not_help() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    vote = pb.SubmitVote(round_id="r1", card="5")
    command = pb.Command(player_id="p1", submit_vote=vote)
    for actor in (
        Actor("", "p2", hashed(secret_of("Bob"))),
        Actor("", "p1", hashed(secret_of("Bob"))),
        Actor("", "p1", b""),
        Actor("", "", hashed(secret_of("Ada"))),
    ):
        refused(game.ask(command, actor), pb.REASON_SEAT_NOT_HELD)
