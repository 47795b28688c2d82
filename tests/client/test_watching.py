"""What a watch makes of what it is told, and of what it loses: no network is needed for it."""

from datetime import timedelta
from random import Random

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    CaughtUp,
    ClientOptions,
    CommandRefused,
    ConnectionFailed,
    ConnectionLost,
    FeedItem,
    Watched,
    WatchOptions,
)
from planning_poker_client.calls.statuses import Status
from planning_poker_client.feed.items import watch_request
from planning_poker_client.feed.watching import ENDED, SILENT, Watching
from tests.client.feed_server import caught_up, heartbeat, stored, told

NOW = 1_000.0
LOST = Status("UNAVAILABLE", 14, "Connection reset by peer")
OPTIONS = ClientOptions()


def watching(options: ClientOptions = OPTIONS, **wanted: object) -> Watching:
    given: WatchOptions = wanted  # type: ignore[assignment]
    return Watching("poker.test:50051", watch_request(given), options, NOW)


def begun(options: ClientOptions = OPTIONS, **wanted: object) -> Watching:
    """One whose first stream was welcomed."""
    watch = watching(options, **wanted)
    watch.opened()
    watch.received(heartbeat("0"), NOW)
    return watch


def taken(watch: Watching) -> list[FeedItem]:
    items = []
    while watch.has_waiting:
        items.append(watch.take())
    return items


def versions(items: list[FeedItem]) -> list[tuple[str, int]]:
    return [(item.game_id, item.version) for item in items if isinstance(item, Watched)]


# What is told


def test_an_item_is_told_with_its_cursor_and_what_happened() -> None:
    watch = begun()
    (event,) = stored(1)
    event.event.actor_id = "p1"
    watch.received(told(event), NOW)
    (item,) = taken(watch)
    assert isinstance(item, Watched)
    assert (item.cursor, item.game_id, item.name, item.version) == ("1", "a" * 32, "player_left", 1)
    assert (item.actor_id, item.body) == ("p1", pb.PlayerLeft(player_id="p1"))
    assert repr(item) == f"Watched('{'a' * 32}', 1, 'player_left')"


def test_the_cursor_is_behind_what_was_taken_and_not_behind_what_waits() -> None:
    watch = begun()
    watch.received(told(*stored(2), cursor="7"), NOW)
    assert watch.cursor == "0"
    watch.take()
    assert watch.cursor == "1"
    watch.take()
    assert watch.cursor == "7"  # behind what the filters left out, too


def test_while_nothing_waits_a_heartbeat_moves_the_cursor_on() -> None:
    watch = begun()
    watch.received(heartbeat("5"), NOW)
    assert watch.cursor == "5"


def test_that_it_caught_up_is_told_once_whatever_is_lost() -> None:
    watch = begun()
    watch.received(caught_up("4"), NOW)
    assert taken(watch) == [CaughtUp("4")]
    watch.lost(LOST, NOW, 0.5)
    watch.opened()
    watch.received(caught_up("6"), NOW)
    assert taken(watch) == []
    assert watch.cursor == "6"


def test_what_only_a_newer_server_tells_is_passed_over() -> None:
    watch = begun()
    watch.received(pb.WatchEventsResponse(cursor="9"), NOW)
    assert not watch.has_waiting
    assert watch.cursor == "9"


# Where a stream begins


def test_the_first_stream_begins_as_its_user_asks() -> None:
    request = watching(
        cursor="", from_now=True, game="K7QF-3M", event_types="votes_revealed", labels={"t": "x"}
    ).opened()
    assert request == pb.WatchEventsRequest(
        from_now=True,
        game_id="K7QF-3M",
        event_types=["votes_revealed"],
        labels={"t": "x"},
        access=pb.ReadAccess(),
    )


def test_a_cursor_goes_before_from_now() -> None:
    request = watching(cursor="3", from_now=True).opened()
    assert (request.cursor, request.from_now) == ("3", False)


