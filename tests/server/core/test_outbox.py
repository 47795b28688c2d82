"""One subscriber: a cursor over the room's tail, a window, and what is private to its seats."""

from collections.abc import Mapping

import pytest

import planningpoker.v1 as pb
from planning_poker_server.outbox import AckAhead, Outbox
from planning_poker_server.settings import StreamSettings
from tests.server.core.parts import (
    GAME_ID,
    Bench,
    creation,
    decoded,
    game,
    joining,
    retraction,
    reveal,
    seat_of,
    story,
    stream_settings,
    ticket,
    vote,
)

NOW_MS = 1_750_000_000_000


def follow(
    bench: Bench,
    seats: Mapping[str, str] | None = None,
    after: int = 0,
    replaced: Outbox | None = None,
    **limits: int,
) -> Outbox:
    """A subscriber with these seats (player id → name)."""
    correlation_id = ""
    if after:
        event = pb.GameEvent.FromString(bench.rows[after - 1].event)
        correlation_id = event.correlation_id
    begin = bench.room.attach(after, correlation_id)
    hashes = {player_id: seat_of(name) for player_id, name in (seats or {}).items()}
    settings: StreamSettings = stream_settings(**limits)
    return Outbox(bench.room, hashes, begin, settings, NOW_MS, replaced)


def drain(outbox: Outbox) -> list[pb.ServerEnvelope]:
    """All that can be written now."""
    outbox.release()
    frames: list[bytes] = []
    while (frame := outbox.next_frame(NOW_MS)) is not None:
        frames.append(frame)
        assert len(frames) < 10_000
    return decoded(frames)


def versions(frames: list[pb.ServerEnvelope]) -> list[int]:
    return [event.version for frame in frames for event in frame.event_batch.events]


def names(frames: list[pb.ServerEnvelope]) -> list[str]:
    return [frame.message_type for frame in frames]


def test_who_begins_with_a_snapshot_has_nothing_to_be_sent() -> None:
    outbox = follow(game("Bob"))
    assert drain(outbox) == []
    assert (outbox.sent, outbox.acknowledged) == (3, 0)


def test_what_is_published_is_sent_in_order_and_once() -> None:
    bench = game("Bob")
    outbox = follow(bench)
    bench.do(story("Login"), story("Logout"))
    assert versions(drain(outbox)) == [4, 5]
    bench.do(story("Search"))
    assert versions(drain(outbox)) == [6]
    assert drain(outbox) == []


def test_who_resumes_has_acknowledged_what_it_resumes_from() -> None:
    bench = game("Bob", "Cid", "Dee")
    outbox = follow(bench, after=3)
    assert outbox.acknowledged == 3
    frames = drain(outbox)
    assert versions(frames) == [4, 5]
    assert [frame.event_batch.replay for frame in frames] == [True]


def test_what_was_missed_and_what_is_new_never_share_a_batch() -> None:
    bench = game("Bob", "Cid", "Dee")
    outbox = follow(bench, after=3)
    bench.do(story("Login"))
    frames = drain(outbox)
    assert versions(frames) == [4, 5, 6]
    assert [frame.event_batch.replay for frame in frames] == [True, False]


def test_subscribers_in_step_share_the_encoded_frame() -> None:
    bench = game("Bob")
    one, other = follow(bench), follow(bench)
    bench.do(story("Login"))
    assert one.next_frame(NOW_MS) is other.next_frame(NOW_MS + 3)


# The window


def test_no_more_events_are_sent_than_the_window_takes() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=3)
    bench.do(*(story(f"Story {n}") for n in range(5)))
    assert versions(drain(outbox)) == [4, 5, 6]
    outbox.acknowledge(4, NOW_MS)
    assert versions(drain(outbox)) == [7]
    outbox.acknowledge(7, NOW_MS)
    assert versions(drain(outbox)) == [8]


def test_no_more_bytes_are_sent_than_the_window_takes() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_bytes=2_500)
    bench.do(*(story("Story", "x" * 1_000) for _ in range(5)))
    first = versions(drain(outbox))
    assert first == [4, 5, 6]  # the last one was begun while there was room
    assert drain(outbox) == []
    outbox.acknowledge(6, NOW_MS)
    assert versions(drain(outbox)) == [7, 8]


def test_an_acknowledgement_is_cumulative() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=3)
    for n in range(3):
        bench.do(story(f"Story {n}"))
        drain(outbox)
    outbox.acknowledge(6, NOW_MS)
    bench.do(story("Story 4"), story("Story 5"), story("Story 6"))
    assert versions(drain(outbox)) == [7, 8, 9]


