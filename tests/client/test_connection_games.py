"""Games that are followed: attaching, gaps, coming back, acknowledgements, letting go."""

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt, Resynced
from planning_poker_client.errors import CommandRefused, GameDetached, OutcomeUnknown
from planning_poker_client.notices import Ended, Hangup, Loss, Resuming, Settled, Told
from tests.client import said
from tests.client.driven import SECRET, Driven

SEAT = pb.Seat(player_id="p1", seat_secret=SECRET)
STOP, RESUME, REJOIN = pb.NEXT_STEP_STOP, pb.NEXT_STEP_RESUME, pb.NEXT_STEP_REJOIN


def versions(driven: Driven) -> list[int]:
    """Of the changes that were told since the last look."""
    return [item.version for told in driven.told(Told) for item in told.items]  # type: ignore[union-attr]


def attach_written(driven: Driven) -> pb.ClientEnvelope:
    """The one message that is written now: an Attach."""
    (message,) = driven.written()
    assert message.message_type == "attach"
    return message


# Beginning


def test_joining_follows_the_game_with_the_seat_before_its_result_is_here() -> None:
    driven = Driven().connect()
    join = pb.JoinGame(display_name="Ada", seat_secret=SECRET, attach=True)
    driven.connection.send(pb.Command(game_id=said.CODE, join_game=join), "join", driven.now)
    driven.written()
    driven.hear(said.attached("join", said.game(3), "p1"))
    assert driven.connection.games[said.GAME].view.version == 3
    assert not driven.told(Settled)
    driven.hear(said.batch(said.joined(4)), said.accepted("join", 3, player_id="p1"))
    assert driven.told(Settled) == [Settled("join", Receipt("join", said.GAME, 3, player_id="p1"))]
    inbox = driven.connection.games[said.GAME]
    assert inbox.view.version == 4
    assert inbox.seats["p1"].secret == SECRET
    assert inbox.present == {"p1"}


def test_attaching_as_a_watcher_gives_the_game_behind_a_join_code() -> None:
    driven = Driven().connect()
    driven.connection.attach(pb.Attach(game_id=said.CODE, passcode="pass"), "a1", driven.now)
    assert attach_written(driven).attach == pb.Attach(game_id=said.CODE, passcode="pass")
    driven.hear(said.attached("a1", said.game(3)))
    assert driven.told(Settled) == [Settled("a1", Receipt("a1", said.GAME, 3))]


def test_a_refused_attach_says_why() -> None:
    driven = Driven().connect()
    driven.attach("a1")
    driven.written()
    refusal = pb.Refusal(reason=pb.REASON_PASSCODE_WRONG, message="No.", definite=True)
    driven.hear(said.detached(pb.DETACH_REASON_REFUSED, STOP, correlation_id="a1", refusal=refusal))
    (settled,) = driven.told(Settled)
    assert isinstance(settled.outcome, CommandRefused)
    assert settled.outcome.reason == "PASSCODE_WRONG"
    assert not driven.connection.games


def test_who_gave_up_joining_is_detached_when_the_answer_comes_after_all() -> None:
    driven = Driven().connect()
    driven.attach("a1")
    driven.written()
    driven.connection.forget("a1", driven.now)
    driven.hear(said.attached("a1", said.game(3)))
    assert driven.payloads() == ["detach"]
    assert not driven.connection.games


def test_who_gives_up_between_attached_and_the_result_is_detached_too() -> None:
    driven = Driven().connect()
    join = pb.JoinGame(display_name="Ada", seat_secret=SECRET, attach=True)
    driven.connection.send(pb.Command(game_id=said.CODE, join_game=join), "join", driven.now)
    driven.written()
    driven.hear(said.attached("join", said.game(3), "p1"))
    driven.connection.forget("join", driven.now)
    assert driven.payloads() == ["detach"]


# Going on


def test_events_reach_the_view_once_and_in_order() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.hear(said.batch(said.joined(4), said.round_started(5)), said.batch(said.voted(6)))
    driven.hear(said.batch(said.round_started(5), said.voted(6), said.voted(7, "p2")))
    assert versions(driven) == [4, 5, 6, 7]
    assert inbox.view.version == 7
    assert list(inbox.view.voted) == ["p1", "p2"]


