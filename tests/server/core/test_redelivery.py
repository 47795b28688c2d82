"""What is not acknowledged is sent again, less and less often, and then given up."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.redelivery import Ladder, Step, ladder_ms
from tests.server.core.desk import Desk
from tests.server.core.parts import GAME_ID, Bench, game, story


def climbed(ladder: Ladder, *, may_send: bool = True) -> list[tuple[int, Step]]:
    """Each step and when it came, until it is given up."""
    ladder.sent(0)
    steps: list[tuple[int, Step]] = []
    while ladder.due_ms is not None:
        due_ms = ladder.due_ms
        steps.append((due_ms, ladder.step(due_ms, may_send=may_send)))
        assert len(steps) < 1_000
    return steps


def test_the_ladder_has_five_ten_and_twenty_seconds_then_a_snapshot_then_the_end() -> None:
    assert climbed(Ladder(5_000, 3)) == [
        (5_000, Step.RESEND),
        (15_000, Step.RESEND),
        (35_000, Step.RESEND),
        (55_000, Step.SNAPSHOT),
        (75_000, Step.GIVE_UP),
    ]
    assert ladder_ms(5_000, 3) == 75_000


@pytest.mark.parametrize("redeliveries", range(1, 8))
def test_however_long_the_ladder_it_ends_when_it_says(redeliveries: int) -> None:
    steps = climbed(Ladder(1_000, redeliveries))
    assert [step for _, step in steps].count(Step.RESEND) == redeliveries
    assert steps[-2][1] == Step.SNAPSHOT
    assert steps[-1] == (ladder_ms(1_000, redeliveries), Step.GIVE_UP)


def test_who_shows_no_life_is_sent_nothing_and_given_up_in_the_same_time() -> None:
    steps = climbed(Ladder(5_000, 3), may_send=False)
    assert {step for _, step in steps[:-1]} == {Step.WAIT}
    assert steps[-1] == (75_000, Step.GIVE_UP)


def test_who_wakes_late_is_sent_what_is_left_of_the_ladder() -> None:
    ladder = Ladder(5_000, 3)
    ladder.sent(0)
    while ladder.due_ms is not None and ladder.due_ms < 60_000:
        assert ladder.step(ladder.due_ms, may_send=False) == Step.WAIT
    assert ladder.due_ms == 60_000
    assert ladder.step(60_000, may_send=True) == Step.RESEND
    assert (ladder.attempt, ladder.due_ms) == (2, 70_000)
    assert ladder.step(70_000, may_send=True) == Step.RESEND
    assert ladder.due_ms == 75_000
    assert ladder.step(75_000, may_send=True) == Step.GIVE_UP


def test_a_server_that_slept_gives_nobody_up_for_that() -> None:
    ladder = Ladder(5_000, 3)
    ladder.sent(0)
    assert ladder.step(3_600_000, may_send=False) == Step.WAIT
    assert ladder.step(3_601_000, may_send=True) == Step.RESEND
    assert ladder.due_ms == 3_611_000


def test_any_progress_begins_the_ladder_anew() -> None:
    ladder = Ladder(5_000, 3)
    ladder.sent(0)
    assert ladder.step(5_000, may_send=True) == Step.RESEND
    ladder.progressed(6_000, complete=False)
    assert (ladder.attempt, ladder.due_ms) == (1, 11_000)
    ladder.progressed(7_000, complete=True)
    assert (ladder.attempt, ladder.due_ms) == (1, None)


def test_more_that_is_sent_does_not_put_off_what_waits_for_long() -> None:
    ladder = Ladder(5_000, 3)
    ladder.sent(0)
    ladder.sent(4_000)
    assert ladder.due_ms == 5_000


# On a stream


class Reader:
    """A stream that follows a game and acknowledges only when told to."""

    def __init__(self, bench: Bench) -> None:
        self.desk = Desk()
        self.desk.attached(bench.room, "Ada")
        self.bench = bench
        self.told()
        self.ack()

    def told(self) -> list[pb.ServerEnvelope]:
        self.desk.session.wake(GAME_ID)
        return self.desk.told()

    def batches(self) -> list[tuple[int, list[int]]]:
        """Attempt and versions of each batch told now; a snapshot's version is negative."""
        batches = [e.event_batch for e in self.told() if e.HasField("event_batch")]
        return [
            (b.attempt, [event.version for event in b.events] or [-b.snapshot.version])
            for b in batches
        ]

    def ack(self, version: int | None = None) -> None:
        self.desk.ack(self.bench.room.head if version is None else version)

    def ping(self) -> None:
        self.desk.send(pb.ClientEnvelope(ping=pb.Ping()))
        self.desk.told()

    def wait(self, ms: int, *, alive: bool = True) -> None:
        """Time passes; in the middle of it the client shows life."""
        if alive:
            self.desk.now_ms += ms // 2
            self.ping()
            ms -= ms // 2
        self.desk.now_ms += ms
        self.desk.session.tick(self.desk.now_ms)


