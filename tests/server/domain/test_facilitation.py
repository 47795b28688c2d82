"""Who runs the table: facilitators, their succession, claims, and the owner without a seat."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.types import Actor, Decision
from tests.server.domain.table import OWNER, Table, accepted, refused, table


def update(game: Table, sender: str, change: pb.UpdatePlayer) -> Decision:
    return game.do(pb.Command(player_id=sender, update_player=change))


def facilitate(game: Table, player_id: str, yes: bool = True, sender: str = "p1") -> Decision:
    return update(game, sender, pb.UpdatePlayer(player_id=player_id, facilitator=yes))


def leave(game: Table, player_id: str) -> None:
    accepted(game.do(pb.Command(player_id=player_id, leave_game=pb.LeaveGame())))


def claim(game: Table, player_id: str) -> Decision:
    return game.do(pb.Command(player_id=player_id, claim_facilitation=pb.ClaimFacilitation()))


def facilitators(game: Table) -> list[str]:
    return [p.player_id for p in game.view.players.values() if p.facilitator]


def claimable(*others: str) -> Table:
    settings = pb.GameSettings()
    settings.claim_grace.seconds = 60
    return table(settings, *others)


def owned(*names: str) -> Table:
    game = Table()
    accepted(game.create(player=""))
    for name in names:
        accepted(game.join(name))
    return game


def test_the_creator_is_the_facilitator() -> None:
    assert facilitators(table(None, "Bob")) == ["p1"]


def test_facilitation_is_shared_and_handed_over() -> None:
    game = table(None, "Bob")
    accepted(facilitate(game, "p2"))
    assert facilitators(game) == ["p1", "p2"]
    accepted(facilitate(game, "", yes=False))
    assert facilitators(game) == ["p2"]


def test_the_last_facilitator_cannot_step_down_while_others_are_there() -> None:
    game = table(None, "Bob")
    refusal = refused(facilitate(game, "", yes=False), pb.REASON_LAST_FACILITATOR)
    assert "make somebody else one first" in refusal.message


def test_the_last_facilitator_cannot_be_removed_while_others_are_there() -> None:
    game = table(None, "Bob")
    command = pb.Command(player_id="p1", remove_player=pb.RemovePlayer(player_id="p1"))
    refused(game.do(command), pb.REASON_LAST_FACILITATOR)


def test_alone_the_last_facilitator_may_step_down_and_still_runs_the_table() -> None:
    game = table()
    accepted(facilitate(game, "", yes=False))
    assert game.kinds()[-2:] == ["player_updated", "player_updated"]
    assert facilitators(game) == ["p1"]


def test_when_the_last_facilitator_leaves_the_voter_who_sat_longest_follows() -> None:
    game = table()
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    accepted(game.join("Bob"))
    accepted(game.join("Cy"))
    leave(game, "p1")
    assert facilitators(game) == ["p3"]
    assert game.events[-1].actor_id == ""


def test_where_no_voter_is_left_an_observer_follows() -> None:
    game = table()
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    leave(game, "p1")
    assert facilitators(game) == ["p2"]


def test_one_of_several_facilitators_leaves_and_nobody_follows() -> None:
    game = table(None, "Bob", "Cy")
    accepted(facilitate(game, "p3"))
    leave(game, "p1")
    assert facilitators(game) == ["p3"]


def test_who_first_comes_to_a_table_that_all_left_runs_it() -> None:
    game = table()
    leave(game, "p1")
    accepted(game.join("Bob"))
    assert facilitators(game) == ["p2"]


def test_a_facilitators_disconnection_changes_nothing_by_itself() -> None:
    game = table(None, "Bob")
    version = game.state.version
    game.disconnect("p1")
    game.now_ms += 10**9
    game.settle()
    assert game.state.version == version


def test_only_a_facilitator_makes_facilitators_whatever_the_policy() -> None:
    game = table(pb.GameSettings(manage_players=pb.PERMISSION_EVERYONE), "Bob", "Cy")
    refused(facilitate(game, "p3", sender="p2"), pb.REASON_NOT_A_FACILITATOR)
    refused(facilitate(game, "", sender="p2"), pb.REASON_NOT_A_FACILITATOR)
    refused(facilitate(game, "p1", yes=False, sender="p2"), pb.REASON_NOT_A_FACILITATOR)


def test_only_a_facilitator_removes_a_facilitator_whatever_the_policy() -> None:
    game = table(pb.GameSettings(manage_players=pb.PERMISSION_EVERYONE), "Bob", "Cy")
    command = pb.Command(player_id="p2", remove_player=pb.RemovePlayer(player_id="p1"))
    refused(game.do(command), pb.REASON_NOT_A_FACILITATOR)
    command = pb.Command(player_id="p2", remove_player=pb.RemovePlayer(player_id="p3"))
    accepted(game.do(command))


def test_everyone_changes_own_name_and_role() -> None:
    game = table(None, "Bob")
    change = pb.UpdatePlayer(display_name="Robert", role=pb.PLAYER_ROLE_OBSERVER)
    accepted(update(game, "p2", change))
    bob = game.view.players["p2"]
    assert (bob.display_name, bob.role) == ("Robert", pb.PLAYER_ROLE_OBSERVER)


def test_what_an_update_does_not_name_stays() -> None:
    game = table()
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    accepted(facilitate(game, "p2"))
    accepted(update(game, "p2", pb.UpdatePlayer(display_name="Olga B.")))
    olga = game.view.players["p2"]
    assert (olga.role, olga.facilitator) == (pb.PLAYER_ROLE_OBSERVER, True)


def test_changing_others_is_left_to_who_may_manage_players() -> None:
    change = pb.UpdatePlayer(player_id="p3", display_name="Cyrus")
    refused(update(table(None, "Bob", "Cy"), "p2", change), pb.REASON_NOT_A_FACILITATOR)
    everyone = pb.GameSettings(manage_players=pb.PERMISSION_EVERYONE)
    accepted(update(table(everyone, "Bob", "Cy"), "p2", change))


def test_a_taken_name_is_refused_and_ones_own_in_other_letters_is_not() -> None:
    game = table(None, "Bob")
    refused(update(game, "p2", pb.UpdatePlayer(display_name="ADA")), pb.REASON_NAME_TAKEN)
    accepted(update(game, "p2", pb.UpdatePlayer(display_name="BOB")))
    assert game.view.players["p2"].display_name == "BOB"


def test_an_update_that_changes_nothing_has_no_event() -> None:
    game = table(None, "Bob")
    same = pb.UpdatePlayer(display_name="Bob ", role=pb.PLAYER_ROLE_VOTER, facilitator=False)
    assert accepted(update(game, "p2", same)) == []
    assert accepted(update(game, "p2", pb.UpdatePlayer())) == []


def test_a_voter_who_becomes_an_observer_loses_the_open_vote_for_good() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    accepted(update(game, "p2", pb.UpdatePlayer(role=pb.PLAYER_ROLE_OBSERVER)))
    assert game.state.own_vote("p2") == ("", "")
    accepted(update(game, "p2", pb.UpdatePlayer(role=pb.PLAYER_ROLE_VOTER)))
    assert not game.view.has_voted("p2")
    refused(game.reveal(force=True), pb.REASON_NO_VOTES)


def test_claiming_is_off_by_default() -> None:
    game = table(None, "Bob")
    game.disconnect("p1")
    game.now_ms += 10**9
    refused(claim(game, "p2"), pb.REASON_CLAIM_NOT_OPEN)


def test_facilitation_is_claimed_once_all_facilitators_are_away_for_the_grace() -> None:
    game = claimable("Bob")
    game.disconnect("p1")
    game.now_ms += 59_999
    refusal = refused(claim(game, "p2"), pb.REASON_CLAIM_NOT_OPEN)
    assert refusal.details["remaining_ms"] == "1"
    game.now_ms += 1
    accepted(claim(game, "p2"))
    assert facilitators(game) == ["p1", "p2"]


def test_one_facilitator_who_is_there_is_enough_against_a_claim() -> None:
    game = claimable("Bob", "Cy")
    accepted(facilitate(game, "p3"))
    game.disconnect("p1")
    game.now_ms += 60_000
    refused(claim(game, "p2"), pb.REASON_CLAIM_NOT_OPEN)


def test_nobody_claims_while_clients_are_still_coming_back() -> None:
    game = claimable("Bob")
    game.disconnect("p1")
    game.now_ms += 60_000
    game.settled = False
    refused(claim(game, "p2"), pb.REASON_CLAIM_NOT_OPEN)


def test_a_facilitator_of_whom_nothing_is_known_is_not_away() -> None:
    game = claimable("Bob")
    game.connected.clear()
    game.away_since.clear()
    game.now_ms += 60_000
    refused(claim(game, "p2"), pb.REASON_CLAIM_NOT_OPEN)


def test_a_facilitators_own_claim_changes_nothing() -> None:
    assert accepted(claim(table(), "p1")) == []


def test_nobody_claims_a_table_that_its_owner_runs() -> None:
    settings = pb.GameSettings()
    settings.claim_grace.seconds = 60
    game = Table()
    accepted(game.create(settings, player=""))
    accepted(game.join("Bob"))
    refused(claim(game, "p1"), pb.REASON_CLAIM_NOT_OPEN)


def test_the_owner_runs_the_table_without_a_seat() -> None:
    game = owned("Bob")
    assert facilitators(game) == []
    accepted(game.add_story("Login page", sender=""))
    accepted(game.start("s1", sender=""))
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(sender=""))
    accept = pb.AcceptEstimate(story_id="s1", round_id="r1", value="5")
    accepted(game.do(pb.Command(accept_estimate=accept)))
    assert game.view.stories["s1"].estimate.player_id == ""
    accepted(facilitate(game, "p1", sender=""))
    assert facilitators(game) == ["p1"]


def test_with_an_owner_the_last_facilitator_may_step_down() -> None:
    game = owned("Bob", "Cy")
    accepted(facilitate(game, "p1", sender=""))
    accepted(facilitate(game, "", yes=False, sender="p1"))
    assert facilitators(game) == []


def test_with_an_owner_nobody_follows_by_itself() -> None:
    game = owned("Bob", "Cy")
    accepted(facilitate(game, "p1", sender=""))
    leave(game, "p1")
    assert facilitators(game) == []


@pytest.mark.parametrize(
    "body", ["submit_vote", "retract_vote", "leave_game", "claim_facilitation"]
)
def test_the_owner_needs_a_seat_for_what_only_a_player_does(body: str) -> None:
    game = owned("Bob")
    accepted(game.start(sender=""))
    command = pb.Command()
    getattr(command, body).SetInParent()
    refused(game.do(command), pb.REASON_SEAT_NOT_HELD)


def test_an_owner_who_names_nobody_is_told_to() -> None:
    change = pb.UpdatePlayer(display_name="Robert")
    refused(update(owned("Bob"), "", change), pb.REASON_INVALID_ID)


@pytest.mark.parametrize("principal", ["", "somebody else"])
def test_another_principal_without_a_seat_runs_nothing(principal: str) -> None:
    game = owned("Bob")
    command = pb.Command(start_round=pb.StartRound())
    refused(game.ask(command, Actor(principal)), pb.REASON_SEAT_NOT_HELD)


def test_who_created_a_game_with_a_player_is_not_its_owner() -> None:
    game = table(None, "Bob")
    assert game.state.owner == ""
    command = pb.Command(start_round=pb.StartRound())
    for principal in (OWNER, ""):
        refused(game.ask(command, Actor(principal)), pb.REASON_SEAT_NOT_HELD)


def test_the_owner_at_the_table_is_a_player_like_others() -> None:
    game = owned("Bob")
    command = pb.Command(player_id="p1", start_round=pb.StartRound())
    actor = game.actor("p1")._replace(principal=OWNER)
    refused(game.ask(command, actor), pb.REASON_NOT_A_FACILITATOR)