def test_events_of_a_game_that_is_not_followed_are_passed_over() -> None:
    driven = Driven().connect()
    driven.hear(said.batch(said.joined(4)))
    assert not driven.told(Told)


def test_a_gap_asks_for_the_rest_from_the_last_version_and_its_cause() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)), said.batch(said.voted(6)), said.batch(said.voted(7)))
    assert versions(driven) == [4]
    assert len(driven.told(Resuming)) == 1
    expected = pb.Attach(
        game_id=said.GAME, after_version=4, after_correlation_id="cause-4", seats=[SEAT]
    )
    request = attach_written(driven)
    assert request.attach == expected
    driven.hear(
        said.attached(request.correlation_id, None, "p1", head=7),
        said.batch(said.round_started(5), said.voted(6), said.voted(7)),
    )
    assert versions(driven) == [5, 6, 7]
    assert not driven.told(Settled)


def test_after_a_snapshot_a_gap_asks_for_another_since_its_cause_is_not_known() -> None:
    driven = Driven().connect()
    driven.join(version=3)
    driven.hear(said.batch(said.voted(5)))
    request = attach_written(driven)
    assert (request.attach.after_version, request.attach.after_correlation_id) == (0, "")
    driven.hear(said.attached(request.correlation_id, said.game(5), "p1"))
    assert driven.told(Told) == [Told(said.GAME, (Resynced(3, 5),))]


def test_who_has_only_a_snapshot_resumes_from_it_by_the_cause_of_its_event() -> None:
    driven = Driven().connect()
    driven.attach("a")
    driven.written()
    driven.hear(said.attached("a", said.game(3), cause="c3"))
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    assert (request.attach.after_version, request.attach.after_correlation_id) == (3, "c3")
    driven.hear(said.attached(request.correlation_id, head=3))
    driven.hear(said.snapshot_instead(said.game(9), "c9"))
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    assert (request.attach.after_version, request.attach.after_correlation_id) == (9, "c9")


def test_a_snapshot_instead_of_events_replaces_the_view() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.hear(said.snapshot_instead(said.game(40, phase=pb.GAME_PHASE_REVEALED)))
    assert driven.told(Told) == [Told(said.GAME, (Resynced(3, 40),))]
    assert inbox.view.phase == pb.GAME_PHASE_REVEALED
    driven.hear(said.snapshot_instead(said.game(20)))
    assert inbox.view.version == 40
    driven.hear(said.batch(said.joined(41)))
    assert versions(driven) == [41]


def test_an_event_that_cannot_be_folded_is_healed_by_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.hear(said.batch(said.joined(4)))

    def fails(_event: pb.GameEvent) -> None:
        raise KeyError("a bug")

    view = inbox.view.copy()
    inbox.view = type("Broken", (type(view),), {"apply": lambda self, event: fails(event)})()
    inbox.view._take(view.to_game())
    driven.hear(said.batch(said.joined(5)))
    request = attach_written(driven)
    assert request.attach.after_version == 0
    driven.hear(said.attached(request.correlation_id, said.game(5), "p1"))
    driven.hear(said.batch(said.joined(6, "p9", "Di")))
    assert inbox.view.version == 6


def test_a_gap_that_is_never_filled_ends_the_game_after_about_a_minute() -> None:
    driven = Driven().connect(ping_ms=0)
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    started, tries = driven.now, 0
    while not (ended := driven.told(Ended)):
        driven.hear(said.batch(said.voted(9)))
        wake = driven.connection.wake()
        driven.now = max(driven.now, wake or 0)
        for request in driven.written():
            tries += 1
            driven.hear(said.attached(request.correlation_id, None, "p1", head=9))
        assert tries < 100
    assert tries == 20
    assert 50 < driven.now - started < 80
    assert isinstance(ended[0].error, GameDetached)
    assert (ended[0].error.reason, ended[0].error.retryable) == ("LOST", True)
    assert not driven.connection.games


