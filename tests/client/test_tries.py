"""What follows from each answer and each failure of a command without a stream."""

from datetime import timedelta

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    ClientClosed,
    ClientOptions,
    CommandRefused,
    ConnectionFailed,
    OutcomeUnknown,
    PokerError,
    Receipt,
)
from planning_poker_client.calls.statuses import Status
from planning_poker_client.calls.tries import Pause, Tries
from tests.client import said

NOW, DEADLINE = 1_000.0, 1_020.0
ID = "an id"
LOST = Status("UNAVAILABLE", 14, "Connection reset by peer")
DRAINING = Status("UNAVAILABLE", 14, "Stopping.", pb.REASON_DRAINING, timedelta(seconds=1))


def tries(**options: float) -> Tries:
    return Tries("poker.test:50051", ID, DEADLINE, ClientOptions(**options))  # type: ignore[arg-type]


def refused(
    reason: pb.Reason.ValueType, retry_ms: int = 0, *, retryable: bool = False
) -> pb.CommandResult:
    refusal = pb.Refusal(reason=reason, message="No.", definite=True, retryable=retryable)
    refusal.retry_delay.FromMilliseconds(retry_ms)
    return pb.CommandResult(game_id=said.GAME, refusal=refusal)


def error(outcome: object) -> PokerError:
    assert isinstance(outcome, PokerError), outcome
    return outcome


def test_an_acceptance_and_a_refusal_are_the_outcome() -> None:
    accepted = pb.CommandResult(game_id=said.GAME, accepted=pb.Accepted(version=3))
    receipt = tries().answered(accepted, NOW, 0.5)
    assert isinstance(receipt, Receipt)
    assert (receipt.correlation_id, receipt.version) == (ID, 3)
    no = error(tries().answered(refused(pb.REASON_ROUND_CLOSED), NOW, 0.5))
    assert isinstance(no, CommandRefused)
    assert no.reason == "ROUND_CLOSED"


def test_what_the_server_had_no_time_for_is_tried_again_when_it_says() -> None:
    result = refused(pb.REASON_TOO_MANY_COMMANDS, 300, retryable=True)
    assert tries(backoff_first=0.1).answered(result, NOW, 1.0) == Pause(0.4)


def test_what_would_wait_longer_than_there_is_time_is_refused() -> None:
    result = refused(pb.REASON_TOO_MANY_COMMANDS, 30_000, retryable=True)
    no = error(tries().answered(result, NOW, 0.0))
    assert isinstance(no, CommandRefused)
    assert no.reason == "TOO_MANY_COMMANDS"


@pytest.mark.parametrize("code", ["UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED"])
def test_a_call_that_was_lost_is_tried_again(code: str) -> None:
    assert tries(backoff_first=0.1).failed(Status(code, 1), NOW, 0.5) == Pause(0.05)


def test_pauses_are_random_parts_of_a_time_that_doubles_up_to_a_limit() -> None:
    attempts = tries(backoff_first=0.1, backoff_longest=0.3)
    outcomes = [attempts.failed(LOST, NOW, jitter) for jitter in (1.0, 1.0, 1.0, 1.0, 0.0)]
    assert outcomes == [Pause(0.1), Pause(0.2), Pause(0.3), Pause(0.3), Pause(0.0)]


def test_when_time_is_over_after_a_lost_call_the_outcome_is_unknown() -> None:
    unknown = error(tries().failed(LOST, DEADLINE, 0.5))
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.correlation_id == ID


def test_a_call_that_took_too_long_has_an_unknown_outcome() -> None:
    unknown = error(tries().failed(Status("DEADLINE_EXCEEDED", 4), NOW, 0.5))
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.retryable


def test_who_was_never_connected_knows_that_nothing_happened() -> None:
    failed = tries().over()
    assert isinstance(failed, ConnectionFailed)
    assert failed.definite
    assert str(failed) == "Nothing answers at poker.test:50051: is the server running?"


def test_a_server_that_stops_took_nothing() -> None:
    attempts = tries(backoff_first=0.1)
    assert attempts.failed(DRAINING, NOW, 1.0) == Pause(1.1)
    over = error(attempts.failed(DRAINING, DEADLINE, 1.0))
    assert isinstance(over, CommandRefused)
    assert (over.reason, over.definite, over.retryable) == ("DRAINING", True, True)


def test_after_a_lost_call_no_refusal_counts_that_speaks_of_this_attempt_only() -> None:
    for result in (
        refused(pb.REASON_LOG_UNAVAILABLE, 1_000, retryable=True),
        refused(pb.REASON_TOO_MANY_COMMANDS, 60_000, retryable=True),
        # Said before the server looks for a receipt; the seat may have gone since.
        refused(pb.REASON_SEAT_NOT_HELD),
    ):
        attempts = tries()
        attempts.failed(LOST, NOW, 0.5)
        unknown = error(attempts.answered(result, NOW, 0.5))
        assert isinstance(unknown, OutcomeUnknown)
        assert unknown.correlation_id == ID


def test_after_a_lost_call_the_games_own_refusal_is_the_answer() -> None:
    attempts = tries()
    attempts.failed(LOST, NOW, 0.5)
    no = error(attempts.answered(refused(pb.REASON_ROUND_CLOSED), NOW, 0.5))
    assert isinstance(no, CommandRefused)


def test_a_bug_of_the_server_leaves_the_outcome_open_and_is_not_tried_again() -> None:
    bug = Status("INTERNAL", 13, "The server failed (incident 12).", pb.REASON_INTERNAL)
    unknown = error(tries().failed(bug, NOW, 0.5))
    assert isinstance(unknown, OutcomeUnknown)
    assert "incident 12" in str(unknown)


def test_a_server_without_execute_is_said_to_be_one() -> None:
    failed = error(tries().failed(Status("UNIMPLEMENTED", 12, "Method not found!"), NOW, 0.5))
    assert isinstance(failed, ConnectionFailed)
    assert not failed.retryable


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status("INVALID_ARGUMENT", 3, "x", pb.REASON_MALFORMED), "MALFORMED"),
        (Status("RESOURCE_EXHAUSTED", 8, "larger than max"), "MESSAGE_TOO_LARGE"),
        (Status("UNAUTHENTICATED", 16, "token expired"), "UNAUTHENTICATED"),
        (Status("PERMISSION_DENIED", 7, "by a proxy"), "UNSPECIFIED"),
    ],
)
def test_what_is_refused_as_a_call_is_a_refusal(status: Status, reason: str) -> None:
    no = error(tries().failed(status, NOW, 0.5))
    assert isinstance(no, CommandRefused)
    assert (no.reason, no.code, no.definite) == (reason, status.code, True)
    assert not no.retryable


def test_what_is_refused_as_a_call_tells_nothing_of_the_one_that_was_lost_before() -> None:
    attempts = tries()
    attempts.failed(LOST, NOW, 0.5)
    unknown = attempts.failed(Status("UNAUTHENTICATED", 16, "token expired"), NOW, 0.5)
    assert isinstance(unknown, OutcomeUnknown)


def test_a_connection_is_waited_for_as_long_as_opening_may_take_or_the_call() -> None:
    attempts = tries(connect_timeout=10.0)
    assert attempts.connect_by(NOW) == NOW + 10
    assert attempts.connect_by(DEADLINE - 3) == DEADLINE


def test_closed_before_anything_was_sent_it_was_not_sent() -> None:
    assert isinstance(tries().closed(), ClientClosed)
    cut = tries()
    cut.cut_off()
    assert isinstance(cut.closed(), OutcomeUnknown)
