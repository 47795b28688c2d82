"""What a seat sees of its own commands before they are confirmed, and after they are not."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt, RolledBack
from planning_poker_client.errors import CommandRefused, OutcomeUnknown
from planning_poker_client.notices import Loss, Undone
from planning_poker_client.pending import PendingCommand
from tests.client import said
from tests.client.driven import Driven


@pytest.fixture
def voting() -> Driven:
    """Ada (p1) at a table where round r1 is open, at version 4."""
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.round_started(4)))
    driven.written()
    driven.notices.clear()
    return driven


def undone(driven: Driven) -> list[RolledBack]:
    return [notice.item for notice in driven.told(Undone)]


# Shown at once


def test_a_vote_shows_at_once_to_its_own_seat_and_to_nobody_else(voting: Driven) -> None:
    voting.vote("c1", "8")
    assert voting.view().has_voted("p1")
    assert voting.card() == "8"
    assert voting.view().pending == (PendingCommand("c1", "submit_vote"),)
    assert not voting.view("p2").has_voted("p1")
    assert voting.view("p2").pending == ()
    assert not voting.connection.games[said.GAME].view.has_voted("p1")


def test_a_retraction_takes_the_card_off_the_table_at_once(voting: Driven) -> None:
    voting.hear(said.batch(said.voted(5)))
    voting.retract("c1")
    assert not voting.view().has_voted("p1")
    assert voting.card() == ""


def test_a_new_name_shows_at_once_as_the_server_will_keep_it(voting: Driven) -> None:
    voting.ask("c1", update_player=pb.UpdatePlayer(display_name=" Countess "))
    assert voting.view().players["p1"].display_name == "Countess"
    assert voting.view("p2").players["p1"].display_name == "Ada"


def test_of_several_the_last_one_shows(voting: Driven) -> None:
    voting.vote("c1", "5")
    voting.retract("c2")
    voting.vote("c3", "8")
    assert (voting.card(), voting.view().has_voted("p1")) == ("8", True)
    assert voting.pending() == ["c1", "c2", "c3"]


@pytest.mark.parametrize(
    "body",
    [
        {"reveal_votes": pb.RevealVotes(round_id="r1")},
        {"end_game": pb.EndGame()},
        {"update_player": pb.UpdatePlayer(player_id="p2", display_name="Robert")},
        {"update_player": pb.UpdatePlayer(role=pb.PLAYER_ROLE_OBSERVER)},
    ],
)
def test_other_commands_are_pending_and_change_nothing(
    voting: Driven, body: dict[str, Any]
) -> None:
    before = voting.view().to_game()
    voting.ask("c1", **body)
    assert voting.view().to_game() == before
    assert voting.pending() == ["c1"]
    voting.written()
    voting.hear(said.refused("c1", said.ROUND_CLOSED))
    assert voting.pending() == []
    assert undone(voting) == []


def test_while_nothing_is_pending_the_view_is_the_confirmed_one_itself(voting: Driven) -> None:
    confirmed = voting.connection.games[said.GAME].view
    assert voting.view() is confirmed
    voting.vote("c1")
    assert voting.view() is not confirmed
    assert voting.view() is voting.view()
    voting.written()
    voting.hear(said.refused("c1", said.ROUND_CLOSED))
    assert voting.view() is confirmed


def test_what_others_do_shows_below_what_is_pending(voting: Driven) -> None:
    voting.vote("c1")
    assert voting.view().version == 4
    voting.hear(said.batch(said.voted(5, "p2")))
    assert voting.view().version == 5
    assert voting.view().voted.keys() == {"p1", "p2"}


def test_a_vote_for_a_round_that_closed_shows_on_no_other(voting: Driven) -> None:
    voting.vote("c1", "8")
    voting.hear(said.batch(said.revealed(5)))
    assert not voting.view().has_voted("p1")
    assert voting.card() == ""
    voting.hear(said.batch(said.round_started(6, "r2")))
    assert not voting.view().has_voted("p1")
    assert voting.card() == ""
    assert voting.pending() == ["c1"]


def test_the_card_of_an_earlier_round_is_not_that_of_the_next(voting: Driven) -> None:
    voting.hear(
        said.batch(said.voted(5)),
        said.envelope(seat_state=_seat_state("8", 5)),
        said.batch(said.revealed(6)),
    )
    assert voting.card() == "8"
    voting.hear(said.batch(said.round_started(7, "r2")))
    assert voting.card() == ""
    voting.hear(said.envelope(seat_state=_seat_state("8", 5)))
    assert voting.card() == ""


def test_a_seat_that_is_gone_shows_nothing_of_its_own(voting: Driven) -> None:
    voting.vote("c1")
    voting.ask("c2", update_player=pb.UpdatePlayer(display_name="Countess"))
    left = said.event(5, player_removed=pb.PlayerRemoved(player_id="p1"))
    voting.hear(said.batch(left))
    assert "p1" not in voting.view().players
    assert not voting.view().has_voted("p1")


# Confirmed


def accept(driven: Driven) -> None:
    driven.hear(said.accepted("c1", 6))


def event(driven: Driven) -> None:
    driven.hear(
        said.batch(said.caused("c1", said.voted(6))),
        said.envelope(seat_state=_seat_state("8", 6)),
    )


def other(driven: Driven) -> None:
    driven.hear(said.batch(said.joined(5)))


def _seat_state(card: str, version: int) -> pb.SeatState:
    return pb.SeatState(
        game_id=said.GAME, player_id="p1", round_id="r1", card=card, at_version=version
    )


@pytest.mark.parametrize(
    "order",
    [
        steps
        for steps in itertools.permutations([accept, event, other])
        if steps.index(other) < steps.index(event)
    ],
    ids=lambda steps: "-".join(step.__name__ for step in steps),
)
def test_a_vote_never_flickers_whatever_comes_first(
    voting: Driven, order: tuple[Callable[[Driven], None], ...]
) -> None:
    voting.vote("c1", "8")
    voting.written()
    for step in order:
        assert voting.pending() == ["c1"]
        step(voting)
        assert list(voting.view().voted) == ["p1"]
        assert voting.card() == "8"
    assert voting.pending() == []
    assert voting.view() is voting.connection.games[said.GAME].view
    assert not voting.told(Undone)


def test_a_snapshot_instead_of_the_event_confirms_what_was_accepted(voting: Driven) -> None:
    voting.vote("c1")
    voting.written()
    voting.hear(said.accepted("c1", 6))
    assert voting.pending() == ["c1"]
    voting.hear(said.snapshot_instead(said.game(9)))
    assert voting.pending() == []


def test_once_its_event_is_here_what_happens_later_counts_although_the_answer_is_not(
    voting: Driven,
) -> None:
    voting.vote("c1", "8")
    voting.ask("c2", update_player=pb.UpdatePlayer(display_name="Countess"))
    voting.hear(
        said.batch(
            said.caused("c1", said.voted(5)),
            said.caused("c2", said.renamed(6, "Countess")),
            said.retracted(7),
            said.renamed(8, "Lady"),
        ),
        said.envelope(seat_state=_seat_state("", 7)),
    )
    assert voting.pending() == ["c1", "c2"]
    assert not voting.view().has_voted("p1")
    assert voting.card() == ""
    assert voting.view().players["p1"].display_name == "Lady"


def test_many_accepted_votes_without_their_events_are_one(voting: Driven) -> None:
    for number in range(1, 6):
        voting.vote(f"c{number}", str(number))
        voting.written()
        voting.hear(said.accepted(f"c{number}", 5 + number))
    assert voting.pending() == ["c5"]
    assert voting.card() == "5"


# Taken back


def test_a_refused_vote_is_taken_back_and_its_seat_told_why(voting: Driven) -> None:
    voting.vote("c1")
    voting.written()
    voting.hear(said.refused("c1", said.ROUND_CLOSED))
    assert not voting.view().has_voted("p1")
    assert (voting.card(), voting.pending()) == ("", [])
    (notice,) = voting.told(Undone)
    assert (notice.game_id, notice.player_id, notice.kept) == (said.GAME, "p1", False)
    assert (notice.item.correlation_id, notice.item.name) == ("c1", "submit_vote")
    assert notice.item.error is voting.outcomes()["c1"]


def test_a_refusal_takes_back_that_one_only(voting: Driven) -> None:
    voting.vote("c1", "5")
    voting.retract("c2")
    voting.ask("c3", update_player=pb.UpdatePlayer(display_name="Countess"))
    voting.written()
    voting.hear(said.refused("c2", said.ROUND_CLOSED))
    assert (voting.card(), voting.view().has_voted("p1")) == ("5", True)
    assert voting.view().players["p1"].display_name == "Countess"
    assert [item.correlation_id for item in undone(voting)] == ["c2"]
    voting.hear(said.refused("c1", said.ROUND_CLOSED), said.refused("c3", said.ROUND_CLOSED))
    assert [item.name for item in undone(voting)] == ["submit_vote", "update_player"]
    assert voting.view() is voting.connection.games[said.GAME].view


def test_what_has_no_answer_in_time_is_taken_back_unless_its_event_came(voting: Driven) -> None:
    voting.vote("c1")
    voting.ask("c2", update_player=pb.UpdatePlayer(display_name="Countess"))
    voting.written()
    voting.hear(said.batch(said.caused("c1", said.voted(5))))
    voting.wait(20.0)
    assert [item.correlation_id for item in undone(voting)] == ["c2"]
    assert voting.view().has_voted("p1")
    assert voting.view().players["p1"].display_name == "Ada"
    assert all(isinstance(error, OutcomeUnknown) for error in voting.outcomes().values())


def test_what_its_caller_gave_up_is_dropped_without_a_word(voting: Driven) -> None:
    voting.vote("c1")
    voting.connection.forget("c1", voting.now)
    assert not voting.view().has_voted("p1")
    assert not voting.told(Undone)


def test_what_is_pending_outlives_a_loss_and_is_confirmed_after_it(voting: Driven) -> None:
    voting.vote("c1", "8")
    voting.written()
    voting.lose()
    assert (voting.card(), voting.view().stale, voting.pending()) == ("8", True, ["c1"])
    voting.stream()
    attach = voting.written()[0]
    voting.hear(said.attached(attach.correlation_id, None, "p1", head=4))
    assert voting.payloads() == ["command.submit_vote"]
    voting.hear(said.batch(said.caused("c1", said.voted(5))), said.accepted("c1", 5))
    assert (voting.card(), voting.view().stale, voting.pending()) == ("8", False, [])
    assert isinstance(voting.outcomes()["c1"], Receipt)


def test_what_is_pending_is_taken_back_when_the_connection_is_given_up(voting: Driven) -> None:
    voting.vote("c1")
    voting.lose(Loss("Stop.", retryable=False))
    assert [item.correlation_id for item in undone(voting)] == ["c1"]
    assert not voting.view().has_voted("p1")


def test_the_same_command_given_twice_is_pending_once(voting: Driven) -> None:
    voting.vote("c1")
    voting.vote("c1")
    assert voting.pending() == ["c1"]
    with pytest.raises(CommandRefused):
        voting.vote("c1", "13")
    assert voting.card() == "8"


def test_what_cannot_be_sent_is_not_pending() -> None:
    driven = Driven(max_waiting=1).connect()
    driven.join()
    driven.hear(said.batch(said.round_started(4)))
    driven.ask("c1", end_game=pb.EndGame())
    with pytest.raises(Exception, match="1 requests wait"):
        driven.vote("c2")
    assert driven.pending() == ["c1"]


# Stale


def test_a_view_is_stale_while_it_may_be_old(voting: Driven) -> None:
    assert not voting.view().stale
    voting.lose()
    assert voting.view().stale
    voting.stream()
    assert voting.view().stale
    attach = voting.written()[0]
    voting.hear(said.attached(attach.correlation_id, None, "p1", head=6))
    assert voting.view().stale  # two events are on their way
    voting.hear(said.batch(said.joined(5)))
    assert voting.view().stale
    voting.hear(said.batch(said.event(6)))
    assert not voting.view().stale


def test_a_view_with_a_hole_before_it_is_stale_until_that_is_filled(voting: Driven) -> None:
    voting.hear(said.batch(said.voted(6)))
    assert voting.view().stale
    attach = voting.written()[0]
    voting.hear(said.attached(attach.correlation_id, said.game(6), "p1"))
    assert not voting.view().stale


def test_the_view_of_a_game_that_is_followed_no_longer_is_stale(voting: Driven) -> None:
    inbox = voting.connection.games[said.GAME]
    voting.vote("c1")
    voting.connection.release(said.GAME, "p1", voting.now)
    assert inbox.view.stale
    assert inbox.pending.view("p1", inbox.view) is inbox.view


def test_a_pending_view_is_made_anew_when_it_becomes_stale(voting: Driven) -> None:
    voting.vote("c1")
    assert not voting.view().stale
    voting.lose()
    assert voting.view().stale
    assert voting.view().copy().stale
    assert voting.view().copy().pending == voting.view().pending


def test_no_card_is_in_what_is_printed_of_a_pending_command(voting: Driven) -> None:
    voting.vote("c1", "canary")
    inbox = voting.connection.games[said.GAME]
    printed = f"{voting.view()!r} {voting.view().pending!r} {inbox.pending._asked!r}"
    assert "canary" not in printed