def test_a_pong_tells_of_events_that_never_came() -> None:
    driven = Driven().connect()
    driven.join()
    pong = said.envelope(pong=pb.Pong(head_versions={said.GAME: 4, "other": 9}))
    driven.hear(pong)
    assert driven.payloads() == []  # it may still be on its way
    driven.hear(pong)
    assert driven.payloads() == ["attach"]


def test_a_pong_that_was_overtaken_is_no_loss() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.envelope(pong=pb.Pong(head_versions={said.GAME: 4})))
    driven.hear(said.batch(said.joined(4)))
    driven.hear(said.envelope(pong=pb.Pong(head_versions={said.GAME: 4})))
    assert not driven.told(Resuming)


def test_a_head_that_was_told_before_attaching_again_counts_no_more() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    pong = said.envelope(pong=pb.Pong(head_versions={said.GAME: 9}))
    driven.hear(pong, said.detached(pb.DETACH_REASON_SLOW, RESUME))
    request = attach_written(driven)
    driven.hear(said.attached(request.correlation_id, None, "p1", head=9))
    driven.notices.clear()
    driven.hear(pong)
    assert not driven.told(Resuming)


def test_a_snapshot_makes_the_events_before_it_worthless_for_resuming() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)), said.snapshot_instead(said.game(40)))
    driven.hear(said.batch(said.voted(50)))
    assert attach_written(driven).attach.after_version == 0


def test_gaps_that_are_filled_are_no_reason_to_give_up_or_to_wait() -> None:
    driven = Driven().connect()
    driven.join(version=3)
    for version in range(5, 85, 2):
        driven.hear(said.batch(said.voted(version)))
        request = attach_written(driven)
        driven.hear(said.attached(request.correlation_id, said.game(version), "p1"))
    assert not driven.told(Ended)


# Coming back


def test_on_a_new_stream_every_game_is_resumed_before_its_commands() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.ask("c1", submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    driven.written()
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    assert request.attach.after_version == 4
    driven.hear(said.attached(request.correlation_id, None, "p1", head=4))
    assert [message.correlation_id for message in driven.written()] == ["c1"]


def test_a_watcher_resumes_with_the_passcode_and_a_seat_without() -> None:
    driven = Driven().connect()
    driven.connection.attach(pb.Attach(game_id=said.CODE, passcode="pass"), "a1", driven.now)
    driven.written()
    driven.hear(said.attached("a1", said.game(3)))
    driven.connection.hold(said.GAME, "")
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    assert request.attach.passcode == "pass"
    driven.hear(said.attached(request.correlation_id, said.game(3)))
    driven.attach("a2", "p1")
    assert attach_written(driven).attach.passcode == "pass"
    driven.hear(said.attached("a2", said.game(3), "p1"))
    driven.lose()
    driven.stream()
    assert attach_written(driven).attach.passcode == ""


def test_after_the_log_was_replaced_versions_mean_nothing_and_a_snapshot_is_asked_for() -> None:
    driven = Driven().connect(epoch="one")
    inbox = driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.lose()
    driven.stream(epoch="two")
    request = attach_written(driven)
    assert request.attach.after_version == 0
    driven.notices.clear()
    driven.hear(said.attached(request.correlation_id, said.game(2), "p1"))
    assert driven.told(Told) == [Told(said.GAME, (Resynced(4, 2),))]
    assert inbox.view.version == 2


def test_a_connection_that_was_given_up_resumes_its_games_when_opened_again() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.lose(Loss("Stop.", retryable=False))
    assert [ended.game_id for ended in driven.told(Ended)] == [said.GAME]
    driven.connect()
    assert attach_written(driven).attach.after_version == 4


def test_a_resume_that_the_server_cannot_serve_now_is_asked_again_later() -> None:
    driven = Driven().connect()
    driven.join()
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    refusal = pb.Refusal(reason=pb.REASON_LOG_UNAVAILABLE, retryable=True, definite=True)
    refused = said.detached(
        pb.DETACH_REASON_REFUSED, RESUME, correlation_id=request.correlation_id, refusal=refusal
    )
    refused.detached.retry_delay.FromMilliseconds(3_000)
    driven.hear(refused)
    assert driven.payloads() == []
    assert driven.connection.wake() == pytest.approx(driven.now + 3.0)
    create = pb.Command(create_game=pb.CreateGame())
    driven.connection.send(create, "other", driven.now)
    wake = driven.connection.wake()
    assert wake is not None
    assert wake <= driven.now
    assert driven.payloads() == ["command.create_game"]
    driven.wait(3.0)
    assert driven.payloads() == ["attach"]


def test_a_resume_that_is_refused_for_good_ends_the_game_with_the_reason() -> None:
    driven = Driven().connect()
    driven.join()
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    refusal = pb.Refusal(reason=pb.REASON_SEAT_SECRET_WRONG, definite=True)
    driven.hear(
        said.detached(
            pb.DETACH_REASON_REFUSED, STOP, correlation_id=request.correlation_id, refusal=refusal
        )
    )
    (ended,) = driven.told(Ended)
    assert isinstance(ended.error, GameDetached)
    assert ended.error.reason == "SEAT_SECRET_WRONG"
    assert not driven.connection.games


def test_a_resume_that_is_refused_like_a_command_is_asked_again_less_and_less_often() -> None:
    driven = Driven().connect()
    driven.join()
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    refusal = pb.Refusal(reason=pb.REASON_UNKNOWN_COMMAND, definite=True)
    driven.hear(said.refused(request.correlation_id, refusal))
    request = attach_written(driven)
    driven.hear(said.refused(request.correlation_id, refusal))
    assert driven.payloads() == []
    assert driven.connection.wake() == pytest.approx(driven.now + 0.2)


def test_a_resume_without_an_answer_is_asked_again() -> None:
    driven = Driven(command_timeout=20.0).connect(ping_ms=0)
    driven.join()
    driven.hear(said.batch(said.voted(9)))
    first = attach_written(driven)
    driven.wait(20.0)
    driven.wait(1.0)
    second = attach_written(driven)
    assert first.correlation_id != second.correlation_id


def test_what_was_asked_or_to_be_said_on_the_old_stream_is_not_said_on_the_new_one() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)), said.batch(said.voted(9)))
    attach_written(driven)
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    driven.hear(said.attached(request.correlation_id, None, "p1", head=4))
    driven.connection.release(said.GAME, "p1", driven.now)
    driven.lose()
    driven.stream()
    assert driven.payloads() == []