def test_an_acknowledgement_within_a_batch_opens_the_window_by_its_events() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=3)
    bench.do(*(story(f"Story {n}") for n in range(6)))
    drain(outbox)
    outbox.acknowledge(5, NOW_MS)
    assert versions(drain(outbox)) == [7, 8]


def test_an_acknowledgement_backwards_changes_nothing() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=2)
    bench.do(story("Login"), story("Logout"), story("Search"))
    drain(outbox)
    outbox.acknowledge(5, NOW_MS)
    for backwards in (4, 0, -7):
        outbox.acknowledge(backwards, NOW_MS)
    assert outbox.acknowledged == 5
    assert versions(drain(outbox)) == [6]


def test_acknowledging_what_was_never_sent_is_a_broken_client() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=2)
    bench.do(story("Login"), story("Logout"), story("Search"))
    drain(outbox)
    with pytest.raises(AckAhead):
        outbox.acknowledge(6, NOW_MS)


def test_what_was_sent_before_attaching_again_may_still_be_acknowledged() -> None:
    bench = game("Bob")
    first = follow(bench)
    bench.do(story("Login"), story("Logout"))
    drain(first)
    again = follow(bench, after=3, replaced=first)
    again.acknowledge(5, NOW_MS)  # it was under way when the client attached again
    assert again.acknowledged == 3
    assert versions(drain(again)) == [4, 5]
    third = follow(bench, after=3, replaced=follow(bench, after=3, replaced=first))
    third.acknowledge(5, NOW_MS)
    with pytest.raises(AckAhead):
        third.acknowledge(6, NOW_MS)


# Falling behind


def behind(count: int) -> tuple[Bench, Outbox]:
    """A subscriber that acknowledged its snapshot and then nothing of `count` events."""
    bench = game("Bob")
    outbox = follow(bench, window_events=2, max_outbox_frames=4)
    outbox.acknowledge(3, NOW_MS)
    for n in range(count):
        bench.do(story(f"Story {n}"))
        drain(outbox)
    return bench, outbox


def test_what_waits_is_held_back_up_to_the_limit() -> None:
    _, outbox = behind(6)
    assert outbox.sent == 5
    assert not outbox.slow


def test_too_much_that_waits_becomes_one_snapshot() -> None:
    bench, outbox = behind(6)
    bench.do(story("One more"))
    (frame,) = drain(outbox)
    batch = frame.event_batch
    assert (batch.first_version, len(batch.events)) == (10, 0)
    assert batch.snapshot == bench.room.state.view.to_game()
    assert outbox.sent == 10


def test_too_many_bytes_that_wait_become_one_snapshot() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=1, max_outbox_bytes=3_000)
    outbox.acknowledge(3, NOW_MS)
    bench.do(story("Login"))
    drain(outbox)
    bench.do(*(story("Large", "x" * 900) for _ in range(3)))
    assert drain(outbox) == []
    bench.do(story("Large", "x" * 900))
    (frame,) = drain(outbox)
    assert frame.event_batch.snapshot.version == 8


def test_a_burst_to_a_subscriber_that_keeps_up_is_sent_as_events() -> None:
    bench = game("Bob")
    outbox = follow(bench, max_outbox_bytes=3_000)
    bench.do(*(story("Large", "x" * 900) for _ in range(5)))
    assert versions(drain(outbox)) == [4, 5, 6, 7, 8]


def test_after_a_snapshot_the_window_is_open_again() -> None:
    bench, outbox = behind(7)
    bench.do(story("After it"))
    assert versions(drain(outbox)) == [11]


def test_after_a_snapshot_the_window_is_open_for_as_many_bytes_again() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_bytes=1_500, max_outbox_frames=2)
    outbox.acknowledge(3, NOW_MS)
    bench.do(story("Large", "x" * 2_000))
    assert versions(drain(outbox)) == [4]
    bench.do(*(story("Small") for _ in range(3)))
    (frame,) = drain(outbox)
    assert frame.event_batch.snapshot.version == 7
    bench.do(story("Small"))
    assert versions(drain(outbox)) == [8]


def test_a_subscriber_that_acknowledges_its_snapshot_goes_on() -> None:
    bench, outbox = behind(7)
    outbox.acknowledge(10, NOW_MS)
    bench.do(*(story(f"More {n}") for n in range(2)))
    drain(outbox)
    bench.do(*(story(f"More {n}") for n in range(5)))
    (frame,) = drain(outbox)
    assert frame.event_batch.snapshot.version == 17
    assert not outbox.slow


