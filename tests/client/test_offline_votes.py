"""Votes that are kept while nothing can be sent: the last word of a seat on a round."""

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import CommandRefused, NotSent, OutcomeUnknown, Replaced
from planning_poker_client.notices import Undone
from tests.client import said
from tests.client.driven import Driven

LIFETIME = 3_600.0


def voting(**options: float) -> Driven:
    """Ada (p1) at a table where round r1 is open, with votes kept for an hour."""
    driven = Driven(**{"offline_votes_for": LIFETIME, **options}).connect(ping_ms=0)
    driven.join()
    driven.hear(said.batch(said.round_started(4)))
    driven.written()
    driven.notices.clear()
    return driven


@pytest.fixture
def away() -> Driven:
    driven = voting()
    driven.lose()
    return driven


@pytest.fixture
def read_only() -> Driven:
    driven = voting()
    driven.hear(said.READ_ONLY)
    return driven


def come_back(driven: Driven) -> list[pb.ClientEnvelope]:
    """A new stream, on which the game is attached; the commands that are written then."""
    driven.stream(ping_ms=0)
    attach = driven.written()[0]
    driven.hear(said.attached(attach.correlation_id, None, "p1", head=4))
    return driven.written()


def cards(written: list[pb.ClientEnvelope]) -> list[str]:
    return [message.command.submit_vote.card for message in written]


def test_a_vote_outlasts_a_lost_connection_and_is_sent_on_return(away: Driven) -> None:
    away.vote("c1", "8")
    away.wait(LIFETIME - 1)
    assert away.outcomes() == {}
    assert away.card() == "8"
    (vote,) = come_back(away)
    assert (vote.correlation_id, vote.command.submit_vote.round_id) == ("c1", "r1")
    away.hear(said.accepted("c1", 4))
    assert isinstance(away.outcomes()["c1"], Receipt)


def test_a_vote_that_was_under_way_at_the_loss_is_kept_too() -> None:
    driven = voting()
    driven.vote("c1", "8")
    driven.written()
    driven.lose()
    driven.wait(LIFETIME - 1)
    assert driven.outcomes() == {}
    assert cards(come_back(driven)) == ["8"]


def test_other_commands_fail_in_their_time_as_ever(away: Driven) -> None:
    away.ask("c1", end_game=pb.EndGame())
    away.wait(20.0)
    assert isinstance(away.outcomes()["c1"], NotSent)


def test_a_vote_with_a_timeout_of_its_own_keeps_to_it(away: Driven) -> None:
    vote = pb.SubmitVote(round_id="r1", card="8")
    away.ask("c1", timeout=3.0, submit_vote=vote)
    away.wait(3.0)
    assert isinstance(away.outcomes()["c1"], NotSent)


def test_without_the_option_a_vote_fails_like_any_command() -> None:
    driven = voting(offline_votes_for=0.0)
    driven.lose()
    driven.vote("c1")
    driven.wait(20.0)
    assert isinstance(driven.outcomes()["c1"], NotSent)


def test_a_vote_that_is_kept_too_long_is_given_up_and_taken_back(away: Driven) -> None:
    away.vote("c1", "8")
    away.wait(LIFETIME)
    error = away.outcomes()["c1"]
    assert isinstance(error, NotSent)
    assert str(error) == "The vote was kept as long as it may be, and could not be sent."
    (notice,) = away.told(Undone)
    assert (notice.item.error, notice.kept) == (error, True)
    assert away.card() == ""
    assert come_back(away) == []


def test_the_last_vote_of_a_seat_on_a_round_takes_the_place_of_the_one_before(away: Driven) -> None:
    away.vote("c1", "5")
    away.vote("c2", "8")
    error = away.outcomes()["c1"]
    assert isinstance(error, Replaced)
    assert isinstance(error, NotSent)
    assert (error.definite, error.retryable) == (True, False)
    assert "later vote" in str(error)
    assert not away.told(Undone)
    assert away.card() == "8"
    assert cards(come_back(away)) == ["8"]


def test_a_retraction_is_the_last_word_as_well(away: Driven) -> None:
    away.vote("c1", "5")
    away.retract("c2")
    assert isinstance(away.outcomes()["c1"], Replaced)
    assert [message.message_type for message in come_back(away)] == ["command.retract_vote"]


def test_votes_on_other_rounds_or_of_other_seats_stay(away: Driven) -> None:
    away.vote("c1", "5", "r1")
    away.vote("c2", "8", "r2")
    other = pb.Command(
        game_id=said.GAME, player_id="p2", submit_vote=pb.SubmitVote(round_id="r1", card="13")
    )
    away.note(away.connection.send(other, "c3", away.now))
    assert away.outcomes() == {}
    assert cards(come_back(away)) == ["5", "8", "13"]


def test_a_vote_that_may_have_arrived_is_not_replaced_but_followed() -> None:
    driven = voting()
    driven.vote("c1", "5")
    driven.written()
    driven.lose()
    driven.vote("c2", "8")
    assert driven.outcomes() == {}
    assert cards(come_back(driven)) == ["5", "8"]