# Detached by the server


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (pb.DETACH_REASON_REMOVED, "REMOVED"),
        (pb.DETACH_REASON_PURGED, "PURGED"),
        (pb.DETACH_REASON_SUPERSEDED, "SUPERSEDED"),
    ],
)
def test_being_detached_for_good_ends_the_game_with_the_reason(
    reason: pb.DetachReason.ValueType, name: str
) -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.detached(reason, STOP))
    (ended,) = driven.told(Ended)
    assert isinstance(ended.error, GameDetached)
    assert (ended.error.reason, str(ended.error)) == (name, "For a reason.")
    assert driven.payloads() == []


def test_a_game_that_has_ended_here_is_not_asked_for_and_can_be_followed_anew() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.voted(9)), said.detached(pb.DETACH_REASON_PURGED, STOP))
    assert driven.payloads() == []
    driven.attach("a2")
    driven.written()
    driven.hear(said.attached("a2", said.game(3)))
    driven.connection.hold(said.GAME, "")
    driven.connection.release(said.GAME, "", driven.now)
    assert driven.payloads() == ["detach"]


def test_being_detached_as_slow_resumes_from_the_last_version() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.hear(said.detached(pb.DETACH_REASON_SLOW, RESUME))
    assert attach_written(driven).attach.after_version == 4


def test_a_command_that_crosses_a_detached_is_sent_again_once_the_seat_is_back() -> None:
    not_held = pb.Refusal(reason=pb.REASON_SEAT_NOT_HELD, code=7, message="No.", definite=True)
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.retract("late")
    assert driven.payloads() == ["command.retract_vote"]
    driven.hear(said.detached(pb.DETACH_REASON_UNACKNOWLEDGED, RESUME))
    driven.hear(said.refused("late", not_held))
    assert driven.outcomes() == {}
    attach = attach_written(driven)
    driven.hear(said.attached(attach.correlation_id, None, "p1", head=4))
    assert [message.correlation_id for message in driven.written()] == ["late"]
    driven.hear(said.refused("late", not_held))  # now it is the answer
    assert isinstance(driven.outcomes()["late"], CommandRefused)


