"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from planning_poker_server.ratelimit import Bucket, Buckets

NOW_MS = 1_000_000


def test_a_burst_is_allowed_and_no_more() -> None:
    bucket = Bucket(50, 3, NOW_MS)
    assert [bucket.take(NOW_MS) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(NOW_MS) == 20


def test_the_rate_counts_once_the_burst_is_spent() -> None:
    bucket = Bucket(50, 1, NOW_MS)
    taken = [bucket.take(NOW_MS + ms) for ms in range(1_000)]
    assert taken.count(0) == 50


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    bucket = Bucket(50, 3, NOW_MS)
    later = NOW_MS + 3_600_000
    assert [bucket.take(later) for _ in range(4)].count(0) == 3


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = Bucket(50, 1, NOW_MS)
    assert bucket.take(NOW_MS) == 0
    assert bucket.take(NOW_MS - 10_000) > 0


@given(
    per_second=st.floats(min_value=0.1, max_value=100_000),
    burst=st.integers(min_value=1, max_value=3),
    gaps=st.lists(st.integers(min_value=0, max_value=5_000), max_size=30),
)
def test_whoever_waits_as_told_is_let_through(
    per_second: float, burst: int, gaps: list[int]
) -> None:
    bucket, now_ms = Bucket(per_second, burst, NOW_MS), NOW_MS
    for gap in gaps:
        now_ms += gap
        wait_ms = bucket.take(now_ms)
        if wait_ms:
            now_ms += wait_ms
            assert bucket.take(now_ms) == 0


def test_what_turns_out_to_cost_more_is_paid_before_the_next() -> None:
    bucket = Bucket(10, 2, NOW_MS)
    assert bucket.take(NOW_MS) == 0
    bucket.charge(3)  # of which one was left
    assert bucket.take(NOW_MS) == 300
    assert bucket.take(NOW_MS + 299) > 0
    assert bucket.take(NOW_MS + 300) == 0


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(per_minute=2)
    assert [buckets.take(key, NOW_MS) > 0 for key in "aaabba"] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_only_the_keys_seen_last_are_remembered() -> None:
    buckets = Buckets(per_minute=1, capacity=2)
    buckets.take("old", NOW_MS)
    buckets.take("kept", NOW_MS)
    buckets.take("old", NOW_MS)
    buckets.take("new", NOW_MS)  # the longest unseen, "kept", makes room
    assert buckets.take("old", NOW_MS) > 0
    assert buckets.take("kept", NOW_MS) == 0


def test_a_key_may_have_less_at_once_than_a_minute_allows() -> None:
    buckets = Buckets(per_minute=60, burst=2)
    assert [buckets.take("a", NOW_MS) for _ in range(3)] == [0, 0, 1_000]
    assert buckets.take("a", NOW_MS + 1_000) == 0


def test_what_costs_more_is_charged_to_its_own_key_only() -> None:
    buckets = Buckets(per_minute=60, burst=3)
    for key in "ab":
        assert buckets.take(key, NOW_MS) == 0
    buckets.charge("a", 2)
    buckets.charge("unknown", 2)
    assert buckets.take("a", NOW_MS) > 0
    assert buckets.take("b", NOW_MS) == 0
