"""Commands on their way to their answers."""

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import (
    ClientClosed,
    CommandRefused,
    ConnectionLost,
    NotSent,
    OutcomeUnknown,
    PokerError,
)
from planning_poker_client.notices import Loss, Settled
from tests.client import said
from tests.client.driven import Driven

END = pb.EndGame()


def outcome(driven: Driven) -> Receipt | PokerError:
    (settled,) = driven.told(Settled)
    return settled.outcome


def test_a_command_carries_its_correlation_id_and_name_and_is_sent_once() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    (message,) = driven.written()
    assert (message.correlation_id, message.message_type) == ("c1", "command.end_game")
    assert message.command.game_id == said.GAME
    assert driven.payloads() == []


def test_an_accepted_command_gives_a_receipt() -> None:
    driven = Driven().connect()
    driven.ask("c1", add_stories=pb.AddStories())
    driven.written()
    driven.hear(said.accepted("c1", 7, story_ids=["s1", "s2"]))
    expected = Receipt("c1", said.GAME, 7, story_ids=("s1", "s2"))
    assert driven.told(Settled) == [Settled("c1", expected)]


def test_a_refused_command_gives_the_refusal_with_all_it_says() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    driven.written()
    refusal = pb.Refusal(
        reason=pb.REASON_NOT_ALL_PLAYERS_VOTED,
        code=9,
        message="Bob has not voted.",
        definite=True,
        retryable=True,
        player_ids=["p2"],
        details={"missing": "1"},
        current_version=5,
    )
    refusal.retry_delay.FromMilliseconds(1_500)
    driven.hear(said.refused("c1", refusal))
    error = outcome(driven)
    assert isinstance(error, CommandRefused)
    assert error.reason == "NOT_ALL_PLAYERS_VOTED"
    assert error.code == "FAILED_PRECONDITION"
    assert (error.message, str(error)) == ("Bob has not voted.", "Bob has not voted.")
    assert (error.definite, error.retryable) == (True, True)
    assert error.retry_after.total_seconds() == 1.5
    assert (error.player_ids, error.details) == (("p2",), {"missing": "1"})
    assert error.current_version == 5


def test_a_refusal_that_is_not_definite_leaves_the_outcome_unknown() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    driven.written()
    refusal = pb.Refusal(reason=pb.REASON_LOG_UNAVAILABLE, message="In doubt.", retryable=True)
    refusal.retry_delay.FromMilliseconds(500)
    driven.hear(said.refused("c1", refusal))
    error = outcome(driven)
    assert isinstance(error, OutcomeUnknown)
    assert (error.correlation_id, error.definite) == ("c1", False)
    assert (str(error), error.retry_after.total_seconds()) == ("In doubt.", 0.5)


def test_a_reason_that_only_a_newer_server_knows_is_a_number() -> None:
    unknown = pb.Refusal()
    unknown.MergeFromString(b"\x08\xe7\x07")  # reason = 999
    assert CommandRefused(unknown).reason == "999"


def test_an_answer_to_nothing_is_passed_over() -> None:
    driven = Driven().connect()
    driven.hear(said.accepted("c9"), said.refused("", said.ROUND_CLOSED))
    assert not driven.told(Settled)


def test_a_command_without_an_answer_in_time_has_an_unknown_outcome() -> None:
    driven = Driven(command_timeout=20.0).connect()
    driven.ask("c1", end_game=END)
    driven.written()
    assert driven.connection.timer() == driven.now + 20.0
    driven.wait(19.9)
    assert not driven.told(Settled)
    driven.wait(0.1)
    error = outcome(driven)
    assert isinstance(error, OutcomeUnknown)
    assert (error.correlation_id, error.definite, error.retryable) == ("c1", False, True)
    driven.hear(said.accepted("c1"))
    assert not driven.told(Settled)


def test_a_command_that_was_never_sent_had_no_effect() -> None:
    driven = Driven().connect()
    driven.lose()
    driven.ask("c1", timeout=3.0, end_game=END)
    driven.wait(3.0)
    error = outcome(driven)
    assert isinstance(error, NotSent)
    assert str(error) == "It could not be sent in time: try again, or with a longer timeout."
    assert error.definite


def test_commands_in_flight_are_sent_again_with_their_ids_on_the_next_stream() -> None:
    driven = Driven().connect(max_unanswered_commands_per_game=1)
    driven.ask("c1", end_game=END)
    driven.written()
    driven.lose()
    assert driven.payloads() == []
    assert not driven.told(Settled)
    driven.stream(max_unanswered_commands_per_game=1)
    (again,) = driven.written()
    assert again.correlation_id == "c1"
    driven.hear(said.accepted("c1"))
    assert isinstance(outcome(driven), Receipt)


def test_a_refusal_for_the_moment_tells_nothing_of_an_attempt_whose_answer_was_lost() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    driven.ask("c2", end_game=END)
    driven.written()
    driven.lose()
    driven.stream()
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN))
    assert isinstance(outcome(driven), OutcomeUnknown)
    driven.hear(said.refused("c2", said.ROUND_CLOSED))  # it was looked at, and decided
    assert isinstance(outcome(driven), CommandRefused)


def test_what_is_sent_once_and_refused_for_the_moment_is_refused() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    driven.written()
    driven.hear(said.refused("c1", said.LOG_DOWN))
    assert isinstance(outcome(driven), CommandRefused)