def test_being_detached_to_rejoin_begins_anew() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.hear(said.detached(pb.DETACH_REASON_CORRUPT, REJOIN))
    assert attach_written(driven).attach.after_version == 0


def test_leaving_ends_the_game_here() -> None:
    driven = Driven().connect()
    driven.join()
    left = said.event(4, player_left=pb.PlayerLeft(player_id="p1"))
    driven.hear(said.batch(left), said.detached(pb.DETACH_REASON_REQUESTED, STOP))
    (ended,) = driven.told(Ended)
    assert isinstance(ended.error, GameDetached)
    assert ended.error.reason == "REQUESTED"


def test_a_watcher_stays_when_the_seat_beside_it_leaves() -> None:
    driven = Driven().connect()
    driven.join()
    driven.connection.hold(said.GAME, "")
    left = said.event(4, player_left=pb.PlayerLeft(player_id="p1"))
    driven.hear(said.batch(left), said.detached(pb.DETACH_REASON_REQUESTED, STOP))
    assert not driven.told(Ended)
    assert not attach_written(driven).attach.seats


# Several seats


def test_a_second_seat_is_attached_together_with_the_first() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.attach("a2", "p2")
    request = attach_written(driven)
    assert [seat.player_id for seat in request.attach.seats] == ["p1", "p2"]
    driven.hear(said.attached("a2", said.game(3), "p1", "p2"))
    driven.connection.hold(said.GAME, "p2")
    assert set(inbox.seats) == {"p1", "p2"}
    driven.wait(0.2)
    driven.written()
    driven.connection.release(said.GAME, "p1", driven.now)
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p2"]


def test_a_seat_that_is_let_go_while_the_game_is_attached_stays_let_go() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.attach("a2", "p2")
    driven.written()
    driven.hear(said.attached("a2", said.game(3), "p1", "p2"))
    driven.connection.hold(said.GAME, "p2")
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    driven.connection.release(said.GAME, "p2", driven.now)
    driven.hear(said.attached(request.correlation_id, said.game(3), "p1", "p2"))
    assert set(inbox.seats) == {"p1"}
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p1"]


def test_a_seat_that_is_asked_for_is_proven_as_given_although_it_is_held() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.connection.attach(
        pb.Attach(game_id=said.GAME, seats=[pb.Seat(player_id="p1", seat_secret=b"new")]),
        "a2",
        driven.now,
    )
    (seat,) = attach_written(driven).attach.seats
    assert seat == pb.Seat(player_id="p1", seat_secret=b"new")
    assert inbox.seats["p1"].secret == SECRET
    driven.hear(said.attached("a2", None, "p1", head=3))
    assert inbox.seats["p1"].secret == b"new"


def test_attaches_of_one_game_go_one_after_the_other_and_each_with_all_seats() -> None:
    driven = Driven().connect()
    driven.attach("a1", "p1")
    driven.attach("a2", "p2")
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p1"]
    driven.hear(said.attached("a1", said.game(3), "p1"))
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p1", "p2"]


def test_seats_attached_under_two_names_of_a_game_are_attached_together_in_the_end() -> None:
    driven = Driven().connect()
    driven.attach("a1", "p1")
    by_code = pb.Attach(game_id=said.CODE, seats=[pb.Seat(player_id="p2", seat_secret=SECRET)])
    driven.connection.attach(by_code, "a2", driven.now)
    assert driven.payloads() == ["attach", "attach"]
    driven.hear(said.attached("a1", said.game(3), "p1"), said.attached("a2", said.game(3), "p2"))
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p1", "p2"]