def test_falling_behind_again_before_the_snapshot_is_acknowledged_is_slow() -> None:
    bench, outbox = behind(7)
    for n in range(7):
        bench.do(story(f"More {n}"))
        drain(outbox)
    assert outbox.slow


def test_who_never_acknowledged_its_first_snapshot_is_slow_at_once() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=2, max_outbox_frames=4)
    for n in range(7):
        bench.do(story(f"Story {n}"))
        drain(outbox)
    assert outbox.slow


def test_what_was_missed_at_the_beginning_does_not_count_as_falling_behind() -> None:
    bench = game(*(f"P{n}" for n in range(20)))
    outbox = follow(bench, after=2, window_events=2, max_outbox_frames=4)
    for version in range(4, 24, 2):
        assert versions(drain(outbox)) == list(range(version - 1, min(version, 22) + 1))
        outbox.acknowledge(outbox.sent, NOW_MS)
    assert not outbox.slow


def test_a_tail_that_moved_on_becomes_a_snapshot_and_never_a_gap() -> None:
    bench = Bench(tail_events=5)
    bench.do(creation(), *(joining(f"P{n}") for n in range(6)))
    outbox = follow(bench, after=4, window_events=1)
    drain(outbox)
    bench.do(*(story(f"Story {n}") for n in range(8)))
    (frame,) = drain(outbox)
    assert frame.event_batch.snapshot.version == 16


# What is private, and who is there


def test_the_state_of_each_seat_follows_the_beginning() -> None:
    bench = game("Bob", voting=True)
    bench.do(vote("Bob", "p2", "5"))
    outbox = follow(bench, {"p1": "Ada", "p2": "Bob"})
    states = [frame.seat_state for frame in drain(outbox)]
    assert [(state.player_id, state.card) for state in states] == [("p1", ""), ("p2", "5")]
    assert {(state.round_id, state.at_version) for state in states} == {("r1", 5)}


def test_the_state_of_a_seat_comes_behind_the_events_it_follows_from() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"))
    outbox.tell_seats(["p2"])
    frames = drain(outbox)
    assert names(frames) == ["event_batch", "seat_state"]
    assert (frames[1].seat_state.card, frames[1].seat_state.at_version) == ("5", 5)


def test_of_several_votes_only_the_last_is_told() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    for card in ("5", "8", "13"):
        bench.do(vote("Bob", "p2", card))
        outbox.tell_seats(["p2"])
    states = [frame.seat_state for frame in drain(outbox) if frame.HasField("seat_state")]
    assert [state.card for state in states] == ["13"]
    bench.do(retraction("Bob", "p2"))
    outbox.tell_seats(["p2"])
    assert drain(outbox)[-1].seat_state.card == ""


def test_the_state_of_a_seat_waits_while_the_window_is_closed() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"}, window_events=1)
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"), vote("Bob", "p2", "8"))
    outbox.tell_seats(["p2"])
    assert names(drain(outbox)) == ["event_batch"]
    outbox.acknowledge(5, NOW_MS)
    frames = drain(outbox)
    assert names(frames) == ["event_batch", "seat_state"]
    assert frames[1].seat_state.card == "8"


def test_the_state_of_a_seat_is_told_although_the_game_goes_on_while_each_frame_is_written() -> (
    None
):
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"))
    outbox.tell_seats(["p2"])
    told: list[pb.ServerEnvelope] = []
    for number in range(4):
        outbox.release()
        told += decoded([frame] if (frame := outbox.next_frame(NOW_MS)) else [])
        bench.do(story(f"Story {number}"))
    assert names(told) == ["event_batch", "seat_state", "event_batch", "event_batch"]
    assert (told[1].seat_state.card, told[1].seat_state.at_version) == ("5", 5)


def test_a_seat_is_told_at_its_tick_although_more_has_happened_since() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"))
    outbox.tell_seats(["p2"])
    outbox.release()
    bench.do(vote("Bob", "p2", "8"))
    frames = decoded([frame for _ in range(2) if (frame := outbox.next_frame(NOW_MS))])
    assert names(frames) == ["event_batch", "seat_state"]
    assert (frames[1].seat_state.card, frames[1].seat_state.at_version) == ("8", 6)


