"""Opening, losing and coming back, with the time passed in."""

import itertools

import pytest

import planningpoker.v1 as pb
from planning_poker_client.errors import ConnectionFailed, ConnectionLost
from planning_poker_client.notices import Hangup, Loss, StateChanged
from planning_poker_client.states import (
    TRANSITIONS,
    Connected,
    Connecting,
    ConnectionState,
    Disconnected,
    Failed,
    ImpossibleTransition,
    Reconnecting,
    Signal,
    check,
)
from tests.client import said
from tests.client.driven import LOST, Driven

STATES: tuple[ConnectionState, ...] = (
    Disconnected(),
    Connecting(),
    Connected(),
    Reconnecting(1, 0.1, "cut"),
    Failed("cut"),
)


def test_the_table_is_the_only_way_from_state_to_state() -> None:
    for state, following in itertools.product(STATES, STATES):
        for signal in Signal:
            if TRANSITIONS.get((type(state), signal)) is type(following):
                assert check(state, signal, following) is following
            else:
                with pytest.raises(ImpossibleTransition):
                    check(state, signal, following)


def test_every_state_can_be_closed_and_left_again() -> None:
    for state in STATES:
        assert TRANSITIONS[type(state), Signal.CLOSE] is Disconnected
    reachable = set(TRANSITIONS.values())
    assert reachable == {type(state) for state in STATES}


def test_the_first_message_is_hello_and_nothing_else_goes_before_welcome() -> None:
    driven = Driven()
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    driven.ask("c1", end_game=pb.EndGame())
    (hello,) = driven.written()
    assert hello.hello == pb.Hello(client_name="test", instance_id="instance", versions=[1])
    assert (hello.message_type, hello.version) == ("hello", 1)
    driven.hear(said.welcome())
    assert driven.state() == Connected()
    assert driven.payloads() == ["command.end_game"]


def test_what_comes_before_welcome_is_passed_over() -> None:
    driven = Driven()
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    driven.hear(said.attached("x", said.game()))
    assert not driven.connection.games
    assert driven.state() == Connecting()


def test_a_server_of_another_protocol_is_not_asked_again() -> None:
    driven = Driven().connect(version=2)
    (hangup,) = driven.told(Hangup)
    driven.lose(hangup.loss)
    assert driven.connection.retry_at is None
    (_, change) = driven.told(StateChanged)
    assert isinstance(change.error, ConnectionFailed)
    assert not change.error.retryable
    assert "version 2" in str(change.error)


def test_opening_is_tried_again_until_the_time_for_it_is_over() -> None:
    driven = Driven()
    driven.connection.open(driven.now)
    tries = 0
    while driven.connection.retry_at is not None:
        driven.now = driven.connection.retry_at
        driven.connection.opened(driven.now)
        driven.lose(jitter=0.9)
        tries += 1
        assert tries < 100
    assert 1_005 < driven.now < 1_010
    assert driven.state() == Failed(LOST.message)
    (*_, last) = driven.told(StateChanged)
    assert isinstance(last.error, ConnectionFailed)
    assert last.error.retryable


def test_a_refused_token_is_not_tried_again() -> None:
    driven = Driven()
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    driven.lose(Loss("The token is not accepted.", retryable=False))
    assert driven.state() == Failed("The token is not accepted.", retryable=False)


def test_a_stream_that_is_not_welcomed_in_time_is_hung_up() -> None:
    driven = Driven(attempt_timeout=5.0)
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    assert driven.connection.timer() == driven.now + 5.0
    driven.wait(5.0)
    (hangup,) = driven.told(Hangup)
    assert hangup.loss.retryable
    assert "poker.test:50051" in hangup.loss.message
    assert driven.connection.timer() is None


def test_an_attempt_that_the_time_for_opening_cuts_short_fails_with_the_reason_before() -> None:
    driven = Driven(connect_timeout=10.0, attempt_timeout=5.0)
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    driven.now += 9.0
    driven.lose(jitter=0.0)
    driven.connection.opened(driven.now)
    driven.wait(1.0)
    (hangup,) = driven.told(Hangup)
    assert hangup.loss == LOST


def test_a_first_attempt_that_takes_all_the_time_for_opening_took_too_long() -> None:
    driven = Driven(connect_timeout=2.0, attempt_timeout=5.0)
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    driven.wait(2.0)
    (hangup,) = driven.told(Hangup)
    assert "took too long" in hangup.loss.message