def test_a_seat_whose_secret_is_dead_is_not_attached_again() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.connection.hold(said.GAME, "")
    removed = said.event(4, player_removed=pb.PlayerRemoved(player_id="p1"))
    driven.hear(said.batch(removed))
    assert not inbox.seats
    driven.lose()
    driven.stream()
    assert not attach_written(driven).attach.seats


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (said.event(4, player_left=pb.PlayerLeft(player_id="p1")), "REQUESTED"),
        (said.event(4, player_removed=pb.PlayerRemoved(player_id="p1")), "REMOVED"),
        (said.event(4, seat_reset=pb.SeatReset(player_id="p1")), "REMOVED"),
    ],
)
def test_who_lost_the_seat_with_the_stream_is_told_though_the_server_could_not(
    event: pb.GameEvent, reason: str
) -> None:
    driven = Driven().connect()
    driven.join()
    driven.connection.hold(said.GAME, "p1")
    driven.hear(said.batch(event))
    driven.lose()
    driven.stream()
    (ended,) = driven.told(Ended)
    assert isinstance(ended.error, GameDetached)
    assert ended.error.reason == reason
    assert "attach" not in driven.payloads()


def test_a_proof_that_is_newer_than_the_reset_of_the_seat_holds() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.attach("a2", "p2")
    driven.written()
    driven.hear(said.attached("a2", None, "p1", "p2", head=5))
    driven.hear(said.batch(said.event(5, seat_reset=pb.SeatReset(player_id="p2"))))
    assert set(inbox.seats) == {"p1", "p2"}
    driven.hear(said.batch(said.event(6, seat_reset=pb.SeatReset(player_id="p2"))))
    assert set(inbox.seats) == {"p1"}


def test_a_seat_whose_proof_is_refused_does_not_take_the_others_with_it() -> None:
    driven = Driven().connect()
    driven.join()
    driven.attach("a2", "p2")
    driven.written()
    driven.hear(said.attached("a2", said.game(3), "p1", "p2"))
    driven.connection.hold(said.GAME, "p2")
    driven.lose()
    driven.stream()
    request = attach_written(driven)
    refusal = pb.Refusal(reason=pb.REASON_SEAT_SECRET_WRONG, player_ids=["p1"], definite=True)
    driven.hear(
        said.detached(
            pb.DETACH_REASON_REFUSED, STOP, correlation_id=request.correlation_id, refusal=refusal
        )
    )
    assert not driven.told(Ended)
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p2"]


def test_an_attach_is_not_refused_for_a_seat_that_is_held_beside_the_one_it_asks_for() -> None:
    driven = Driven().connect()
    driven.join()
    driven.connection.hold(said.GAME, "p1")
    driven.attach("a2", "p2")
    driven.written()
    refusal = pb.Refusal(reason=pb.REASON_SEAT_SECRET_WRONG, player_ids=["p1"], definite=True)
    refused = said.detached(pb.DETACH_REASON_REFUSED, STOP, correlation_id="a2", refusal=refusal)
    driven.hear(refused)
    request = attach_written(driven)
    assert request.correlation_id == "a2"
    assert [seat.player_id for seat in request.attach.seats] == ["p2"]
    refusal.player_ids[:] = ["p2"]
    driven.hear(said.detached(pb.DETACH_REASON_REFUSED, STOP, correlation_id="a2", refusal=refusal))
    assert isinstance(driven.outcomes()["a2"], CommandRefused)


def test_the_refusal_of_an_attach_that_was_given_up_concerns_nobody() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.attach("a2", "p1")
    driven.written()
    driven.connection.forget("a2", driven.now)
    refusal = pb.Refusal(reason=pb.REASON_SEAT_SECRET_WRONG, player_ids=["p1"], definite=True)
    driven.hear(said.detached(pb.DETACH_REASON_REFUSED, STOP, correlation_id="a2", refusal=refusal))
    assert not driven.notices
    assert driven.connection.games == {said.GAME: inbox}
    assert set(inbox.seats) == {"p1"}


# Letting go


def test_the_last_who_lets_go_detaches_the_game() -> None:
    driven = Driven().connect()
    driven.join()
    driven.connection.hold(said.GAME, "p1")
    driven.connection.release(said.GAME, "p1", driven.now)
    assert driven.payloads() == []
    driven.connection.release(said.GAME, "p1", driven.now)
    (message,) = driven.written()
    assert message.detach == pb.Detach(game_id=said.GAME)
    driven.hear(said.batch(said.joined(4)), said.detached(pb.DETACH_REASON_REQUESTED, STOP))
    assert not driven.notices


