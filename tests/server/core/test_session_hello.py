"""How a stream begins and how it ends."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.refusals import refuse
from tests.server.core.desk import Desk, cast, join
from tests.server.core.parts import GAME_ID, cid, game, story


def test_the_first_hello_is_welcomed() -> None:
    desk = Desk(hello=False)
    hello = pb.Hello(client_name="bot", instance_id="i-1", versions=[2, 1])
    desk.send(pb.ClientEnvelope(correlation_id=cid(3), hello=hello))
    (envelope,) = desk.told()
    assert envelope.welcome.session_id == "session-1"
    assert (envelope.correlation_id, envelope.version) == (cid(3), 1)
    assert desk.session.instance_id == "i-1"
    assert desk.session.timer() is None


def test_anything_before_hello_ends_the_stream() -> None:
    for first in (
        pb.ClientEnvelope(correlation_id=cid(1), command=cast()),
        pb.ClientEnvelope(ping=pb.Ping()),
        pb.ClientEnvelope(),
    ):
        desk = Desk(hello=False)
        assert desk.send(first) == ()
        assert desk.ended == "HELLO_EXPECTED"
        (goodbye,) = desk.told()
        assert goodbye.goodbye.reason == pb.GOODBYE_REASON_PROTOCOL_ERROR
        assert goodbye.goodbye.next_step == pb.NEXT_STEP_STOP


def test_a_second_hello_ends_the_stream() -> None:
    desk = Desk()
    desk.hello()
    assert desk.ended == "HELLO_REPEATED"


def test_no_hello_in_time_ends_the_stream() -> None:
    desk = Desk(hello=False, hello_timeout_ms=10_000)
    assert desk.session.timer() == desk.now_ms + 10_000
    desk.session.tick(desk.now_ms + 9_999)
    assert desk.ended == ""
    desk.session.tick(desk.now_ms + 10_000)
    assert desk.ended == "HELLO_TIMEOUT"
    assert desk.session.timer() is None
    (goodbye,) = (envelope.goodbye for envelope in desk.told())
    assert goodbye.next_step == pb.NEXT_STEP_RESUME  # it may only have been late


@pytest.mark.parametrize(("versions", "header"), [([2, 3], 1), ([], 1), ([1], 2), ([1], -1)])
def test_no_common_version_ends_the_stream(versions: list[int], header: int) -> None:
    desk = Desk(hello=False)
    desk.send(pb.ClientEnvelope(version=header, hello=pb.Hello(versions=versions)))
    assert desk.ended == "UNSUPPORTED_VERSION"


def test_names_in_hello_are_bounded() -> None:
    for field in ("client_name", "client_version", "instance_id"):
        desk = Desk(hello=False)
        desk.hello(**{field: "x" * 64})
        assert desk.ended == ""
        desk = Desk(hello=False)
        desk.hello(**{field: "x" * 65})
        assert desk.ended == "INVALID_VALUE"


def test_nothing_is_taken_once_the_stream_ends() -> None:
    desk = Desk()
    desk.hello()
    desk.told()
    assert desk.command(join("Bob")) == ()
    assert desk.told() == []


def test_an_ending_is_said_once() -> None:
    desk = Desk()
    desk.session.end(refuse(pb.REASON_INTERNAL, "First."), desk.now_ms)
    desk.session.end(refuse(pb.REASON_DRAINING, "Second."), desk.now_ms)
    assert desk.ended == "INTERNAL"
    assert desk.told_names() == ["goodbye"]


def test_the_goodbye_is_the_last_message() -> None:
    desk = Desk()
    bench = game("Bob", voting=True)
    desk.attached(bench.room, "Ada")
    desk.told()
    request = desk.ask(cast())
    bench.do(story("Login"))
    desk.session.wake(GAME_ID)
    desk.hello()
    desk.answer(request)
    desk.session.detach(
        GAME_ID, pb.DETACH_REASON_INTERNAL, pb.NEXT_STEP_RESUME, "Late.", desk.now_ms
    )
    assert desk.told_names() == ["goodbye"]


# Draining


def draining(desk: Desk) -> None:
    desk.session.drain(
        refuse(pb.REASON_DRAINING, "The server is stopping.", retry_ms=1_000), desk.now_ms
    )


def test_a_quiet_stream_is_drained_at_once() -> None:
    desk = Desk()
    bench = game("Bob")
    desk.attached(bench.room, "Ada")
    desk.told()
    bench.do(story("Login"))
    draining(desk)
    events, goodbye = desk.told()
    assert events.event_batch.first_version == 4
    assert goodbye.goodbye.next_step == pb.NEXT_STEP_RESUME
    assert goodbye.goodbye.retry_delay.seconds == 1
    assert desk.ended == "DRAINING"


def test_what_was_asked_is_still_answered_before_the_goodbye() -> None:
    desk = Desk()
    bench = game("Bob", voting=True)
    desk.attached(bench.room, "Ada")
    desk.told()
    request = desk.ask(cast())
    draining(desk)
    assert desk.told() == []
    bench.do(story("Login"))
    desk.answer(request, through=5)
    assert desk.told_names() == ["event_batch", "command_result", "goodbye"]


def test_what_takes_too_long_does_not_keep_a_draining_stream_open() -> None:
    desk = Desk()
    desk.ask(join("Bob"))
    draining(desk)
    desk.session.tick(desk.now_ms + 30_000)
    assert desk.told_names() == ["command_result", "goodbye"]


def test_while_draining_new_requests_are_refused() -> None:
    desk = Desk()
    desk.ask(join("Bob"))
    draining(desk)
    assert desk.command(join("Cid"), cid(2)) == ()
    assert desk.refused() == "DRAINING"
    assert desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=GAME_ID))) == ()
    assert desk.refused() == "DRAINING"
    assert desk.ended == ""
