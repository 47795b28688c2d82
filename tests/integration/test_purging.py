"""Games that go for good: asked for by an operator, or because they are old."""

import sqlite3
from contextlib import closing
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_server.retention import Retention
from planning_poker_server.settings import RetentionSettings
from planning_poker_simulator.clock import AdvancingClock
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub
from tests.integration.harness import Host
from tests.integration.raw import Seat, Status, Stream, eventually, new_id, new_secret, status_of
from tests.integration.watching import TOKEN, Watch, bearing, listed, purge

OPERATED: Any = {"server": {"operator_token": TOKEN, "open_feed": False}}
DAY_S = 24 * 60 * 60
CANARY = "canary-3b1f"


def traces(host: Host) -> dict[str, int]:
    """How often the canary is in each file of the database."""
    files = host.folder.glob("games.db*")
    counts = {file.name: file.read_bytes().count(CANARY.encode()) for file in files}
    return {name: count for name, count in counts.items() if count}


async def told_everything(stream: Stream) -> Seat:
    """A game that has the canary wherever one can be put."""
    story = pb.NewStory(title=CANARY, description=CANARY, key=CANARY, url=f"https://x/{CANARY}")
    seat = await stream.create(
        CANARY, display_name=CANARY, labels={"team": CANARY}, passcode=CANARY
    )
    await stream.do(seat, add_stories=pb.AddStories(stories=[story]))
    await stream.do(seat, start_round=pb.StartRound(story_id="s1"))
    vote = pb.SubmitVote(round_id="r1", card="5", comment=CANARY)
    await stream.do(seat, submit_vote=vote)
    await stream.do(seat, reveal_votes=pb.RevealVotes(round_id="r1"))
    await stream.do(seat, accept_estimate=pb.AcceptEstimate(story_id="s1", value=CANARY))
    return seat