def test_opening_again_has_nothing_to_do_with_the_losses_before() -> None:
    driven = Driven(max_attempts=1, connect_timeout=2.0).connect()
    for _ in range(2):
        driven.lose()
        assert driven.connection.timer() is None
    assert driven.state() == Failed(LOST.message)
    driven.connection.open(driven.now)
    driven.connection.opened(driven.now)
    driven.wait(2.0)
    (hangup,) = driven.told(Hangup)
    assert "took too long" in hangup.loss.message
    driven.now -= 2.0
    driven.lose(jitter=1.0)
    assert driven.connection.retry_at == pytest.approx(driven.now + 0.1)
    driven.connection.opened(driven.now)
    driven.note(driven.connection.close(driven.now))
    assert (driven.connection.retry_at, driven.connection.timer()) == (None, None)


def test_after_a_loss_it_waits_a_random_part_of_a_doubling_backoff() -> None:
    driven = Driven().connect()
    waits = []
    for _ in range(8):
        driven.lose(jitter=1.0)
        state = driven.state()
        assert isinstance(state, Reconnecting)
        assert driven.connection.retry_at == driven.now + state.backoff
        waits.append(state.backoff)
        driven.connection.opened(driven.now)
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0])
    driven.lose(jitter=0.25)
    assert driven.state() == Reconnecting(9, 1.0, LOST.message)


def test_the_backoff_begins_anew_only_after_a_steady_connection() -> None:
    driven = Driven().connect(ping_ms=0)
    driven.lose()
    driven.stream(ping_ms=0)
    driven.wait(29.0)
    driven.lose(jitter=1.0)
    assert driven.state() == Reconnecting(2, 0.2, LOST.message)
    driven.stream(ping_ms=0)
    driven.wait(30.0)
    driven.lose(jitter=1.0)
    assert driven.state() == Reconnecting(1, 0.1, LOST.message)


def test_it_is_given_up_after_so_many_attempts_and_can_be_opened_again() -> None:
    driven = Driven(max_attempts=3).connect()
    for _ in range(3):
        driven.lose()
        assert driven.connection.retry_at is not None
        driven.connection.opened(driven.now)
    driven.lose()
    assert driven.state() == Failed(LOST.message)
    with pytest.raises(ConnectionLost, match="wire was cut"):
        driven.ask("c1", end_game=pb.EndGame())
    driven.connect()
    assert driven.state() == Connected()


def test_goodbye_says_whether_and_when_to_come_back() -> None:
    driven = Driven().connect()
    driven.hear(said.goodbye(pb.NEXT_STEP_RESUME, retry_ms=2_000))
    (hangup,) = driven.told(Hangup)
    driven.lose(hangup.loss, jitter=0.0)
    assert driven.state() == Reconnecting(1, 2.0, "The server is going away.")
    driven.stream()
    driven.hear(said.goodbye(pb.NEXT_STEP_STOP))
    (hangup,) = driven.told(Hangup)
    driven.lose(hangup.loss)
    assert driven.state() == Failed("The server is going away.", retryable=False)


def test_a_quiet_server_is_pinged_and_after_two_pings_without_an_answer_given_up() -> None:
    driven = Driven().connect(ping_ms=25_000)
    assert driven.connection.wake() == driven.now + 25.0
    driven.wait(25.0)
    assert driven.payloads() == ["ping"]
    assert driven.payloads() == []
    driven.wait(25.0)
    assert driven.payloads() == ["ping"]
    assert not driven.told(Hangup)
    assert driven.connection.timer() == driven.now + 25.0
    driven.wait(25.0)
    (hangup,) = driven.told(Hangup)
    assert hangup.loss.retryable
    driven.wait(1.0)
    assert not driven.told(Hangup)
    assert driven.connection.timer() is None


def test_anything_heard_puts_the_next_ping_off() -> None:
    driven = Driven().connect(ping_ms=25_000)
    driven.wait(20.0)
    driven.hear(said.envelope(pong=pb.Pong()))
    driven.wait(20.0)
    assert driven.payloads() == []
    driven.wait(5.0)
    assert driven.payloads() == ["ping"]


def test_an_answered_ping_is_forgotten() -> None:
    driven = Driven().connect(ping_ms=25_000)
    driven.wait(25.0)
    assert driven.payloads() == ["ping"]
    driven.hear(said.envelope(pong=pb.Pong()))
    assert driven.connection.wake() == driven.now + 25.0
    assert driven.connection.timer() == driven.now + 75.0


def test_a_closed_connection_stays_closed_when_its_stream_ends() -> None:
    driven = Driven().connect()
    driven.note(driven.connection.close(driven.now))
    driven.lose()
    assert driven.state() == Disconnected()
    assert driven.connection.retry_at is None
