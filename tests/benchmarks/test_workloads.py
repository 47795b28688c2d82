"""Each workload at a tiny size: that it measures what it says, not how fast anything is."""

from pathlib import Path

import pytest

import planningpoker.v1 as pb
from benchmarks.load.lap import Step
from benchmarks.machine import Unsuitable, cores
from benchmarks.measure import TINY, Bench, Window
from benchmarks.workloads import crowd, games, idle, log, rebuild


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    try:
        return Bench(TINY, cores(), tmp_path, lambda _line: None)
    except Unsuitable as error:
        pytest.skip(str(error))


def told(frame: bytes) -> list[str | None]:
    batch = pb.ServerEnvelope.FromString(frame).event_batch
    return [event.WhichOneof("event") for event in batch.events]


def check(window: Window) -> None:
    seen = window.seen
    assert window.server_cpu > 0
    assert seen["events"] >= TINY.players
    assert seen["seen_p50_ms"] > 0, "no vote was seen by its correlation id"
    assert seen["acks"] > 0
    assert seen["refusals"] == {}
    answered = seen["frames"]["command_result"]
    assert answered > seen["frames"]["seat_state"] > 0, "votes have two answers, starts have one"


def test_the_server_and_the_peer_are_told_and_tell_the_same_round(bench: Bench) -> None:
    lap = games.record(bench)
    steps = [Step.from_json(step) for step in lap]
    votes = [["vote_submitted"]] * (TINY.players - 1) + [["vote_submitted", "votes_revealed"]]
    assert [told(frame) for step in steps for frame in step.everyone] == [["round_started"], *votes]
    # An answer, to a vote also the own card, and to what is critical a report.
    assert [len(step.sender) for step in steps] == [2] + [2] * (TINY.players - 1) + [3]
    for side in (None, lap):
        check(games.under_load(bench, side, seed=1))


def test_a_crowd_is_told_every_vote_in_fewer_frames(bench: Bench) -> None:
    lap = games.record(bench)
    bare = crowd.under_load(bench, lap, TINY.crowd_votes_per_s, seed=1)
    ours = crowd.under_load(bench, None, TINY.crowd_fast_per_s, seed=1)
    for side in (bare, ours):
        assert side.seen["events"] >= TINY.crowd, "nobody was told of a vote"
        assert side.seen["refusals"] == {}
    assert _frames(ours) < _frames(bare)


def _frames(seen: Window) -> float:
    """Batches for each delivered event."""
    return seen.per_event(seen.seen["frames"]["event_batch"])


def test_the_log_and_raw_inserts_are_counted(bench: Bench) -> None:
    found = log.measure(bench)
    for side in (found.ours, found.raw_large, found.raw_single):
        assert len(side) == TINY.repetitions
        assert side[0]["per_s"] > 0
    assert 0 < found.ours[0]["p50_ms"] <= found.ours[0]["p99_ms"]


def test_a_room_is_loaded_with_all_the_events_that_were_played(bench: Bench) -> None:
    found = rebuild.measure(bench)
    assert found.events >= TINY.history
    for side in (found.ours, found.bare):
        assert [each["events"] for each in side] == [found.events] * TINY.repetitions
        assert side[0]["ms"] > 0


def test_idle_streams_take_memory(bench: Bench) -> None:
    found = idle.measure(bench)
    assert found.streams == TINY.idle_games * TINY.players
    assert len(found.ours) == len(found.bare) == TINY.repetitions
    assert found.ours[0] > 0
