"""What a stream takes, what it refuses, and in which order it answers."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server import ids
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.requests import AttachRequest, CommandRequest, DetachRequest
from tests.server.core.desk import Desk, cast, join
from tests.server.core.parts import (
    CODE,
    GAME_ID,
    PRINCIPAL,
    Bench,
    cid,
    game,
    seat_of,
    story,
    vote,
)

OTHER_ID = "f" * 32


def seated(**settings: int) -> tuple[Desk, Bench]:
    """A stream that holds the seats of Ada and Bob in a game with an open round."""
    desk, bench = Desk(hello=True, **settings), game("Bob", voting=True)
    desk.attached(bench.room, "Ada", "Bob")
    desk.told()
    return desk, bench


# What is taken


def test_a_command_is_passed_on_with_the_proof_of_its_seat() -> None:
    desk, _ = seated()
    request = desk.ask(cast("8", "p2"), cid(7).upper())
    assert request.correlation_id == cid(7)
    assert request.seat_hash == seat_of("Bob")
    assert request.command.game_id == GAME_ID
    assert desk.told() == []


def test_a_join_is_passed_on_with_the_hash_of_the_secret_it_brings() -> None:
    request = Desk().ask(join("Bob", attach=True))
    assert request.attach
    assert len(request.seat_hash) == 32
    assert request.seat_hash != b"s" * 32


def test_a_creation_gets_its_games_id_from_principal_and_correlation_id() -> None:
    command = pb.Command(create_game=pb.CreateGame(display_name="Sprint"))
    request = Desk().ask(command, cid(5))
    assert request.command.game_id == ids.game_id_for(PRINCIPAL, cid(5))
    assert request.seat_hash == b""


def test_a_creation_that_names_its_game_is_refused() -> None:
    desk = Desk()
    command = pb.Command(game_id=GAME_ID, create_game=pb.CreateGame(display_name="Sprint"))
    assert desk.command(command) == ()
    assert desk.refused() == "INVALID_ID"


@pytest.mark.parametrize("named", [CODE, CODE.lower().replace("-", ""), GAME_ID])
def test_a_game_that_is_followed_is_known_by_its_code_too(named: str) -> None:
    desk, _ = seated()
    assert desk.ask(cast(game_id=named)).command.game_id == GAME_ID


def test_a_code_of_another_game_is_passed_on_to_be_looked_up() -> None:
    desk, _ = seated()
    assert desk.ask(join("Cid", "abcd-23")).command.game_id == "ABCD-23"


def test_the_same_command_has_the_same_digest_by_code_and_by_id() -> None:
    desk, _ = seated()
    by_code = desk.ask(cast(game_id=CODE), cid(1))
    assert by_code.digest == desk.ask(cast(), cid(2)).digest


def test_an_attach_is_passed_on() -> None:
    attach = pb.Attach(game_id=GAME_ID, after_version=3, after_correlation_id=cid(1))
    (request,) = Desk().send(pb.ClientEnvelope(correlation_id=cid(2), attach=attach))
    assert request == AttachRequest(attach, cid(2))


def test_a_detach_is_confirmed_and_passed_on() -> None:
    desk, _ = seated()
    envelope = pb.ClientEnvelope(correlation_id=cid(2), detach=pb.Detach(game_id=GAME_ID))
    assert desk.send(envelope) == (DetachRequest(GAME_ID),)
    (told,) = desk.told()
    assert told.correlation_id == cid(2)
    assert told.detached.reason == pb.DETACH_REASON_REQUESTED
    assert desk.session.subscriptions == {}


def test_a_ping_is_answered_with_the_heads_of_the_games_followed() -> None:
    desk, bench = seated()
    bench.do(story("Login"))
    desk.send(pb.ClientEnvelope(correlation_id=cid(2), ping=pb.Ping()))
    pong = desk.told()[0]
    assert dict(pong.pong.head_versions) == {GAME_ID: 5}
    assert pong.correlation_id == cid(2)


def test_requests_show_neither_cards_nor_secrets_in_their_repr() -> None:
    desk, _ = seated()
    command = cast("5")
    command.submit_vote.comment = "canary"
    assert "canary" not in repr(desk.ask(command))
    seat = pb.Seat(player_id="p1", seat_secret=b"canary")
    attach = pb.Attach(game_id=GAME_ID, passcode="canary", seats=[seat])
    assert "canary" not in repr(desk.send(pb.ClientEnvelope(attach=attach)))


# What is refused, on the open stream


def test_a_wrong_version_in_a_header_is_refused() -> None:
    desk, _ = seated()
    envelope = pb.ClientEnvelope(version=7, correlation_id=cid(1), command=cast())
    assert desk.send(envelope) == ()
    assert desk.refused() == "UNSUPPORTED_VERSION"


@pytest.mark.parametrize("message_type", ["command", "command.retract_vote", "ack", "x" * 1_000])
def test_a_message_type_that_is_not_the_payloads_is_refused(message_type: str) -> None:
    desk, _ = seated()
    envelope = pb.ClientEnvelope(message_type=message_type, correlation_id=cid(1), command=cast())
    assert desk.send(envelope) == ()
    refusal = desk.refusal()
    assert refusal.reason == pb.REASON_MESSAGE_TYPE_MISMATCH
    assert refusal.details["expected"] == "command.submit_vote"


def test_the_right_message_type_is_taken_and_so_is_none() -> None:
    desk, _ = seated()
    for message_type in ("command.submit_vote", ""):
        envelope = pb.ClientEnvelope(
            message_type=message_type, correlation_id=cid(1), command=cast()
        )
        assert len(desk.send(envelope)) == 1


def test_an_empty_payload_is_malformed_and_an_unknown_one_unimplemented() -> None:
    desk = Desk()
    desk.send(pb.ClientEnvelope(message_type="telepathy"))
    assert desk.refused() == "MALFORMED"
    unknown = pb.ClientEnvelope.FromString(b"\x20\x01" + b"\xfa\x7f\x01x")
    desk.send(unknown)
    refusal = desk.refusal()
    assert (refusal.reason, refusal.code) == (pb.REASON_UNKNOWN_COMMAND, 12)


def test_a_token_is_not_taken_where_nobody_has_to_say_who_asks() -> None:
    desk = Desk()
    desk.send(pb.ClientEnvelope(authenticate=pb.Authenticate(token="canary")))
    refusal = desk.refusal()
    assert refusal.reason == pb.REASON_UNKNOWN_COMMAND
    assert "canary" not in str(refusal)


def test_an_empty_command_is_malformed_and_an_unknown_one_unimplemented() -> None:
    desk = Desk()
    desk.command(pb.Command(game_id=GAME_ID))
    assert desk.refused() == "MALFORMED"
    unknown = pb.Command.FromString(
        pb.Command(game_id=GAME_ID).SerializeToString() + b"\xfa\x7f\x01x"
    )
    desk.command(unknown)
    assert desk.refused() == "UNKNOWN_COMMAND"


@pytest.mark.parametrize("correlation_id", ["", "7", "x" * 10_000, "../../" + cid(1)])
def test_a_command_without_a_usable_correlation_id_is_refused(correlation_id: str) -> None:
    desk, _ = seated()
    assert desk.command(cast(), correlation_id) == ()
    (told,) = desk.told()
    assert told.command_result.refusal.reason == pb.REASON_INVALID_CORRELATION_ID
    assert told.correlation_id == correlation_id[:128]


def test_nothing_that_a_client_sends_is_echoed_at_any_length() -> None:
    desk, _ = seated()
    long = "x" * 50_000
    for envelope in (
        pb.ClientEnvelope(attach=pb.Attach(game_id=long)),
        pb.ClientEnvelope(attach=pb.Attach(game_id=GAME_ID, after_version=-1)),
        pb.ClientEnvelope(detach=pb.Detach(game_id=long)),
        pb.ClientEnvelope(detach=pb.Detach(game_id=GAME_ID)),
        pb.ClientEnvelope(ping=pb.Ping()),
        pb.ClientEnvelope(command=pb.Command(game_id=long)),
        pb.ClientEnvelope(),
    ):
        envelope.correlation_id = long
        desk.send(envelope)
        (told,) = desk.told()
        assert len(told.SerializeToString()) < 1_000


@pytest.mark.parametrize("game_id", ["", "../x", "games.*", GAME_ID.upper(), "x" * 10_000])
def test_what_names_no_game_is_refused(game_id: str) -> None:
    desk, _ = seated()
    assert desk.command(join("Bob", game_id)) == ()
    assert desk.refused() == "INVALID_ID"
    assert desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=game_id))) == ()
    (told,) = desk.told()
    assert told.detached.reason == pb.DETACH_REASON_REFUSED
    assert told.detached.next_step == pb.NEXT_STEP_STOP


def test_a_seat_that_this_stream_does_not_hold_is_refused() -> None:
    desk, _ = seated()
    for command in (
        cast(player_id="p3"),
        cast(player_id="../p1"),
        cast(game_id=OTHER_ID),
    ):
        assert desk.command(command) == ()
        assert desk.refused() == "SEAT_NOT_HELD"


def test_a_seat_that_was_dropped_is_held_no_longer() -> None:
    desk, _ = seated()
    desk.session.subscriptions[GAME_ID].drop_seat("p2")
    desk.command(cast(player_id="p2"))
    assert desk.refused() == "SEAT_NOT_HELD"


def test_an_attach_out_of_bounds_is_refused() -> None:
    desk = Desk()
    seats = [pb.Seat(player_id=f"p{n}", seat_secret=b"s" * 32) for n in range(101)]
    for attach in (
        pb.Attach(game_id=GAME_ID, after_version=-1),
        pb.Attach(game_id=GAME_ID, seats=seats),
    ):
        assert desk.send(pb.ClientEnvelope(attach=attach)) == ()
        assert desk.refused() == "INVALID_VALUE"


def test_detaching_a_game_that_is_not_followed_is_refused() -> None:
    desk = Desk()
    assert desk.send(pb.ClientEnvelope(detach=pb.Detach(game_id=GAME_ID))) == ()
    assert desk.refused() == "NOT_ATTACHED"


# Limits


def test_commands_beyond_the_rate_are_refused_with_a_time_to_wait() -> None:
    desk = Desk(command_burst=2, commands_per_second=10)
    desk.ask(join("A"))
    desk.ask(join("B"))
    desk.command(join("C"))
    refusal = desk.refusal()
    assert refusal.reason == pb.REASON_TOO_MANY_COMMANDS
    assert refusal.definite
    assert refusal.retry_delay.ToMilliseconds() == 100
    desk.now_ms += 100
    desk.ask(join("C"))


def test_attaching_and_pinging_count_toward_the_rate() -> None:
    desk = Desk(command_burst=1, commands_per_second=1)
    desk.send(pb.ClientEnvelope(ping=pb.Ping()))
    desk.told()
    assert desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=GAME_ID))) == ()
    (told,) = desk.told()
    assert told.detached.next_step == pb.NEXT_STEP_RESUME
    assert told.detached.retry_delay.ToMilliseconds() == 1_000
    desk.send(pb.ClientEnvelope(ping=pb.Ping()))
    assert desk.refused() == "TOO_MANY_COMMANDS"


def test_a_large_snapshot_counts_as_many_commands() -> None:
    desk, bench = Desk(command_burst=10, commands_per_second=10), game("Bob")
    bench.do(*(story("Large", "x" * 4_000) for _ in range(90)))
    for _ in range(2):  # some twenty commands, of which at most a burst is owed
        assert len(desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=GAME_ID)))) == 1
        desk.attached(bench.room)
        desk.told()
        assert desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=GAME_ID))) == ()
        (told,) = desk.told()
        wait_ms = told.detached.retry_delay.ToMilliseconds()
        assert wait_ms == 1_100
        desk.now_ms += wait_ms


def test_acknowledging_is_never_refused_for_its_rate() -> None:
    desk, bench = seated(command_burst=1, commands_per_second=1)
    desk.ask(cast())
    for _ in range(10):
        desk.ack(bench.room.head)
    assert desk.told() == []
    assert desk.ended == ""


def test_unanswered_commands_are_limited_per_game() -> None:
    desk, _ = seated(max_unanswered_per_game=2)
    first = desk.ask(cast(), cid(1))
    desk.ask(cast(), cid(2))
    desk.command(cast(), cid(3))
    assert desk.refused() == "TOO_MANY_UNANSWERED"
    desk.ask(join("Bob", OTHER_ID), cid(4))
    desk.answer(first)
    desk.told()
    desk.ask(cast(), cid(5))


def test_unanswered_commands_are_limited_per_stream() -> None:
    desk = Desk(max_unanswered=2)
    desk.ask(join("Bob"), cid(1))
    desk.ask(join("Bob", OTHER_ID), cid(2))
    desk.command(join("Bob", "e" * 32), cid(3))
    assert desk.refused() == "TOO_MANY_UNANSWERED"


def test_answers_held_behind_events_count_as_unanswered() -> None:
    desk, bench = seated(window_events=1, max_unanswered_per_game=3)
    bench.do(story("Login"), story("Logout"))
    desk.session.wake(GAME_ID)
    desk.told()
    # The client acknowledges nothing, and repeats a command that is behind the window.
    for n in range(3):
        desk.answer(desk.ask(cast(), cid(n)), through=6)
    desk.command(cast(), cid(4))
    assert desk.refused() == "TOO_MANY_UNANSWERED"
    desk.ack(5)
    assert desk.told_names() == ["event_batch", *["command_result"] * 3]
    desk.ask(cast(), cid(4))


def test_games_followed_are_limited_per_stream() -> None:
    desk, _ = seated(max_subscriptions=1)
    assert desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=OTHER_ID))) == ()
    assert desk.refused() == "TOO_MANY_SUBSCRIPTIONS"
    desk.command(join("Bob", OTHER_ID, attach=True))
    assert desk.refused() == "TOO_MANY_SUBSCRIPTIONS"
    assert isinstance(desk.ask(join("Bob", OTHER_ID)), CommandRequest)


def test_at_the_limit_a_game_that_is_followed_may_be_attached_again() -> None:
    desk, _ = seated(max_subscriptions=1)
    for named in (GAME_ID, CODE):
        assert len(desk.send(pb.ClientEnvelope(attach=pb.Attach(game_id=named)))) == 1
    desk.ask(join("Cid", attach=True))


def test_joins_under_way_count_toward_the_games_followed() -> None:
    desk = Desk(max_subscriptions=1)
    desk.ask(join("Bob", attach=True), cid(1))
    desk.command(join("Bob", OTHER_ID, attach=True), cid(2))
    assert desk.refused() == "TOO_MANY_SUBSCRIPTIONS"


def test_who_reads_nothing_is_not_read_from() -> None:
    desk, _ = seated()
    for _ in range(128):
        desk.send(pb.ClientEnvelope())
    assert not desk.session.congested
    desk.send(pb.ClientEnvelope())
    assert desk.session.congested
    desk.told()
    assert not desk.session.congested


def test_a_few_large_snapshots_are_enough_not_to_be_read_from() -> None:
    desk, bench = Desk(max_outbox_bytes=10_000), game("Bob")
    bench.do(*(story("Large", "x" * 3_000) for _ in range(3)))
    desk.attached(bench.room)
    assert not desk.session.congested
    desk.attached(bench.room)
    assert desk.session.congested
    desk.told()
    assert not desk.session.congested


# The order of answers


def test_an_answer_waits_behind_the_events_it_caused() -> None:
    desk, bench = seated()
    request = desk.ask(cast())
    bench.do(vote("Ada", "p1", "5"))
    desk.answer(request, through=5)
    assert desk.told() == []  # its events were not announced yet
    desk.session.wake(GAME_ID)
    assert desk.told_names() == ["event_batch", "command_result"]


def test_an_answer_does_not_wait_for_later_events_nor_for_other_games() -> None:
    desk, bench = seated(window_events=1)
    request = desk.ask(cast())
    other = desk.ask(join("Bob", OTHER_ID), cid(2))
    bench.do(vote("Ada", "p1", "5"), story("Login"), story("Logout"))
    desk.answer(request, through=5)
    desk.answer(other, through=9)
    desk.session.wake(GAME_ID)
    told = desk.told()
    assert [envelope.message_type for envelope in told] == [
        "command_result",
        "event_batch",
        "command_result",
    ]
    assert told[0].command_result.game_id == OTHER_ID
    assert [event.version for event in told[1].event_batch.events] == [5]


def test_an_answer_follows_the_snapshot_that_stands_for_its_events() -> None:
    desk, bench = seated(window_events=1, max_outbox_frames=2)
    desk.ack(4)
    request = desk.ask(cast())
    for n in range(3):
        bench.do(story(f"Story {n}"))
        desk.session.wake(GAME_ID)
        desk.told()
    bench.do(vote("Ada", "p1", "5"))
    desk.answer(request, through=8)
    desk.session.wake(GAME_ID)
    snapshot, answer, *_ = desk.told()
    assert snapshot.event_batch.snapshot.version == 8
    assert answer.command_result.accepted.version == 8


def test_an_answer_to_who_does_not_follow_the_game_comes_at_once() -> None:
    desk = Desk()
    request = desk.ask(join("Bob"), cid(8))
    desk.answer(request, through=3)
    (told,) = desk.told()
    assert (told.correlation_id, told.command_result.accepted.version) == (cid(8), 3)


def test_a_join_that_attaches_gets_the_snapshot_before_its_answer() -> None:
    desk, bench = Desk(), game("Bob")
    request = desk.ask(join("Bob", attach=True))
    desk.attached(bench.room, "Ada", "Bob")
    desk.answer(request, through=3)
    assert desk.told_names() == ["attached", "command_result", "seat_state", "seat_state"]


def test_attaching_again_sends_no_answer_before_the_events_it_caused() -> None:
    desk, bench = seated()
    request = desk.ask(cast())
    bench.do(vote("Ada", "p1", "5"))
    desk.answer(request, through=5)
    fourth = pb.GameEvent.FromString(bench.rows[3].event)
    desk.attached(bench.room, "Ada", after=4, cause=fourth.correlation_id)
    names = desk.told_names()
    assert names[:3] == ["attached", "event_batch", "command_result"]


def test_attaching_again_with_a_snapshot_releases_what_it_stands_for() -> None:
    desk, bench = seated()
    request = desk.ask(cast())
    bench.do(vote("Ada", "p1", "5"))
    desk.answer(request, through=5)
    desk.attached(bench.room, "Ada")
    assert desk.told_names()[:2] == ["attached", "command_result"]


def test_flushing_sends_events_with_the_answers_behind_them() -> None:
    desk, bench = seated()
    request = desk.ask(cast())
    bench.do(vote("Ada", "p1", "5"), story("Login"))
    desk.answer(request, through=5)
    desk.session.flush(GAME_ID, desk.now_ms)
    assert desk.told_names() == ["event_batch", "command_result"]


def test_detaching_gives_the_answers_that_waited() -> None:
    desk, bench = seated()
    request = desk.ask(cast())
    bench.do(vote("Ada", "p1", "5"))
    desk.answer(request, through=5)
    desk.session.detach(
        GAME_ID, pb.DETACH_REASON_SUPERSEDED, pb.NEXT_STEP_STOP, "Elsewhere.", desk.now_ms
    )
    assert desk.told_names() == ["detached", "command_result"]


def test_games_take_turns() -> None:
    desk, bench = seated(window_events=500)
    other = Bench()
    other.room.game_id = OTHER_ID
    desk.session.attached(other.room, other.room.attach(0, ""), {}, [], cid(1), desk.now_ms)
    desk.told()
    bench.do(*(story(f"Story {n}") for n in range(2)))
    other.rows = bench.rows[:]
    other.room.catch_up(other.rows)
    for game_id in (GAME_ID, OTHER_ID):
        desk.session.wake(game_id)
    assert [envelope.event_batch.game_id for envelope in desk.told()] == [GAME_ID, OTHER_ID]


# Time-outs


def test_an_answer_that_takes_too_long_leaves_the_outcome_open() -> None:
    desk, _ = seated()
    request = desk.ask(cast(), cid(4))
    desk.ack(desk.session.subscriptions[GAME_ID].sent)
    desk.session.tick(desk.session.timer() or 0)  # when it would have been sent again
    assert desk.session.timer() == desk.now_ms + 30_000
    desk.now_ms += 30_000
    desk.session.tick(desk.now_ms)
    (told,) = desk.told()
    assert told.correlation_id == cid(4)
    refusal = told.command_result.refusal
    assert refusal.reason == pb.REASON_TIMEOUT
    assert (refusal.definite, refusal.retryable) == (False, True)
    desk.answer(request, through=5)
    assert desk.told() == []
    assert desk.session.timer() is None


def test_only_what_is_due_is_timed_out() -> None:
    desk, _ = seated()
    desk.ack(desk.session.subscriptions[GAME_ID].sent)
    desk.ask(cast(), cid(1))
    desk.now_ms += 10_000
    desk.ask(cast(), cid(2))
    desk.session.tick(desk.now_ms + 20_000)
    assert [envelope.correlation_id for envelope in desk.told()] == [cid(1)]
    assert desk.session.timer() == desk.now_ms + 30_000


def test_a_command_is_answered_once() -> None:
    desk, _ = seated()
    request = desk.ask(cast())
    desk.answer(request)
    desk.answer(request)
    assert desk.told_names() == ["command_result"]


# Acknowledgements


def test_an_acknowledgement_above_what_was_sent_ends_the_stream() -> None:
    desk, _ = seated()
    desk.ack(5)
    assert desk.ended == "ACK_AHEAD"


@pytest.mark.parametrize("version", [0, 3, -(2**31)])
def test_an_acknowledgement_backwards_is_ignored(version: int) -> None:
    desk, _ = seated()
    desk.ack(version)
    assert desk.ended == ""


def test_an_acknowledgement_of_a_game_not_followed_is_ignored() -> None:
    desk, _ = seated()
    desk.ack(2**31 - 1, OTHER_ID)
    assert desk.ended == ""


def test_an_acknowledgement_that_opens_the_window_lets_events_through() -> None:
    desk, bench = seated(window_events=1)
    bench.do(story("Login"), story("Logout"))
    desk.session.wake(GAME_ID)
    assert desk.told_names() == ["event_batch"]
    desk.ack(5)
    assert desk.told_names() == ["event_batch"]


# Being detached


def test_who_is_too_slow_is_detached_from_that_game_only() -> None:
    desk, bench = seated(window_events=1, max_outbox_frames=2)
    for n in range(4):
        bench.do(story(f"Story {n}"))
    desk.session.wake(GAME_ID)
    (told,) = desk.told()
    assert told.detached.reason == pb.DETACH_REASON_SLOW
    assert told.detached.next_step == pb.NEXT_STEP_RESUME
    assert [dropped.game_id for dropped in desk.session.dropped] == [GAME_ID]
    assert desk.session.subscriptions == {}
    assert desk.ended == ""


def test_a_refused_attach_says_why_and_when_to_try_again() -> None:
    desk = Desk()
    refusal = refuse(pb.REASON_LOG_UNAVAILABLE, "Not now.", retry_ms=1_500)
    desk.session.attach_refused(GAME_ID, cid(3), refusal, desk.now_ms)
    (told,) = desk.told()
    assert told.correlation_id == cid(3)
    assert told.detached.reason == pb.DETACH_REASON_REFUSED
    assert told.detached.next_step == pb.NEXT_STEP_RESUME
    assert told.detached.retry_delay.ToMilliseconds() == 1_500
    assert told.detached.refusal == refusal


def test_a_stream_is_idle_when_nothing_is_left_to_answer_or_to_write() -> None:
    desk, bench = seated()
    assert desk.session.idle
    request = desk.ask(cast())
    assert not desk.session.idle
    bench.do(vote("Ada", "p1", "5"))
    desk.answer(request, through=5)
    desk.session.wake(GAME_ID)
    assert not desk.session.idle
    desk.told()
    assert desk.session.idle


def test_answers_that_nobody_can_release_do_not_keep_a_stream_busy() -> None:
    desk, bench = seated(window_events=1)
    bench.do(story("Login"), story("Logout"))
    desk.session.wake(GAME_ID)
    desk.told()
    desk.answer(desk.ask(cast()), through=6)
    assert desk.told() == []
    assert desk.session.idle


def test_waking_a_game_that_is_not_followed_does_nothing() -> None:
    desk = Desk()
    desk.session.wake(GAME_ID)
    assert desk.told() == []
    assert desk.session.idle


def test_a_trace_context_of_any_length_is_not_taken() -> None:
    desk, _ = seated()
    desk.send(pb.ClientEnvelope(ping=pb.Ping(), traceparent="x" * 256))
    assert desk.told_names() == ["pong"]
    desk.send(pb.ClientEnvelope(ping=pb.Ping(), traceparent="x" * 257))
    assert desk.refused() == "INVALID_VALUE"
