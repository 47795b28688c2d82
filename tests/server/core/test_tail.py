"""The newest events of a game in memory."""

from hypothesis import given
from hypothesis import strategies as st

from planning_poker_server.tail import Tail, TailEvent


def filled(sizes: list[int], capacity: int) -> tuple[Tail, list[TailEvent]]:
    tail = Tail(capacity)
    events = [TailEvent(n, b"x" * size, f"id-{n}") for n, size in enumerate(sizes, start=1)]
    for event in events:
        tail.append(event)
    return tail, events


def slice_of(
    events: list[TailEvent], after: int, max_events: int, max_bytes: int
) -> list[TailEvent]:
    """What `Tail.after` means, in the plainest words."""
    waiting = [event for event in events if event.version > after][:max_events]
    while len(waiting) > 1 and sum(len(event.encoded) for event in waiting) > max_bytes:
        waiting.pop()
    return waiting


@given(
    sizes=st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=60),
    capacity=st.integers(min_value=1, max_value=40),
    behind=st.integers(min_value=0, max_value=60),
    max_events=st.integers(min_value=1, max_value=70),
    max_bytes=st.integers(min_value=1, max_value=400),
)
def test_after_is_a_slice_of_what_is_held(
    sizes: list[int], capacity: int, behind: int, max_events: int, max_bytes: int
) -> None:
    tail, events = filled(sizes, capacity)
    after = max(tail.first_version - 1, len(events) - behind)
    taken = list(tail.after(after, max_events, max_bytes))
    assert taken == slice_of(events, after, max_events, max_bytes)


@given(
    sizes=st.lists(st.integers(min_value=0, max_value=40), max_size=60),
    capacity=st.integers(min_value=1, max_value=40),
    version=st.integers(min_value=-5, max_value=70),
)
def test_it_holds_the_newest_events_and_says_so(
    sizes: list[int], capacity: int, version: int
) -> None:
    tail, events = filled(sizes, capacity)
    held = {event.version: event for event in events[-capacity:]}
    assert tail.holds(version) == (version in held)
    if version in held:
        assert tail.at(version) == held[version]


def test_one_event_larger_than_the_limit_is_still_given() -> None:
    tail, events = filled([5, 900, 5], capacity=10)
    assert list(tail.after(1, 10, 100)) == [events[1]]
    assert list(tail.after(0, 10, 100)) == [events[0]]


def test_an_empty_tail_holds_nothing() -> None:
    assert not Tail(10).holds(0)
    assert not Tail(10).holds(1)


def test_large_events_push_out_the_oldest_but_never_the_newest() -> None:
    tail = Tail(capacity=10, max_bytes=100)
    for version, size in enumerate((40, 40, 40, 500), start=1):
        tail.append(TailEvent(version, b"x" * size, ""))
        assert tail.holds(version)
        assert tail.first_version == (1, 1, 2, 4)[version - 1]


def test_it_knows_how_much_waits_behind_a_version() -> None:
    tail, _ = filled([1, 10, 100, 1_000], capacity=3)
    assert [tail.size_after(version) for version in (1, 2, 3, 4)] == [1_110, 1_100, 1_000, 0]
