"""A watch over real gRPC: what it sends, what it outlives, how it ends, and how little it holds."""

import asyncio
import gc
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    CaughtUp,
    ClientClosed,
    ClientOptions,
    CommandRefused,
    ConnectionFailed,
    PokerClient,
    Watch,
    Watched,
    sync,
)
from planning_poker_simulator import FaultProxy
from tests.client.feed_server import (
    Call,
    FeedServer,
    caught_up,
    heartbeat,
    serving,
    stored,
    told,
)

EAGER = ClientOptions(backoff_first=0.01, backoff_longest=0.05)
LOG = stored(60)
PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert [name for name in names if name.startswith("planning-poker")] == []


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port where nothing answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


async def replays(call: Call) -> None:
    """The log from the cursor on, one event a message, and then life."""
    reached = int(call.request.cursor or "0")
    await call.say(heartbeat(str(reached)), *map(told, LOG[reached:]))
    await call.say(caught_up(LOG[-1].cursor))
    await call.last()


async def all_of(watch: Watch) -> list[Watched]:
    """What is told until it has caught up."""
    items: list[Watched] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in watch:
            if isinstance(item, CaughtUp):
                return items
            items.append(item)
    raise AssertionError("it ended")


def as_stored(items: list[Watched]) -> bool:
    return [(item.cursor, item.game_id, item.change.event) for item in items] == [
        (each.cursor, each.game_id, each.event) for each in LOG
    ]


def client(server: FeedServer | FaultProxy, options: ClientOptions = EAGER) -> PokerClient:
    return PokerClient(server.address, connect=False, options=options)


async def test_a_watch_brings_its_token_and_needs_no_connection() -> None:
    async with (
        serving(replays) as server,
        PokerClient(server.address, connect=False, token="sesame") as bot,
        bot.watch(game="K7QF-3M", passcode="open", event_types=["player_left"]) as watch,
    ):
        assert as_stored(await all_of(watch))
        (call,) = server.calls
        assert call.metadata["authorization"] == "Bearer sesame"
        assert call.request == pb.WatchEventsRequest(
            game_id="K7QF-3M", event_types=["player_left"], access=pb.ReadAccess(passcode="open")
        )


async def test_an_option_that_is_misspelt_does_not_watch_all_games() -> None:
    async with PokerClient("localhost:1", connect=False) as bot:
        options: Any = {"game_id": "K7QF-3M"}
        with pytest.raises(TypeError, match="no option 'game_id'; possible are cursor, from_now"):
            bot.watch(**options)


async def test_each_event_comes_once_however_often_the_network_cuts() -> None:
    async with (
        serving(replays) as server,
        FaultProxy(server.address) as network,
        client(network) as bot,
        bot.watch() as watch,
    ):
        items: list[Watched] = []
        async for item in watch:
            if isinstance(item, CaughtUp):
                break
            items.append(item)
            assert watch.cursor == item.cursor
            if len(items) % 5 == 0:
                network.cut()
        assert as_stored(items)
        assert len(server.calls) > 2


async def test_a_loss_is_warned_of_once_and_its_end_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "planning_poker_client")

    async def lost(call: Call) -> None:
        await call.lose()

    async def begins(call: Call) -> None:
        await call.say(heartbeat("0"))
        await call.lose()

    async with (
        serving(begins, lost, lost, replays) as server,
        client(server) as bot,
        bot.watch() as watch,
    ):
        await all_of(watch)
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_stream_that_fell_silent_is_left_for_another_connection() -> None:
    async def falls_silent(call: Call) -> None:
        await call.say(heartbeat("0", interval_ms=50), told(*LOG[:2]))
        await call.last()

    async with serving(falls_silent, replays) as server, client(server) as bot:
        async with bot.watch() as watch:
            assert as_stored(await all_of(watch))
        assert server.calls[1].request.cursor == "2"


async def test_a_link_that_is_half_open_is_left_for_another_one() -> None:
    async def beats(call: Call) -> None:
        await call.say(heartbeat("0", interval_ms=200), told(*LOG[:2]))
        await call.last()

    async with (
        serving(beats, replays) as server,
        FaultProxy(server.address) as network,
        client(network) as bot,
        bot.watch() as watch,
    ):
        assert (await anext(watch)).cursor == "1"
        (first,) = network.connections
        first.half_open("to_client")
        rest = await all_of(watch)
        assert [item.cursor for item in rest] == [each.cursor for each in LOG[1:]]


async def test_who_gives_up_waiting_loses_nothing() -> None:
    more = asyncio.Event()

    async def waits(call: Call) -> None:
        await call.say(heartbeat("0"))
        await more.wait()
        await call.say(told(*LOG[:1]))
        await call.last()

    async with serving(waits) as server, client(server) as bot, bot.watch() as watch:
        step = asyncio.ensure_future(anext(watch))
        while watch.cursor != "0":  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)
        more.set()
        assert (await anext(watch)).cursor == "1"
        assert len(server.calls) == 1