def test_a_game_that_somebody_is_just_joining_is_not_detached() -> None:
    driven = Driven().connect()
    driven.attach("a1")
    driven.written()
    driven.hear(said.attached("a1", said.game(3)))
    driven.connection.hold(said.GAME, "")
    join = pb.JoinGame(display_name="Ada", seat_secret=SECRET, attach=True)
    driven.connection.send(pb.Command(game_id=said.GAME, join_game=join), "join", driven.now)
    driven.written()
    driven.hear(said.attached("join", said.game(4), "p1"))
    driven.connection.release(said.GAME, "", driven.now)
    assert driven.payloads() == []
    driven.hear(said.accepted("join", 4, player_id="p1"))
    assert set(driven.connection.games[said.GAME].seats) == {"p1"}


def test_a_seat_that_was_taken_without_attaching_it_is_not_held() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    join = pb.JoinGame(display_name="Bob", seat_secret=SECRET)
    driven.connection.send(pb.Command(game_id=said.GAME, join_game=join), "bob", driven.now)
    driven.written()
    driven.hear(said.accepted("bob", 4, player_id="p2"))
    assert set(inbox.seats) == {"p1"}


def test_an_attach_that_was_given_up_is_followed_by_one_that_settles_the_seats() -> None:
    driven = Driven(command_timeout=20.0).connect(ping_ms=0)
    driven.join()
    driven.attach("a2", "p2")
    driven.written()
    driven.wait(20.0)
    (settled,) = driven.told(Settled)
    assert isinstance(settled.outcome, OutcomeUnknown)
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p1"]


def test_nothing_is_asked_for_anybody_while_the_connection_is_given_up() -> None:
    driven = Driven().connect()
    driven.join()
    driven.attach("a2", "p2")
    driven.written()
    driven.lose(Loss("Stop.", retryable=False))
    assert driven.connection.timer() is None
    driven.connect()
    assert [seat.player_id for seat in attach_written(driven).attach.seats] == ["p1"]


def test_a_client_that_was_closed_and_opened_again_follows_nothing() -> None:
    driven = Driven().connect()
    driven.join()
    driven.attach("a2", "p2")
    driven.written()
    driven.note(driven.connection.close(driven.now))
    driven.connect()
    assert driven.payloads() == []
    assert not driven.connection.games


# Acknowledging


def acks(driven: Driven) -> list[int]:
    return [message.ack.version for message in driven.written()]


def test_applied_events_are_acknowledged_after_a_while_in_one_message() -> None:
    driven = Driven().connect(within_ms=200)
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.wait(0.1)
    driven.hear(said.batch(said.joined(5, "p4", "Di")))
    assert acks(driven) == []
    assert driven.connection.wake() == pytest.approx(driven.now + 0.1)
    driven.wait(0.1)
    assert acks(driven) == [5]
    assert acks(driven) == []


def test_after_so_many_events_they_are_acknowledged_at_once() -> None:
    driven = Driven().connect(every_events=3)
    driven.join()
    driven.hear(said.batch(said.event(4), said.event(5)))
    assert acks(driven) == []
    driven.hear(said.batch(said.event(6)))
    assert acks(driven) == [6]
    driven.hear(said.batch(said.event(7), said.event(8)))
    assert acks(driven) == []


@pytest.mark.parametrize(
    "critical",
    [
        said.round_started(4),
        said.event(4, votes_revealed=pb.VotesRevealed()),
        said.event(4, estimate_accepted=pb.EstimateAccepted()),
        said.ended(4),
    ],
    ids=lambda event: event.WhichOneof("event"),
)
def test_critical_events_are_acknowledged_at_once(critical: pb.GameEvent) -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(critical))
    assert acks(driven) == [4]


@pytest.mark.parametrize("answer", ["detached", "refused"])
def test_what_a_refused_attach_would_have_acknowledged_is_acknowledged_all_the_same(
    answer: str,
) -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.attach("a2", "p2")
    assert driven.payloads() == ["attach"]
    refusal = pb.Refusal(reason=pb.REASON_SEAT_SECRET_WRONG, player_ids=["p2"], definite=True)
    driven.hear(
        said.detached(pb.DETACH_REASON_REFUSED, STOP, correlation_id="a2", refusal=refusal)
        if answer == "detached"
        else said.refused("a2", refusal)
    )
    (message,) = driven.written()
    assert message.ack == pb.Ack(game_id=said.GAME, version=4)