def test_the_next_stream_begins_behind_what_was_told_even_if_it_was_not_taken_yet() -> None:
    watch = begun(from_now=True)
    watch.received(told(*stored(2)), NOW)
    watch.lost(LOST, NOW, 0.5)
    request = watch.opened()
    assert (request.cursor, request.from_now) == ("2", False)
    assert len(taken(watch)) == 2


def test_what_was_now_does_not_move_with_a_loss() -> None:
    watch = watching(from_now=True)
    assert watch.opened().from_now
    watch.lost(LOST, NOW, 0.5)
    assert watch.opened().from_now
    watch.received(heartbeat(""), NOW)  # the log is empty
    watch.lost(LOST, NOW, 0.5)
    assert watch.opened() == pb.WatchEventsRequest(access=pb.ReadAccess())


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_cut_and_however_slowly_it_is_taken_each_event_comes_once(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    log = stored(200)
    watch = watching(ClientOptions(max_attempts=10_000))
    items: list[FeedItem] = []
    reached = int(watch.opened().cursor or "0")
    while len(items) < len(log):
        if random.random() < 0.2:
            watch.lost(LOST, NOW, random.random())
            reached = int(watch.opened().cursor or "0")
        elif watch.has_waiting:
            items.append(watch.take())
            assert watch.cursor == items[-1].cursor
        elif run := log[reached : reached + random.randint(0, 5)]:
            reached += len(run)
            watch.received(told(*run), NOW)
        else:
            watch.received(heartbeat(str(reached)), NOW)
    assert versions(items) == [(each.game_id, each.event.version) for each in log]


# Losses


def test_pauses_are_random_parts_of_a_time_that_doubles_up_to_a_limit() -> None:
    watch = begun(ClientOptions(backoff_first=0.1, backoff_longest=0.3))
    pauses = []
    for jitter in (1.0, 1.0, 0.5, 1.0, 0.0):
        watch.lost(LOST, NOW, jitter)
        assert watch.retry_at is not None
        pauses.append(round(watch.retry_at - NOW, 3))
        watch.opened()
    assert pauses == [0.1, 0.2, 0.15, 0.3, 0.0]


def test_a_server_that_says_when_to_come_back_is_given_that_time() -> None:
    watch = begun()
    watch.lost(Status("UNAVAILABLE", 14, "x", pb.REASON_DRAINING, timedelta(seconds=2)), NOW, 0.5)
    assert watch.retry_at == NOW + 2


def test_after_a_steady_stream_the_pauses_begin_anew() -> None:
    watch = begun(ClientOptions(backoff_first=0.1, steady_after=30.0))
    for _ in range(4):
        watch.lost(LOST, NOW, 1.0)
        watch.opened()
    watch.received(heartbeat("0"), NOW)
    watch.lost(LOST, NOW + 30, 1.0)
    assert watch.retry_at == NOW + 30.1


@pytest.mark.parametrize(
    "status",
    [
        LOST,
        SILENT,
        ENDED,
        Status("CANCELLED", 1),
        Status("INTERNAL", 13, "Incident 12.", pb.REASON_INTERNAL),
        Status("UNAVAILABLE", 14, "x", pb.REASON_LOG_UNAVAILABLE),
        Status("DEADLINE_EXCEEDED", 4, "Too slow.", pb.REASON_TIMEOUT),
        Status("RESOURCE_EXHAUSTED", 8, "x", pb.REASON_TOO_MANY_CONNECTIONS),
    ],
)
def test_what_passes_is_waited_for(status: Status) -> None:
    watch = begun()
    watch.lost(status, NOW, 0.5)
    assert watch.error is None
    assert watch.retry_at is not None
    assert watch.lost_because


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("OUT_OF_RANGE", pb.REASON_CURSOR_UNKNOWN),
        ("UNAUTHENTICATED", pb.REASON_UNAUTHENTICATED),
        ("PERMISSION_DENIED", pb.REASON_PASSCODE_WRONG),
        ("NOT_FOUND", pb.REASON_GAME_NOT_FOUND),
        ("INVALID_ARGUMENT", pb.REASON_INVALID_VALUE),
        ("DATA_LOSS", pb.REASON_GAME_CORRUPT),
    ],
)
def test_what_never_heals_is_raised_as_the_server_says_it(
    code: str, reason: pb.Reason.ValueType
) -> None:
    watch = begun()
    watch.lost(Status(code, 9, "Start over.", reason), NOW, 0.5)
    assert watch.retry_at is None
    assert isinstance(watch.error, CommandRefused)
    assert watch.error.reason == pb.Reason.Name(reason).removeprefix("REASON_")
    assert (str(watch.error), watch.error.retryable) == ("Start over.", False)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (Status("UNIMPLEMENTED", 12, "Method not found!"), "does not let events be watched"),
        (Status("UNAUTHENTICATED", 16, "expired"), "check its token: expired"),
        (Status("RESOURCE_EXHAUSTED", 8, "larger than max"), "larger than max"),
    ],
)
def test_what_was_not_our_servers_word_is_explained(status: Status, sentence: str) -> None:
    watch = begun()
    watch.lost(status, NOW, 0.5)
    assert isinstance(watch.error, ConnectionLost)
    assert sentence in str(watch.error)
    assert not watch.error.retryable