async def test_a_slow_consumer_has_one_message_read_ahead_and_no_more() -> None:
    written = 0
    big = "x" * 100_000

    async def floods(call: Call) -> None:
        nonlocal written
        await call.say(heartbeat("0"))
        for each in stored(1_000):
            each.event.actor_id = big
            await call.say(told(each))
            written += 1

    async with serving(floods) as server, client(server) as bot, bot.watch() as watch:
        await anext(watch)
        before = -1
        while written != before:  # until flow control holds the server back
            before = written
            await asyncio.sleep(0.2)
        assert written < 200
        for number in range(2, 1_001):
            assert (await anext(watch)).cursor == str(number)


# Ends


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, pb.REASON_CURSOR_UNKNOWN),
        (grpc.StatusCode.UNAUTHENTICATED, pb.REASON_UNAUTHENTICATED),
        (grpc.StatusCode.PERMISSION_DENIED, pb.REASON_PASSCODE_WRONG),
    ],
)
async def test_what_never_heals_is_raised_and_not_tried_again(
    code: grpc.StatusCode, reason: pb.Reason.ValueType
) -> None:
    async def refuses(call: Call) -> None:
        await call.refuse(reason, code, "Watch without a cursor to start over.")

    async with serving(refuses) as server, client(server) as bot, bot.watch() as watch:
        for _ in range(2):
            with pytest.raises(CommandRefused, match="start over") as refused:
                await anext(watch)
        assert refused.value.reason == pb.Reason.Name(reason).removeprefix("REASON_")
        assert len(server.calls) == 1


async def test_where_nobody_answers_it_says_so_in_time(free_port: int) -> None:
    options = ClientOptions(connect_timeout=0.3, backoff_first=0.01)
    async with PokerClient(f"127.0.0.1:{free_port}", connect=False, options=options) as bot:
        with pytest.raises(ConnectionFailed, match="is the server running"):
            await anext(bot.watch())


async def test_it_ends_with_its_client_also_for_who_waits() -> None:
    async with serving(replays) as server:
        async with client(server) as bot:
            watch = bot.watch()
            await all_of(watch)
            waiting = asyncio.ensure_future(anext(watch, None))
        assert await waiting is None
        assert [item async for item in watch] == []
        assert watch.cursor == LOG[-1].cursor
        with pytest.raises(ClientClosed):
            await anext(bot.watch())


async def test_what_was_read_ahead_when_it_was_closed_is_left_for_the_next_one() -> None:
    async def at_once(call: Call) -> None:
        await call.say(heartbeat("0"), told(*LOG[:5]))
        await call.last()

    async with serving(at_once, replays) as server, client(server) as bot:
        async with bot.watch() as watch:
            first = await anext(watch)
        assert isinstance(first, Watched)
        assert [item async for item in watch] == []
        async with bot.watch(cursor=watch.cursor) as second:
            assert as_stored([first, *await all_of(second)])


async def test_who_leaves_the_loop_and_forgets_it_leaves_nothing_behind() -> None:
    async with serving(replays) as server, client(server) as bot:
        async for _ in bot.watch():
            break
        gc.collect()
        async with asyncio.timeout(PATIENCE_S):
            await server.calls[0].ended.wait()


# Without an event loop


async def test_programs_without_an_event_loop_watch_too() -> None:
    def work(address: str) -> list[str]:
        with sync.PokerClient(address, connect=False, options=EAGER) as bot:
            assert repr(bot.watch()) == "<Watch of all games>"
            cursors = []
            with bot.watch(cursor="50") as watch:
                assert watch.cursor == "50"
                for item in watch:
                    assert watch.cursor == item.cursor
                    if isinstance(item, CaughtUp):
                        break
                    cursors.append(item.cursor)
            assert list(watch) == []
            left = bot.watch(cursor="59")
            next(left)
        assert list(left) == []
        assert left.cursor == "60"
        with pytest.raises(ClientClosed):
            next(bot.watch())
        return cursors

    async with serving(replays) as server:
        cursors = await asyncio.to_thread(work, server.address)
    assert cursors == [each.cursor for each in LOG[50:]]


async def test_a_thread_that_waits_is_told_that_the_client_was_closed() -> None:
    def work(address: str) -> list[str]:
        told: list[str] = []
        with sync.PokerClient(address, connect=False, options=EAGER) as bot:
            watch = bot.watch(cursor="58")
            live = threading.Event()

            def follow() -> None:
                for item in watch:
                    told.append(item.cursor)
                    if isinstance(item, CaughtUp):
                        live.set()

            thread = threading.Thread(target=follow)
            thread.start()
            assert live.wait(PATIENCE_S)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        return told

    async with serving(replays) as server:
        assert await asyncio.to_thread(work, server.address) == ["59", "60", "60"]