def test_a_command_that_waits_for_answers_hides_no_acknowledgement() -> None:
    driven = Driven().connect(max_unanswered_commands_per_game=1)
    driven.join()
    driven.ask("c1", end_game=END)
    driven.ask("c2", end_game=END)
    assert len(driven.written()) == 1
    driven.hear(said.batch(said.joined(4)))
    assert driven.connection.wake(driven.now) == pytest.approx(driven.now + 0.2)


def test_when_the_connection_is_given_up_what_was_sent_is_unknown_and_the_rest_is_not() -> None:
    driven = Driven(max_waiting=9).connect(max_unanswered_commands_per_game=1)
    driven.ask("c1", end_game=END)
    driven.ask("c2", end_game=END)
    assert len(driven.written()) == 1
    driven.lose(Loss("Stop.", retryable=False))
    first, second = (settled.outcome for settled in driven.told(Settled))
    assert isinstance(first, OutcomeUnknown)
    assert isinstance(first.__cause__, ConnectionLost)
    assert isinstance(second, ConnectionLost)


def test_closing_settles_what_is_in_flight() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    driven.written()
    driven.note(driven.connection.close(driven.now))
    assert isinstance(outcome(driven), OutcomeUnknown)
    with pytest.raises(ClientClosed):
        driven.ask("c2", end_game=END)


def test_no_more_commands_wait_at_the_server_than_it_takes() -> None:
    driven = Driven().connect(max_unanswered_commands=3, max_unanswered_commands_per_game=2)
    for number in range(4):
        driven.ask(f"c{number}", end_game=END)
    create = pb.Command(create_game=pb.CreateGame())
    driven.connection.send(create, "other", driven.now)
    driven.connection.send(create, "another", driven.now)
    assert [message.correlation_id for message in driven.written()] == ["c0", "c1", "other"]
    wake = driven.connection.wake()
    assert wake is not None
    assert wake <= driven.now  # no time makes room, only answers do
    driven.hear(said.accepted("c0"))
    assert [message.correlation_id for message in driven.written()] == ["c2"]
    driven.hear(said.refused("other", said.ROUND_CLOSED), said.accepted("c1"))
    assert [message.correlation_id for message in driven.written()] == ["c3", "another"]


def test_the_rate_of_commands_stays_below_what_the_server_takes() -> None:
    driven = Driven().connect(commands_per_second=50.0, command_burst=100)
    for number in range(200):
        driven.ask(f"c{number}", end_game=END)
    assert len(driven.written()) == 80
    wake = driven.connection.wake()
    assert wake == pytest.approx(driven.now + 1 / 40)
    driven.wait(1 / 40)
    assert len(driven.written()) == 1
    driven.wait(1.0)
    assert len(driven.written()) == 40


def test_too_many_waiting_requests_are_refused_before_they_are_sent() -> None:
    driven = Driven(max_waiting=2).connect()
    driven.ask("c1", end_game=END)
    driven.ask("c2", end_game=END)
    with pytest.raises(NotSent, match="2 requests"):
        driven.ask("c3", end_game=END)


def test_a_message_that_would_end_the_stream_is_refused_before_it_is_sent() -> None:
    driven = Driven().connect(max_message_bytes=2_000)
    story = pb.NewStory(title="T", description="d" * 2_000)
    with pytest.raises(CommandRefused) as refused:
        driven.ask("c1", add_stories=pb.AddStories(stories=[story]))
    assert refused.value.reason == "MESSAGE_TOO_LARGE"
    assert refused.value.definite
    assert driven.payloads() == []


def test_the_same_command_twice_at_once_is_sent_once() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    driven.ask("c1", end_game=END)
    assert len(driven.written()) == 1


def test_another_command_with_the_id_of_one_in_flight_is_refused() -> None:
    driven = Driven().connect()
    driven.ask("c1", end_game=END)
    with pytest.raises(CommandRefused) as refused:
        driven.ask("c1", leave_game=pb.LeaveGame())
    assert refused.value.reason == "CORRELATION_ID_REUSED"
    assert len(driven.written()) == 1


def test_a_forgotten_command_that_was_not_sent_is_never_sent_and_makes_no_room() -> None:
    driven = Driven().connect(max_unanswered_commands_per_game=1)
    driven.ask("c1", end_game=END)
    driven.connection.forget("c1", driven.now)
    assert driven.payloads() == []
    driven.ask("c2", end_game=END)
    driven.ask("c3", end_game=END)
    assert [message.correlation_id for message in driven.written()] == ["c2"]


def test_the_first_of_several_deadlines_is_waited_for() -> None:
    driven = Driven().connect(ping_ms=0)
    driven.ask("c1", timeout=5.0, end_game=END)
    driven.ask("c2", timeout=3.0, end_game=END)
    assert driven.connection.timer() == driven.now + 3.0


def test_no_secret_is_in_what_is_printed_of_a_request() -> None:
    driven = Driven().connect()
    join = pb.JoinGame(seat_secret=b"canary")
    driven.connection.send(pb.Command(game_id="g", join_game=join), "j1", driven.now)
    attach = pb.Attach(game_id="h", seats=[pb.Seat(player_id="p1", seat_secret=b"canary")])
    driven.connection.attach(attach, "a1", driven.now)
    driven.written()
    requests = list(driven.connection._requests)
    assert len(requests) == 2
    assert "canary" not in repr(requests)