def reading(count: int = 2) -> Reader:
    """Somebody who was sent so many events, and has not acknowledged them."""
    reader = Reader(game("Bob"))
    reader.bench.do(*(story(f"Story {n}") for n in range(count)))
    (batch,) = reader.batches()
    assert batch[0] == 1
    return reader


def test_events_are_sent_again_with_the_number_of_the_attempt() -> None:
    reader = reading()
    reader.wait(4_999)
    assert reader.batches() == []
    reader.wait(2, alive=False)
    assert reader.batches() == [(2, [4, 5])]
    assert reader.batches() == []
    reader.wait(10_000)
    assert reader.batches() == [(3, [4, 5])]
    reader.wait(20_000)
    assert reader.batches() == [(4, [4, 5])]
    reader.wait(20_000)
    assert reader.batches() == [(5, [-5])]


def test_a_subscription_that_acknowledges_nothing_is_given_up_to_be_resumed() -> None:
    reader = reading()
    for ms in (5_000, 10_000, 20_000, 20_000):
        reader.wait(ms)
        reader.told()
    reader.wait(20_000)
    (told,) = [envelope.detached for envelope in reader.told()]
    assert told.reason == pb.DETACH_REASON_UNACKNOWLEDGED
    assert told.next_step == pb.NEXT_STEP_RESUME
    (dropped,) = reader.desk.session.dropped
    assert dropped == (GAME_ID, pb.DETACH_REASON_UNACKNOWLEDGED, 3, 5)
    assert reader.desk.session.timer() is None


def test_only_what_is_not_acknowledged_is_sent_again() -> None:
    reader = reading(4)
    reader.wait(1_000)
    reader.ack(5)
    reader.wait(4_999)
    assert reader.batches() == []
    reader.wait(2, alive=False)
    assert reader.batches() == [(2, [6, 7])]


def test_what_happens_meanwhile_follows_what_is_sent_again() -> None:
    reader = reading()
    reader.wait(5_000)
    reader.bench.do(story("Later"))
    assert reader.batches() == [(2, [4, 5]), (1, [6])]
    reader.ack()
    reader.wait(100_000)
    assert reader.batches() == []


def test_a_peer_that_shows_no_life_is_sent_nothing_again() -> None:
    reader = reading()
    for _ in range(60):
        reader.wait(1_000, alive=False)
        assert reader.batches() == []
    reader.ping()
    reader.wait(1_000, alive=False)
    assert reader.batches() == [(2, [4, 5])]


def test_nothing_is_sent_again_while_something_waits_to_be_written() -> None:
    reader = reading()
    reader.desk.now_ms += 1_000
    reader.desk.send(pb.ClientEnvelope(ping=pb.Ping()))  # its answer is not taken by the writer
    reader.wait(10_000, alive=False)
    assert [envelope.message_type for envelope in reader.told()] == ["pong"]
    reader.wait(1_000, alive=False)
    assert reader.batches() == [(2, [4, 5])]


def test_an_acknowledgement_calls_off_what_was_about_to_be_sent_again() -> None:
    reader = reading()
    reader.wait(5_000)
    reader.ack()
    assert reader.batches() == []
    assert reader.desk.session.timer() is not None
    reader.wait(60_000)
    assert reader.batches() == []
    assert reader.desk.session.timer() is None


def test_a_first_snapshot_that_nobody_acknowledges_is_sent_again_as_a_snapshot() -> None:
    bench = game("Bob")
    reader = Reader(bench)
    reader.desk.attached(bench.room, "Ada")
    reader.told()
    reader.wait(5_000)
    assert reader.batches() == [(2, [-3])]
    reader.ack()
    reader.wait(60_000)
    assert reader.batches() == []


def test_long_runs_are_sent_again_within_the_window() -> None:
    reader = Reader(game("Bob"))
    reader.bench.do(*(story(f"Story {n}", "x" * 3_900) for n in range(80)))
    sent = reader.batches()
    assert sum(len(versions) for _, versions in sent) < 80  # the window is full
    reader.wait(5_000)
    again = reader.batches()
    assert [v for _, versions in again for v in versions] == [v for _, vs in sent for v in vs]
    assert {attempt for attempt, _ in again} == {2}


def test_what_the_room_holds_no_longer_is_replaced_by_a_snapshot() -> None:
    bench = Bench(tail_events=3)
    bench.rows = game("Bob").rows
    bench.room.catch_up(bench.rows)
    reader = Reader(bench)
    for number in range(6):
        bench.do(story(f"Story {number}"))
        reader.batches()
    reader.wait(5_000)
    assert reader.batches() == [(2, [-9])]