def test_the_state_of_each_seat_follows_a_snapshot() -> None:
    bench, outbox = behind(4)
    outbox.seats["p2"] = seat_of("Bob")
    bench.do(*(story(f"More {n}") for n in range(4)))
    frames = drain(outbox)
    assert names(frames) == ["event_batch", "seat_state"]
    assert frames[0].event_batch.snapshot.version == frames[1].seat_state.at_version


def test_nobody_is_told_of_a_seat_that_is_not_held_here() -> None:
    bench = game("Bob", "Eve", voting=True)
    outbox = follow(bench, {"p3": "Eve"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5", comment="canary"))
    outbox.tell_seats(["p2"])
    frames = drain(outbox)
    assert names(frames) == ["event_batch"]
    assert b"canary" not in frames[0].SerializeToString()


def test_a_seat_that_was_dropped_is_told_of_no_more() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"))
    outbox.tell_seats(["p2"])
    outbox.drop_seat("p2")
    outbox.drop_seat("p2")
    assert names(drain(outbox)) == ["event_batch"]


def test_a_seat_that_was_dropped_while_its_events_were_written_is_told_of_no_more() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"))
    outbox.tell_seats(["p2"])
    outbox.release()
    assert outbox.next_frame(NOW_MS) is not None
    outbox.drop_seat("p2")
    assert drain(outbox) == []


def test_after_a_reset_the_new_holder_is_not_told_the_card_that_lies_there() -> None:
    bench = game("Bob", voting=True)
    bench.do(vote("Bob", "p2", "5"))
    reset = pb.ResetSeat(player_id="p2", seat_secret=b"n" * 32)
    bench.do(ticket(pb.Command(game_id=GAME_ID, player_id="p1", reset_seat=reset), "Ada"))
    outbox = follow(bench, {"p2": "whoever asked for the reset"})
    (frame,) = drain(outbox)
    assert (frame.seat_state.player_id, frame.seat_state.card) == ("p2", "")


def test_presence_is_merged_until_it_is_sent() -> None:
    outbox = follow(game("Bob"))
    outbox.tell_presence({"p1": pb.PRESENCE_CONNECTED, "p2": pb.PRESENCE_CONNECTED})
    outbox.tell_presence({"p2": pb.PRESENCE_DISCONNECTED})
    (frame,) = drain(outbox)
    assert dict(frame.presence_delta.players) == {
        "p1": pb.PRESENCE_CONNECTED,
        "p2": pb.PRESENCE_DISCONNECTED,
    }
    assert drain(outbox) == []


def test_presence_passes_a_closed_window() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=1)
    bench.do(story("Login"), story("Logout"))
    drain(outbox)
    outbox.tell_presence({"p2": pb.PRESENCE_DISCONNECTED})
    assert names(drain(outbox)) == ["presence_delta"]


def test_the_reveal_is_sent_before_the_seat_is_told_of_it() -> None:
    bench = game("Bob", voting=True)
    outbox = follow(bench, {"p2": "Bob"})
    drain(outbox)
    bench.do(vote("Bob", "p2", "5"))
    outbox.tell_seats(["p2"])
    bench.do(reveal(force=True))
    frames = drain(outbox)
    assert versions(frames) == [5, 6]
    assert frames[-1].seat_state.at_version == 6


def test_a_snapshot_instead_of_events_tells_what_to_resume_from() -> None:
    bench = game("Bob")
    outbox = follow(bench, max_outbox_frames=2)
    outbox.acknowledge(3, NOW_MS)
    bench.do(*(story(f"Story {n}") for n in range(4)))
    (frame,) = drain(outbox)
    last = pb.GameEvent.FromString(bench.rows[-1].event)
    assert frame.event_batch.snapshot_correlation_id == last.correlation_id != ""


def test_what_happens_while_the_events_before_it_are_written_waits_for_its_tick() -> None:
    bench = game("Bob")
    outbox = follow(bench)
    bench.do(story("Login"), story("Logout"))
    outbox.release()
    bench.do(story("Search"))
    (frame,) = decoded([outbox.next_frame(NOW_MS) or b""])
    assert versions([frame]) == [4, 5]
    bench.do(story("Sort"))
    assert outbox.next_frame(NOW_MS) is None
    assert versions(drain(outbox)) == [6, 7]


def test_an_acknowledgement_lets_go_only_what_the_window_kept_back() -> None:
    bench = game("Bob")
    outbox = follow(bench, window_events=1)
    outbox.acknowledge(3, NOW_MS)
    bench.do(story("Login"))
    drain(outbox)
    assert not outbox.held
    bench.do(story("Logout"))
    assert drain(outbox) == []
    assert outbox.held