def test_a_kept_vote_never_lands_on_another_round_and_its_refusal_is_told(away: Driven) -> None:
    away.vote("c1", "8", "r1")
    (vote,) = come_back(away)
    away.hear(said.batch(said.revealed(5), said.round_started(6, "r2")))
    assert vote.command.submit_vote.round_id == "r1"
    assert away.card() == ""
    away.hear(said.refused("c1", said.ROUND_CLOSED))
    error = away.outcomes()["c1"]
    assert isinstance(error, CommandRefused)
    (notice,) = away.told(Undone)
    assert (notice.item.error, notice.kept) == (error, True)


def test_on_return_a_kept_vote_has_the_usual_time_for_its_answer(away: Driven) -> None:
    away.vote("c1")
    come_back(away)
    away.wait(19.9)
    assert away.outcomes() == {}
    away.wait(0.1)
    assert isinstance(away.outcomes()["c1"], OutcomeUnknown)


def test_losing_the_connection_again_and_again_does_not_prolong_the_lifetime(away: Driven) -> None:
    away.vote("c1")
    for _ in range(800):
        away.wait(5.0)
        come_back(away)
        away.lose()
        if away.outcomes():
            break
    assert 1_000 + LIFETIME <= away.now <= 1_000 + LIFETIME + 20


# Read-only


def test_while_the_service_is_read_only_a_vote_is_kept_and_sent_when_it_is_not(
    read_only: Driven,
) -> None:
    read_only.vote("c1", "5")
    read_only.vote("c2", "8")
    assert read_only.payloads() == []
    assert read_only.connection.wake() is None
    assert isinstance(read_only.outcomes()["c1"], Replaced)
    read_only.wait(LIFETIME / 2)
    read_only.hear(said.AVAILABLE)
    assert cards(read_only.written()) == ["8"]
    assert read_only.outcomes() == {}


def test_a_kept_vote_holds_up_no_other_command(read_only: Driven) -> None:
    read_only.vote("c1")
    read_only.ask("c2", end_game=pb.EndGame())
    assert read_only.payloads() == ["command.end_game"]


def test_a_vote_that_is_refused_because_the_log_is_away_is_kept() -> None:
    driven = voting()
    driven.vote("c1", "8")
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN), said.READ_ONLY)
    driven.wait(300.0)
    assert (driven.payloads(), driven.outcomes(), driven.card()) == ([], {}, "8")
    driven.hear(said.AVAILABLE)
    (again,) = driven.written()
    assert again.correlation_id == "c1"
    driven.hear(said.accepted("c1", 4))
    assert isinstance(driven.outcomes()["c1"], Receipt)


def test_a_vote_that_was_refused_for_the_log_is_tried_again_after_a_pause_by_itself() -> None:
    driven = voting()
    driven.vote("c1", "8")
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN))
    assert driven.payloads() == []
    assert driven.connection.wake() == driven.now + 1.0
    driven.wait(1.0)
    assert cards(driven.written()) == ["8"]


def test_when_the_log_is_back_no_pause_is_waited_for() -> None:
    driven = voting()
    driven.vote("c1", "8")
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN), said.AVAILABLE)
    assert cards(driven.written()) == ["8"]


def test_a_later_vote_takes_the_place_of_one_that_was_refused_for_the_log() -> None:
    driven = voting()
    driven.vote("c1", "5")
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN))
    driven.vote("c2", "8")
    assert isinstance(driven.outcomes()["c1"], Replaced)
    assert cards(driven.written()) == ["8"]


def test_of_a_vote_in_doubt_that_is_replaced_the_outcome_is_unknown() -> None:
    driven = voting()
    driven.vote("c1", "5")
    driven.written()
    in_doubt = pb.Refusal(reason=pb.REASON_LOG_UNAVAILABLE, message="In doubt.", retryable=True)
    driven.hear(said.refused("c1", in_doubt))
    driven.vote("c2", "8")
    assert isinstance(driven.outcomes()["c1"], OutcomeUnknown)


def test_a_refused_vote_that_a_later_one_follows_is_refused() -> None:
    driven = voting()
    driven.vote("c1", "5")
    driven.vote("c2", "8")
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN))
    assert isinstance(driven.outcomes()["c1"], CommandRefused)
    driven.hear(said.refused("c2", said.LOG_DOWN))
    assert driven.outcomes() == {}
    driven.wait(1.0)
    assert cards(driven.written()) == ["8"]


def test_without_the_option_a_read_only_service_refuses_votes_at_once() -> None:
    driven = voting(offline_votes_for=0.0)
    driven.hear(said.READ_ONLY)
    driven.vote("c1")
    assert driven.payloads() == ["command.submit_vote"]
    driven.hear(said.refused("c1", said.LOG_DOWN))
    assert isinstance(driven.outcomes()["c1"], CommandRefused)


def test_a_vote_that_is_taken_back_to_be_sent_again_makes_room_at_the_server() -> None:
    driven = Driven(offline_votes_for=LIFETIME).connect(max_unanswered_commands_per_game=1)
    driven.join()
    driven.vote("c1")
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN))
    driven.ask("c2", end_game=pb.EndGame())
    assert driven.payloads() == ["command.end_game"]
