"""WatchEvents on a real server: every event once, from any cursor, to whoever may see it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_simulator.clock import AdvancingClock
from tests.integration.harness import Host
from tests.integration.raw import Seat, Stream, eventually
from tests.integration.watching import TOKEN, Watch

OPERATED: Any = {"server": {"operator_token": TOKEN, "open_feed": False}}
OPEN: Any = {"server": {"open_feed": True}}


async def watch(host: Host, token: str | None = TOKEN, **fields: Any) -> Watch:
    return Watch((await host.client()).channel, token, **fields)


async def renamed(stream: Stream, seat: Seat, *names: str) -> None:
    for name in names:
        update = pb.UpdatePlayer(player_id=seat.player_id, display_name=name)
        await stream.do(seat, update_player=update)


async def test_all_games_are_told_from_the_first_event_on_and_then_live(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada, bob = await stream.create("Ada"), await stream.create("Bob")
    watching = await watch(host)
    await watching.until_caught_up()
    assert watching.items == ["heartbeat", "events", "caught_up"]
    assert watching.told() == [
        (ada.game_id, 1),
        (ada.game_id, 2),
        (bob.game_id, 1),
        (bob.game_id, 2),
    ]
    await renamed(stream, bob, "Robert")
    await renamed(stream, ada, "Ada L.")
    await watching.until(6)
    assert watching.told()[4:] == [(bob.game_id, 3), (ada.game_id, 3)]
    live = [each.event for each in watching.events if each.game_id == ada.game_id]
    assert live[-1].player_updated.player.display_name == "Ada L."


async def test_each_cursor_leads_to_exactly_what_is_behind_it(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    seats = [await stream.create() for _ in range(3)]
    for seat in seats:
        await renamed(stream, seat, "x", "y")
    whole = await (await watch(host)).until_caught_up()
    for place, event in enumerate(whole.events, 1):
        rest = await (await watch(host, cursor=event.cursor)).until_caught_up()
        assert rest.told() == whole.told()[place:]
        assert rest.cursor == whole.cursor


async def test_a_watch_can_begin_with_what_happens_from_now_on(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create()
    watching = await (await watch(host, from_now=True)).until_caught_up()
    assert watching.events == []
    await renamed(stream, ada, "Ada L.")
    await watching.until(1)
    assert watching.told() == [(ada.game_id, 3)]


async def test_filters_leave_out_what_is_not_asked_for_and_the_cursor_goes_on(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create(labels={"team": "a", "room": "4"})
    bob = await stream.create(labels={"team": "b"})
    for seat in (ada, bob):
        await renamed(stream, seat, "x")
        await stream.do(seat, start_round=pb.StartRound())
    by_label = await (await watch(host, labels={"team": "a"})).until_caught_up()
    assert {game for game, _ in by_label.told()} == {ada.game_id}
    by_type = await (await watch(host, event_types=["round_started"])).until_caught_up()
    assert by_type.told() == [(ada.game_id, 4), (bob.game_id, 4)]
    both = await watch(host, event_types=["round_started"], labels={"team": "b"})
    await both.until_caught_up()
    assert both.told() == [(bob.game_id, 4)]
    nothing = await (await watch(host, labels={"team": "c"})).until_caught_up()
    assert nothing.events == []
    assert nothing.cursor == by_type.cursor == by_label.cursor
    await stream.do(bob, abandon_round=pb.AbandonRound(round_id="r1"))
    await stream.do(bob, start_round=pb.StartRound())
    await both.until(2)
    assert both.told() == [(bob.game_id, 4), (bob.game_id, 6)]


async def test_one_game_is_for_whoever_may_read_it(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create("Ada")
    other = await stream.create("Bob")
    watching = await watch(host, None, game_id=ada.game_id)
    await watching.until_caught_up()
    assert watching.told() == [(ada.game_id, 1), (ada.game_id, 2)]
    await renamed(stream, other, "Robert")
    await renamed(stream, ada, "Ada L.")
    await watching.until(3)
    assert watching.told()[2:] == [(ada.game_id, 3)]
    for place, event in enumerate(watching.events, 1):
        again = await watch(host, None, game_id=ada.game_id, cursor=event.cursor)
        assert (await again.until_caught_up()).told() == watching.told()[place:]
    by_code = await watch(host, None, game_id=stream.views[ada.game_id].join_code, from_now=True)
    assert (await by_code.until_caught_up()).events == []


async def test_one_game_with_a_passcode_asks_for_it(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create("Ada", passcode="secret")
    wrong = pb.ReadAccess(passcode="guess")
    for access in (None, wrong):
        refused = await (await watch(host, None, game_id=ada.game_id, access=access)).refused()
        assert refused.reason == "PASSCODE_WRONG"
    seat = pb.Seat(player_id=ada.player_id, seat_secret=ada.secret)
    for access in (pb.ReadAccess(passcode="secret"), pb.ReadAccess(seat=seat)):
        allowed = await watch(host, None, game_id=ada.game_id, access=access)
        assert len((await allowed.until_caught_up()).events) == 2
    assert len((await (await watch(host, game_id=ada.game_id)).until_caught_up()).events) == 2


async def test_who_proved_an_old_passcode_is_told_nothing_under_the_new_one(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create("Ada", passcode="secret")
    access = pb.ReadAccess(passcode="secret")
    watching = await watch(host, None, game_id=ada.game_id, access=access)
    await watching.until_caught_up()
    await stream.do(ada, update_game=pb.UpdateGame(passcode="changed"))
    assert (await watching.refused()).reason == "PASSCODE_WRONG"


async def test_strangers_are_not_told_of_games_with_a_passcode(host: Host) -> None:
    await host.start(**OPEN)
    stream = await host.stream()
    guarded = await stream.create("Ada", passcode="secret")
    ours = await stream.create("Bob")
    watching = await (await watch(host, None)).until_caught_up()
    assert watching.told() == [(ours.game_id, 1), (ours.game_id, 2)]
    await renamed(stream, guarded, "Ada L.")
    await renamed(stream, ours, "Robert")
    await watching.until(3)
    assert watching.told()[2:] == [(ours.game_id, 3)]


async def test_without_the_token_nobody_watches_all_games(host: Host) -> None:
    await host.start(**OPERATED)
    for token in (None, "another-token-of-more-than-32-characters"):
        assert (await (await watch(host, token)).refused()).reason == "UNAUTHENTICATED"


async def test_cursors_that_lead_nowhere_say_so(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada, bob = await stream.create(), await stream.create()
    whole = await (await watch(host)).until_caught_up()
    one = await (await watch(host, game_id=ada.game_id)).until_caught_up()
    epoch, place, mark = whole.cursor.split("-")
    bad = ["x", "x-1-", f"{epoch}-99-{mark}", f"{epoch}-", f"{epoch}-{place}-{mark[::-1]}"]
    bad += [one.cursor, "y" * 100_000]
    for cursor in bad:
        status = await (await watch(host, cursor=cursor)).refused()
        assert (status.code, status.reason) == (
            grpc.StatusCode.OUT_OF_RANGE,
            "CURSOR_UNKNOWN",
        ), cursor
    place, mark = one.cursor.rsplit("-", 2)[0], one.cursor[-12:]
    bad = [f"{place}-{number}-{mark}" for number in ("1", "3", "9" * 30, "-1")]
    for cursor in ["x", whole.cursor, one.cursor[:-1], *bad]:
        status = await (await watch(host, game_id=ada.game_id, cursor=cursor)).refused()
        assert status.reason == "CURSOR_UNKNOWN", cursor
    status = await (await watch(host, game_id=bob.game_id, cursor=one.cursor)).refused()
    assert status.reason == "CURSOR_UNKNOWN"


@pytest.mark.parametrize(
    "fields",
    [{"event_types": ["votes_reveald"]}, {"labels": {str(n): "" for n in range(17)}}],
)
async def test_filters_that_cannot_be_meant_are_refused(host: Host, fields: Any) -> None:
    await host.start(**OPERATED)
    assert (await (await watch(host, **fields)).refused()).reason == "INVALID_VALUE"


async def test_who_is_far_behind_gets_a_long_log_in_bounded_messages(host: Host) -> None:
    quick: Any = {"command_burst": 10_000, "commands_per_second": 10_000.0}
    await host.start(stream=quick, **OPERATED)
    stream = await host.stream()
    ada = await stream.create()
    for number in range(20):
        stories = [pb.NewStory(title=f"{number}/{n}", description="x" * 2_000) for n in range(20)]
        await stream.do(ada, add_stories=pb.AddStories(stories=stories))
        await stream.ack(ada.game_id, stream.views[ada.game_id].version)
    for number in range(1_200):
        await renamed(stream, ada, f"Ada {number}")
        await stream.ack(ada.game_id, stream.views[ada.game_id].version)
    for fields in ({}, {"game_id": ada.game_id}):
        watching = await watch(host, **fields)
        sizes = []
        while watching.items[-1:] != ["caught_up"]:
            sizes.append((await watching.step()).ByteSize())
        assert [version for _, version in watching.told()] == list(range(1, 1_223))
        assert max(sizes) < 350_000
        assert len(sizes) > 5


async def test_a_tail_that_is_too_short_is_made_up_for_from_the_log(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planning_poker_server.feed._MAX_EVENTS", 3)
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create()
    watching = await (await watch(host)).until_caught_up()
    for number in range(14):
        update = pb.UpdatePlayer(player_id=ada.player_id, display_name=f"Ada {number}")
        await stream.begin(ada, update_player=update)
    await watching.until(16)
    assert [version for _, version in watching.told()] == list(range(1, 17))


async def test_a_heartbeat_brings_the_cursor_while_nothing_happens(host: Host) -> None:
    host.clock = clock = AdvancingClock()
    await host.start(**OPERATED)
    await (await host.stream()).create()
    fields: Any
    for fields in ({}, {"labels": {"no": "such"}}):
        watching = await (await watch(host, **fields)).until_caught_up()
        behind, seen = watching.cursor, len(watching.items)
        interval_ms = host.server.settings.stream.ping_interval_ms
        clock.advance(seconds=interval_ms / 1_000)
        heartbeat = await watching.step()
        assert heartbeat.heartbeat.interval.ToMilliseconds() == interval_ms
        assert (watching.cursor, watching.items[seen:]) == (behind, ["heartbeat"])


async def test_idle_watchers_do_not_keep_a_game_in_memory(host: Host) -> None:
    host.clock = clock = AdvancingClock()
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create()
    watching = await (await watch(host, None, game_id=ada.game_id)).until_caught_up()
    await stream.close()
    rooms = host.server._rooms
    for _ in range(8):
        clock.advance(seconds=25)
        await watching.step()
    await eventually(lambda: ada.game_id not in rooms._drivers)
    clock.advance(seconds=25)
    await watching.step()
    assert ada.game_id not in rooms._drivers
    bob = await (await host.stream()).join(ada.game_id, "Bob")
    await watching.until(3)
    assert watching.told()[2:] == [(bob.game_id, 3)]


async def test_a_stop_ends_all_watches_at_once(host: Host) -> None:
    await host.start(**OPERATED)
    ada = await (await host.stream()).create()
    watches = [await watch(host), await watch(host, game_id=ada.game_id)]
    for watching in watches:
        await watching.until_caught_up()
    stopping = asyncio.ensure_future(host.server.stop(5_000))
    for watching in watches:
        status = await watching.refused()
        assert (status.code, status.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    await stopping


async def test_there_is_a_bound_to_how_many_watch(host: Host) -> None:
    await host.start(server={"operator_token": TOKEN, "max_watches": 2})
    held = [await watch(host) for _ in range(2)]
    for watching in held:
        await watching.until_caught_up()
    status = await (await watch(host)).refused()
    assert (status.code, status.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_CONNECTIONS",
    )
    held[0].call.cancel()
    await eventually(lambda: host.server._services.watches._admission._open == 1)
    await (await watch(host)).until_caught_up()


async def test_one_address_cannot_hold_all_watches_and_the_operator_has_no_share(
    host: Host,
) -> None:
    server = {"max_watches": 5, "max_watches_per_address": 2, "operator_token": TOKEN}
    await host.start(server=server)
    ada = await (await host.stream()).create()
    held = [await watch(host, None, game_id=ada.game_id) for _ in range(2)]
    for watching in held:
        await watching.until_caught_up()
    status = await (await watch(host, None, game_id=ada.game_id)).refused()
    assert (status.code, status.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_CONNECTIONS",
    )
    assert status.retry_ms > 0
    await (await watch(host)).until_caught_up()
    await (await watch(host, game_id=ada.game_id)).until_caught_up()
    held[0].call.cancel()
    await eventually(lambda: host.server._services.watches._admission._open == 3)
    await (await watch(host, None, game_id=ada.game_id)).until_caught_up()


async def test_a_watch_that_begins_anew_all_the_time_has_to_wait(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planning_poker_server.admission._EVENTS_PER_TOKEN", 1)
    server = {"operator_token": TOKEN}
    await host.start(server=server, stream={"commands_per_second": 0.1, "command_burst": 30})
    stream = await host.stream()
    ada = await stream.create()
    await renamed(stream, ada, *"abcdefgh")  # 10 events
    for _ in range(3):
        await (await watch(host, game_id=ada.game_id)).until_caught_up()  # without a charge
    for _ in range(2):  # 27 are left, and each of these costs 11
        await (await watch(host, None, game_id=ada.game_id)).until_caught_up()
    beginning = await watch(host, None, game_id=ada.game_id)
    await beginning.until_caught_up()  # a watch that was let in is told everything
    status = await (await watch(host, None, game_id=ada.game_id)).refused()
    assert (status.code, status.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_COMMANDS",
    )
    await renamed(stream, ada, "i")
    await beginning.until(11)  # and goes on


async def test_nothing_is_read_any_more_when_nobody_watches(host: Host) -> None:
    await host.start(**OPERATED)
    await (await host.stream()).create()
    watching = await (await watch(host)).until_caught_up()
    feed = host.server._services.watches._feed
    assert feed._pump is not None
    watching.call.cancel()
    await eventually(lambda: feed._pump is None)


async def test_a_record_that_cannot_be_read_is_no_gap_that_nobody_hears_of(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    bob = await stream.create("Bob")
    host.lines.expected.add("the feed cannot go on")
    watches = [await watch(host) for _ in range(2)]
    for watching in watches:
        await watching.until_caught_up()
    with closing(sqlite3.connect(host.database)) as outside, outside:
        outside.execute(
            "INSERT INTO events (game_id, version, event, sealed) VALUES (?, 3, 'text', x'')",
            (bob.game_id,),
        )
    other = await (await host.stream()).create("Ada")
    for watching in watches:
        status = await watching.refused()
        assert (status.code, status.reason) == (grpc.StatusCode.DATA_LOSS, "GAME_CORRUPT")
    assert other.game_id


@pytest.mark.parametrize("of_one_game", [False, True])
async def test_a_cursor_from_after_a_restored_backup_is_refused(
    host: Host, of_one_game: bool
) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ada = await stream.create("Ada")
    wanted = {"game_id": ada.game_id} if of_one_game else {}
    before = (await (await watch(host, **wanted)).until_caught_up()).cursor
    backup = host.database.with_name("backup.db")
    copy(host.database, backup)
    await renamed(stream, ada, "Lost")
    after = (await (await watch(host, **wanted)).until_caught_up()).cursor
    await host.server.stop(0)
    copy(backup, host.database)
    await host.start(**OPERATED)
    again = await host.stream()
    again_ada = await again.attach(ada)
    assert again_ada
    await renamed(again, ada, "Ada L.", "Ada Lovelace")
    status = await (await watch(host, cursor=after, **wanted)).refused()
    assert (status.code, status.reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_UNKNOWN")
    rest = await (await watch(host, cursor=before, **wanted)).until_caught_up()
    names = [each.event.player_updated.player.display_name for each in rest.events]
    assert [name for name in names if name] == ["Ada L.", "Ada Lovelace"]


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


@pytest.mark.parametrize("filters", [{}, {"event_types": ["player_joined"]}])
async def test_a_record_that_cannot_be_decoded_is_not_told_as_it_is(
    host: Host, filters: Any
) -> None:
    await host.start(**OPERATED)
    await (await host.stream()).create()
    await host.server.stop()
    with closing(sqlite3.connect(host.database)) as outside, outside:
        outside.execute("UPDATE events SET event = x'ffffff' WHERE version = 2")
    await host.start(**OPERATED)
    status = await (await watch(host, **filters)).refused()
    assert (status.code, status.reason) == (grpc.StatusCode.DATA_LOSS, "GAME_CORRUPT")