def test_what_is_sent_again_is_acknowledged_again() -> None:
    driven = Driven().connect(within_ms=200)
    driven.join()
    driven.hear(said.batch(said.round_started(4)))
    assert acks(driven) == [4]
    driven.hear(said.batch(said.round_started(4)))
    driven.wait(0.2)
    assert acks(driven) == [4]
    driven.hear(said.snapshot_instead(said.game(4)))
    driven.wait(0.2)
    assert acks(driven) == [4]


def test_nothing_is_acknowledged_that_the_new_subscription_did_not_send() -> None:
    driven = Driven().connect(within_ms=200)
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.attach("a2")
    request = attach_written(driven)
    assert request.attach.after_version == 4
    # The old subscription's last events cross the Attach.
    driven.hear(said.batch(said.round_started(5), said.voted(6)))
    driven.wait(1.0)
    assert acks(driven) == []
    driven.hear(said.attached("a2", None, "p1", head=6))
    assert acks(driven) == [4]
    driven.hear(said.batch(said.round_started(5)))
    driven.wait(0.2)
    assert acks(driven) == [5]
    driven.hear(said.batch(said.voted(6)))
    driven.wait(0.2)
    assert acks(driven) == [6]


def test_before_closing_everything_is_acknowledged() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(said.batch(said.joined(4)))
    driven.connection.finish()
    assert acks(driven) == [4]


# Beside the log


def test_the_own_card_is_known_as_soon_as_the_vote_is_accepted() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    vote = pb.SubmitVote(round_id="r1", card="8", comment="risky")
    driven.ask("c1", submit_vote=vote)
    driven.written()
    driven.hear(said.accepted("c1", 5))
    state = inbox.seat_states["p1"]
    assert (state.round_id, state.card, state.comment) == ("r1", "8", "risky")
    driven.ask("c2", retract_vote=pb.RetractVote(round_id="r1"))
    driven.written()
    driven.hear(said.accepted("c2", 6))
    assert inbox.seat_states["p1"].card == ""


def test_the_latest_word_on_a_seat_wins() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    for card, at_version in (("5", 7), ("8", 9), ("3", 8), ("13", 9), ("1", 8)):
        driven.hear(own_card(card, at_version))
    assert inbox.seat_states["p1"].card == "13"


def test_after_a_snapshot_only_later_words_on_a_seat_count() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.hear(own_card("8", 9), said.snapshot_instead(said.game(20)), own_card("5", 8))
    assert inbox.seat_states["p1"].card == "5"


def own_card(card: str, at_version: int) -> pb.ServerEnvelope:
    state = pb.SeatState(game_id=said.GAME, player_id="p1", card=card, at_version=at_version)
    return said.envelope(seat_state=state)


def test_presence_follows_who_comes_and_goes() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    came = {"p2": pb.PRESENCE_CONNECTED, "p1": pb.PRESENCE_DISCONNECTED}
    driven.hear(said.envelope(presence_delta=pb.PresenceDelta(game_id=said.GAME, players=came)))
    assert inbox.present == {"p2"}


def test_what_only_a_newer_sdk_knows_is_passed_over() -> None:
    driven = Driven().connect()
    driven.join()
    driven.hear(
        said.envelope(),
        said.envelope(presence_delta=pb.PresenceDelta(game_id="another")),
    )
    assert not driven.told(Hangup)
    assert not driven.notices


def test_who_is_no_player_any_more_is_not_present() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    came: dict[str, pb.Presence.ValueType] = {"p2": pb.PRESENCE_CONNECTED}
    driven.hear(said.envelope(presence_delta=pb.PresenceDelta(game_id=said.GAME, players=came)))
    assert inbox.players_present == {"p1", "p2"}
    left = said.event(4, player_left=pb.PlayerLeft(player_id="p2"))
    driven.hear(said.batch(left))  # after which nobody says that they are gone
    assert inbox.players_present == {"p1"}