async def test_a_purge_leaves_no_trace_in_the_database_and_a_line_in_the_log(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    seat = await told_everything(stream)
    other = await stream.create("Bob")
    assert traces(host)
    on = (await host.client()).channel
    assert await purge(on, seat.game_id) == seat.game_id
    assert traces(host) == {}
    (line,) = (r for r in host.lines.records() if r["message"].startswith("the game was purged"))
    assert (line["game_id"], line["level"]) == (seat.game_id, "INFO")
    assert [game.game_id for game in (await listed(on, TOKEN)).games] == [other.game_id]


async def test_who_follows_a_purged_game_is_told_to_stop(host: Host) -> None:
    await host.start(**OPERATED)
    stream, follower = await host.stream(), await host.stream()
    seat, other = await stream.create("Ada"), await stream.create("Bob")
    await follower.attach(seat.game_id)
    on = (await host.client()).channel
    watching = Watch(on, game_id=seat.game_id)
    await watching.until_caught_up()
    assert await purge(on, seat.game_id) == seat.game_id
    for each in (stream, follower):
        detached = await each.expect("detached")
        assert (detached.game_id, detached.reason, detached.next_step) == (
            seat.game_id,
            pb.DETACH_REASON_PURGED,
            pb.NEXT_STEP_STOP,
        )
    assert (await watching.refused()).reason == "GAME_NOT_FOUND"
    refused = await stream.attach_refused(seat)
    assert refused.refusal.reason == pb.REASON_GAME_NOT_FOUND
    await stream.do(other, start_round=pb.StartRound())


async def test_a_purged_game_cannot_be_made_again_by_the_command_that_made_it(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret())
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    correlation_id = new_id()
    made = await stream.ask("", correlation_id, create_game=create)
    on = (await host.client()).channel
    assert await purge(on, made.game_id) == made.game_id
    again = await stream.ask("", correlation_id, create_game=create)
    assert again.refusal.reason == pb.REASON_GAME_NOT_FOUND
    await host.server.stop()
    await host.start(**OPERATED)
    stream = await host.stream()
    again = await stream.ask("", correlation_id, create_game=create)
    assert again.refusal.reason == pb.REASON_GAME_NOT_FOUND


async def test_watchers_of_all_games_go_on_behind_what_was_purged(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    kept, gone = await stream.create("Ada"), await stream.create("Bob")
    on = (await host.client()).channel
    live = await Watch(on, TOKEN).until_caught_up()
    middle = live.events[2].cursor  # of a record that is to go
    assert await purge(on, gone.game_id) == gone.game_id
    await stream.do(kept, start_round=pb.StartRound())
    await live.until(5)
    assert live.told()[4:] == [(kept.game_id, 3)]
    late = await Watch(on, TOKEN, cursor=middle).until_caught_up()
    assert late.told() == [(kept.game_id, 3)]
    assert (await Watch(on, TOKEN).until_caught_up()).told() == [
        (kept.game_id, 1),
        (kept.game_id, 2),
        (kept.game_id, 3),
    ]


async def test_only_operators_purge_and_only_what_is_there(host: Host) -> None:
    await host.start(server={"operator_token": TOKEN, "open_feed": True})
    stream = await host.stream()
    seat = await stream.create()
    on = (await host.client()).channel

    async def refused(game_id: str, token: str | None = TOKEN, **fields: Any) -> str:
        outcome = await purge(on, game_id, token, **fields)
        assert isinstance(outcome, Status)
        return outcome.reason

    assert await refused(seat.game_id, None) == "UNAUTHENTICATED"
    assert await refused(seat.game_id, TOKEN + "x") == "UNAUTHENTICATED"
    assert await refused("0" * 32) == "GAME_NOT_FOUND"
    assert await refused("../../etc") == "GAME_NOT_FOUND"
    assert await refused(seat.game_id, expected_version=1) == "VERSION_CONFLICT"
    code = stream.views[seat.game_id].join_code
    assert await purge(on, code, expected_version=2) == seat.game_id
    assert await refused(code) == "GAME_NOT_FOUND"


async def test_a_damaged_game_can_be_purged(host: Host) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    seat = await stream.create()
    await host.server.stop()
    with closing(sqlite3.connect(host.database)) as outside, outside:
        outside.execute("UPDATE events SET event = 'x' WHERE version = 1")
    await host.start(**OPERATED)
    on = (await host.client()).channel
    assert (await Watch(on, TOKEN).refused()).code == grpc.StatusCode.DATA_LOSS
    assert await purge(on, seat.game_id) == seat.game_id
    assert (await Watch(on, TOKEN).until_caught_up()).events == []


async def test_a_purge_that_the_log_cannot_store_is_said_to_be_none(host: Host) -> None:
    await host.start(**OPERATED)
    seat = await (await host.stream()).create()
    on = (await host.client()).channel
    host.log.refuses = True
    outcome = await purge(on, seat.game_id)
    assert isinstance(outcome, Status)
    assert (outcome.code, outcome.reason) == (grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE")
    host.log.recover()
    assert await purge(on, seat.game_id) == seat.game_id


@pytest.mark.parametrize("gives_up", ["who asked", "the log"])
async def test_a_game_that_is_gone_is_gone_for_all_whoever_gives_up_waiting(
    host: Host, gives_up: str
) -> None:
    await host.start(**OPERATED, database={"busy_timeout_ms": 800})
    host.lines.expected.add("traces of purged games may be left")
    stream = await host.stream()
    seat = await stream.create()
    on = (await host.client()).channel
    stub = PlanningPokerServiceStub(on)
    watching = await Watch(on, game_id=seat.game_id).until_caught_up()
    request = pb.PurgeGameRequest(game_id=seat.game_id)
    with closing(sqlite3.connect(host.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        call = stub.PurgeGame(request, metadata=bearing(TOKEN))
        if gives_up == "who asked":
            await eventually(lambda: not reader_sees(host, seat.game_id))
            call.cancel()
        else:
            status = await status_of(call)
            assert (status.code, status.reason) == (
                grpc.StatusCode.UNAVAILABLE,
                "LOG_UNAVAILABLE",
            )
    assert (await stream.expect("detached")).reason == pb.DETACH_REASON_PURGED
    assert (await watching.refused()).reason == "GAME_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await stub.GetGame(pb.GetGameRequest(game_id=seat.game_id))
    told = {"the game was purged: asked for by an operator"}
    if gives_up == "who asked":
        assert told <= set(host.lines.messages("INFO"))
    else:
        assert await purge(on, seat.game_id) == seat.game_id
        assert told <= set(host.lines.messages("INFO"))


def reader_sees(host: Host, game_id: str) -> bool:
    """Whether somebody who opens the database now finds the game."""
    with closing(sqlite3.connect(host.database)) as outside:
        query = "SELECT count(*) FROM events WHERE game_id = ?"
        return bool(outside.execute(query, (game_id,)).fetchone()[0])


@pytest.fixture
def clock(host: Host) -> AdvancingClock:
    host.clock = turned = AdvancingClock()
    # What is being written while time jumps takes too long.
    host.lines.expected.add("a stream was cut off")
    return turned


async def ids(host: Host) -> set[str]:
    on = (await host.client()).channel
    return {game.game_id for game in (await listed(on, TOKEN)).games}


async def test_games_go_when_they_ended_or_were_abandoned_long_ago(
    host: Host, clock: AdvancingClock
) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    ended, abandoned, followed = [await stream.create() for _ in range(3)]
    await stream.do(ended, end_game=pb.EndGame())
    await stream.close()
    server = host.server
    rules = RetentionSettings(ended_days=30, abandoned_days=60, interval_ms=1)
    retention = Retention(host.log, server._rooms, rules, clock)

    async def left_after(days: float) -> set[str]:
        clock.advance(seconds=days * DAY_S)
        await retention.purge()
        return await ids(host)

    everything = {ended.game_id, abandoned.game_id, followed.game_id}
    assert await left_after(29) == everything
    assert await left_after(1.01) == everything - {ended.game_id}
    assert await left_after(29) == everything - {ended.game_id}
    await (await host.stream()).attach(followed)
    assert await left_after(0) == everything - {ended.game_id}
    rules = RetentionSettings(ended_days=30, abandoned_days=59, interval_ms=1)
    retention = Retention(host.log, server._rooms, rules, clock)
    assert await left_after(0) == {followed.game_id}
    reasons = [m for m in host.lines.messages("INFO") if "the game was purged" in m]
    assert reasons == [
        "the game was purged: it ended more than 30 days ago",
        "the game was purged: nothing has happened in it for more than 59 days",
    ]


async def test_a_purge_of_a_large_database_says_in_the_log_that_traces_may_be_left(
    host: Host,
) -> None:
    await host.start(**OPERATED, database={"sweep_max_mb": 0})
    host.lines.expected.add("traces of purged games may be left in the free space")
    seat = await (await host.stream()).create()
    assert await purge((await host.client()).channel, seat.game_id) == seat.game_id
    (warning,) = host.lines.messages("WARNING")
    assert "planning-poker games sweep" in warning


async def test_old_games_go_by_themselves(host: Host, clock: AdvancingClock) -> None:
    await host.start(**OPERATED, retention={"ended_days": 1})
    stream = await host.stream()
    seat = await stream.create()
    await stream.do(seat, end_game=pb.EndGame())
    await stream.close()
    clock.advance(seconds=2 * DAY_S)
    lines = host.lines
    await eventually(lambda: any("purged" in message for message in lines.messages("INFO")))
    assert await ids(host) == set()


async def test_old_games_whose_traces_could_not_be_removed_are_finished_the_next_time(
    host: Host, clock: AdvancingClock
) -> None:
    await host.start(**OPERATED, retention={"ended_days": 1}, database={"busy_timeout_ms": 20})
    host.lines.expected |= {"traces of purged games may be", "old games cannot be purged now"}
    stream = await host.stream()
    seat = await told_everything(stream)
    await stream.do(seat, end_game=pb.EndGame())
    await stream.close()
    with closing(sqlite3.connect(host.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        clock.advance(seconds=2 * DAY_S)
        await eventually(lambda: any("cannot be" in m for m in host.lines.messages("WARNING")))
    assert traces(host)
    clock.advance(seconds=DAY_S)
    await eventually(lambda: not traces(host))


async def test_nothing_goes_unless_the_configuration_says_so(
    host: Host, clock: AdvancingClock
) -> None:
    await host.start(**OPERATED)
    stream = await host.stream()
    seat = await stream.create()
    await stream.do(seat, end_game=pb.EndGame())
    await stream.close()
    clock.advance(seconds=10_000 * DAY_S)
    assert await host.server._retention.purge() == 0
    assert await ids(host) == {seat.game_id}