def test_what_waits_is_still_taken_before_the_error() -> None:
    watch = begun()
    watch.received(told(*stored(1)), NOW)
    watch.lost(Status("NOT_FOUND", 5, "Gone.", pb.REASON_GAME_NOT_FOUND), NOW, 0.5)
    assert watch.has_waiting
    assert versions(taken(watch)) == [("a" * 32, 1)]


def test_a_server_that_never_answered_is_given_up_in_time() -> None:
    watch = watching(ClientOptions(connect_timeout=10.0))
    watch.opened()
    watch.lost(LOST, NOW + 9, 0.5)
    assert watch.error is None
    watch.opened()
    watch.lost(LOST, NOW + 10, 0.5)
    assert isinstance(watch.error, ConnectionFailed)
    assert watch.error.retryable
    assert str(watch.error) == "Nothing answers at poker.test:50051: is the server running?"


def test_one_that_has_too_much_to_do_says_so_itself() -> None:
    watch = watching()
    watch.opened()
    busy = Status("RESOURCE_EXHAUSTED", 8, "Too many watch.", pb.REASON_TOO_MANY_CONNECTIONS)
    watch.lost(busy, NOW + 10, 0.5)
    assert isinstance(watch.error, CommandRefused)
    assert (watch.error.reason, watch.error.retryable) == ("TOO_MANY_CONNECTIONS", True)


def test_one_that_was_there_is_given_up_after_so_many_streams_in_vain() -> None:
    watch = begun(ClientOptions(max_attempts=3))
    for _ in range(3):
        watch.lost(LOST, NOW + 10_000, 0.5)
        assert watch.error is None
        watch.opened()
    watch.lost(LOST, NOW + 10_000, 0.5)
    assert isinstance(watch.error, ConnectionLost)
    assert watch.error.retryable


def test_a_network_that_cuts_without_end_is_outlived() -> None:
    watch = begun(ClientOptions(max_attempts=3))
    for _ in range(10):
        watch.lost(LOST, NOW, 0.5)
        watch.opened()
        watch.received(heartbeat("0"), NOW)
    assert watch.error is None


# Silence


def test_a_stream_without_its_heartbeats_is_dead() -> None:
    watch = begun()
    watch.received(heartbeat("0", interval_ms=15_000), NOW)
    assert watch.silent_at(NOW + 7) == NOW + 37


def test_a_server_that_names_no_interval_may_be_silent() -> None:
    watch = begun()
    watch.received(heartbeat("0", interval_ms=0), NOW)
    assert watch.silent_at(NOW) is None


def test_the_first_word_is_waited_for_as_long_as_an_attempt_may_take() -> None:
    options = ClientOptions(attempt_timeout=5.0, connect_timeout=7.0)
    watch = watching(options)
    watch.opened()
    assert watch.silent_at(NOW) == NOW + 5
    assert watch.silent_at(NOW + 6) == NOW + 7
    again = begun(options)
    again.lost(LOST, NOW, 0.5)
    again.opened()
    assert again.silent_at(NOW + 100) == NOW + 105
