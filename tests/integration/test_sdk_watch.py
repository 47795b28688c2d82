"""Watching all games through the SDK: each event once, whatever happens to anyone."""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    CaughtUp,
    Change,
    ClientOptions,
    CommandRefused,
    Game,
    PokerClient,
    Watch,
    Watched,
    sync,
)
from planning_poker_simulator import FaultProxy, PokerServer
from tests.integration.crowd import stored_events
from tests.integration.figures import tell
from tests.integration.harness import Host
from tests.integration.process import ServerProcess
from tests.integration.raw import eventually
from tests.workspace.tree import ROOT

EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.1)
FAST = {"command_burst": 10_000, "commands_per_second": 10_000.0}
TOKEN = "an operator's token of 32 or more characters"
PATIENCE_S = 30.0


def reader(address: str, token: str | None = None) -> PokerClient:
    return PokerClient(address, connect=False, options=EAGER, token=token)


async def play_a_round(game: Game) -> int:
    """The version it ends at."""
    await game.start_round()
    await game.vote("8")
    return (await game.reveal()).version


async def until(watch: Watch, enough: Callable[[list[Watched]], bool]) -> list[Watched]:
    """What is told, until that is enough."""
    items: list[Watched] = []
    async with asyncio.timeout(PATIENCE_S):
        while not enough(items):
            item = await anext(watch)
            if isinstance(item, Watched):
                items.append(item)
    return items


def are(count: int, items: Sequence[Watched]) -> bool:
    return len(items) == count


async def what_there_was(watch: Watch) -> list[Watched]:
    items: list[Watched] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in watch:
            if isinstance(item, CaughtUp):
                return items
            items.append(item)
    raise AssertionError("it ended")


def of_game(game_id: str, items: Sequence[Watched]) -> list[Change]:
    return [item.change for item in items if item.game_id == game_id]


async def history(client: PokerClient, game: Game) -> list[Change]:
    return [change async for change in client.history(game.game_id)]


# Exactly once


async def test_a_watch_that_is_cut_again_and_again_tells_what_the_histories_tell(
    host: Host,
) -> None:
    await host.start(stream=FAST)
    host.lines.expected.add("a watch waits for its server")
    random = Random(7)  # noqa: S311
    async with (
        FaultProxy(host.server.address) as network,
        PokerClient(host.server.address) as client,
        reader(network.address) as bot,
        bot.watch() as watch,
    ):
        games = [await client.create_game(f"Sprint {n}", player="Ada") for n in range(8)]

        async def play() -> int:
            heads = 0
            for game in games:
                for _ in range(12):
                    heads = await play_a_round(game)
            return heads * len(games)

        playing = asyncio.create_task(play())
        cuts = 0

        def enough(items: list[Watched]) -> bool:
            nonlocal cuts
            if random.random() < 0.08:
                network.cut()
                cuts += 1
            return playing.done() and len(items) >= playing.result()

        items = await until(watch, enough)
        assert cuts > 10
        for game in games:
            assert of_game(game.game_id, items) == await history(client, game)


async def test_a_server_that_crashes_and_returns_is_waited_for(tmp_path: Path) -> None:
    async with (
        PokerServer(tmp_path, {"stream": FAST}) as server,
        PokerClient(server.address, options=EAGER) as client,
        reader(server.address) as bot,
        bot.watch() as watch,
    ):
        game = await client.create_game("Sprint 12", player="Ada")
        items = await until(watch, partial(are, 2))
        for fails in (server.crash, server.stop):
            await fails()
            await server.start()
            missing = await play_a_round(game) - len(items)
            items += await until(watch, partial(are, missing))
        assert of_game(game.game_id, items) == await history(client, game)


async def test_one_that_takes_nothing_is_cut_off_and_goes_on_from_there(host: Host) -> None:
    await host.start(stream=FAST | {"stall_ms": 1_000}, server={"open_feed": True})
    host.lines.expected.add("a watch waits for its server")
    async with (
        PokerClient(host.server.address) as client,
        reader(host.server.address) as bot,
        bot.watch() as watch,
    ):
        text = [pb.NewStory(title=f"{n}", description="x" * 2_000) for n in range(40)]
        games = []
        for number in range(12):
            games.append(await client.create_game(f"Sprint {number}", player="Ada"))
            for _ in range(10):
                await games[-1].add_stories(text)
        watches = host.server._services.watches._admission
        first = await anext(watch)
        assert isinstance(first, Watched)
        assert watches._open == 1
        await eventually(lambda: watches._open == 0)  # the server waited for it
        items = [first, *await what_there_was(watch)]
        for game in games:
            assert of_game(game.game_id, items) == await history(client, game)


# A process that is killed


class Archive:
    """examples/archive.py, which keeps what it watches in a database of its own."""

    def __init__(self, address: str, file: Path) -> None:
        self._address = address
        self._file = file
        self.written = 0
        """Events that are known to be in it."""
        self.news = asyncio.Event()

    async def live(self, lines: int) -> None:
        """Start it, and kill it some time after it wrote so many lines."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            ROOT / "examples/archive.py",
            self._address,
            self._file,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            for _ in range(lines):
                async with asyncio.timeout(PATIENCE_S):
                    assert await process.stdout.readline()
                self.written += 1
                self.news.set()
        finally:
            process.kill()
            await process.communicate()
        self.written = len(self.events())

    def events(self) -> list[tuple[str, int, bytes]]:
        if not self._file.exists():
            return []
        query = "SELECT game_id, version, event FROM events ORDER BY rowid"
        with closing(sqlite3.connect(self._file)) as database:
            has = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone()
            return database.execute(query).fetchall() if has else []


async def test_a_watcher_that_is_killed_a_hundred_times_has_every_event_once(
    tmp_path: Path,
) -> None:
    random = Random(1)  # noqa: S311
    kills = 100
    async with (
        ServerProcess(
            tmp_path,
            LOGGING__LEVEL="WARNING",
            STREAM__COMMAND_BURST="10000",
            STREAM__COMMANDS_PER_SECOND="10000",
        ) as server,
        PokerClient(server.address) as client,
        asyncio.TaskGroup() as group,
    ):
        archive = Archive(server.address, tmp_path / "archive.db")
        games = [await client.create_game(f"Sprint {n}", player="Ada") for n in range(20)]
        heads = {game.game_id: game.view.version for game in games}
        over = False

        async def play(game: Game) -> None:
            while not over:
                # Ahead of the watcher, so that it has something to do, but not too far.
                while sum(heads.values()) - archive.written > 200:
                    archive.news.clear()
                    await archive.news.wait()
                heads[game.game_id] = await play_a_round(game)

        playing = [group.create_task(play(game)) for game in games]
        for _ in range(kills):
            await archive.live(random.randint(0, 30))
        over = True
        archive.written = sys.maxsize
        archive.news.set()
        await asyncio.gather(*playing)
        stored = {game.game_id: stored_events(server.database, game.game_id) for game in games}
        total = sum(map(len, stored.values()))
        await archive.live(total - len(archive.events()))
        kept = archive.events()
    tell({"killed": kills, "events": total, "kept": len(kept)})
    for game_id, events in stored.items():
        own = [(version, event) for kept_id, version, event in kept if kept_id == game_id]
        assert [version for version, _ in own] == list(range(1, len(events) + 1))
        assert [pb.GameEvent.FromString(event) for _, event in own] == events
    assert len(kept) == total


# Who may, and what


async def test_only_an_operator_watches_lists_and_purges_where_the_feed_is_closed(
    host: Host,
) -> None:
    await host.start(server={"open_feed": False, "operator_token": TOKEN})
    address = host.server.address
    async with (
        PokerClient(address) as client,
        reader(address) as nobody,
        reader(address, "x" * 40) as liar,
        reader(address, TOKEN) as operator,
    ):
        game = await client.create_game("Sprint 12", player="Ada", passcode="sesame")
        for stranger in (nobody, liar):
            asked = (
                anext(stranger.watch()),
                anext(stranger.list_games()),
                stranger.purge_game(game.game_id),
            )
            for each in asked:
                with pytest.raises(CommandRefused) as refused:
                    await each
                assert refused.value.reason in ("UNAUTHENTICATED", "NOT_PERMITTED")
                assert not refused.value.retryable
        assert len(await what_there_was(operator.watch())) == 2
        (listed,) = [each async for each in operator.list_games()]
        assert (listed.game_id, listed.version, listed.passcode_required) == (game.game_id, 2, True)
        assert listed.create_time <= listed.update_time
        with pytest.raises(CommandRefused) as conflict:
            await operator.purge_game(game.join_code, expected_version=1)
        assert conflict.value.reason == "VERSION_CONFLICT"
        assert await operator.purge_game(game.join_code, expected_version=2) == game.game_id
        assert [each async for each in operator.list_games()] == []
        assert await operator.purge_game(game.game_id) == game.game_id  # it stays so
        with pytest.raises(CommandRefused) as gone:
            await operator.purge_game(game.join_code)
        assert gone.value.reason == "GAME_NOT_FOUND"


async def test_games_are_found_by_phase_name_labels_and_age(host: Host) -> None:
    await host.start(stream=FAST, server={"open_feed": True})
    async with PokerClient(host.server.address) as client:
        for number in range(7):
            team = "odd" if number % 2 else "even"
            game = await client.create_game(f"Sprint {number}", player="A", labels={"team": team})
            if number == 3:
                middle = game
            if number < 3:
                await game.end()
        listed = [each async for each in client.list_games(page_size=2)]
        assert [each.display_name for each in listed] == [f"Sprint {n}" for n in range(6, -1, -1)]
        (third,) = [each for each in listed if each.game_id == middle.game_id]

        async def names(**options: object) -> str:
            games = client.list_games(page_size=2, **options)  # type: ignore[arg-type]
            return "".join(sorted([game.display_name[-1] async for game in games]))

        assert await names(phases="ended") == "012"
        assert await names(phases=["lobby"], labels={"team": "even"}) == "46"
        assert await names(name="PRINT 5") == "5"
        assert await names(created_since=third.create_time) == "3456"
        assert await names(created_before=third.create_time) == "012"
        assert await names(updated_before=third.create_time, phases="ended") == "012"


async def test_a_game_is_watched_by_whoever_may_read_it(host: Host) -> None:
    await host.start(server={"open_feed": False})
    async with PokerClient(host.server.address) as client, reader(host.server.address) as bot:
        game = await client.create_game("Sprint 12", player="Ada", passcode="sesame")
        await client.create_game("Another", player="Bob")
        with pytest.raises(CommandRefused) as refused:
            await anext(bot.watch(game=game.game_id, passcode="wrong"))
        assert refused.value.reason == "PASSCODE_WRONG"
        seat = {"player_id": game.player_id, "seat_secret": game.seat_secret}
        for proof in ({"passcode": "sesame"}, seat):
            watch = bot.watch(game=game.join_code, **proof)
            told = await what_there_was(watch)
            assert of_game(game.game_id, told) == [
                change async for change in client.history(game.game_id, passcode="sesame")
            ]
            await watch.close()


async def test_from_now_and_by_type_only_what_is_wanted_is_told(host: Host) -> None:
    await host.start(server={"open_feed": True})
    async with PokerClient(host.server.address) as client, reader(host.server.address) as bot:
        game = await client.create_game("Sprint 12", player="Ada")
        await play_a_round(game)
        watch = bot.watch(from_now=True, event_types=["votes_revealed", "game_ended"])
        assert isinstance(await anext(watch), CaughtUp)
        await play_a_round(game)
        await game.end()
        names = [item.name for item in await until(watch, partial(are, 2))]
        assert names == ["votes_revealed", "game_ended"]
        await watch.close()
        again = bot.watch(cursor=watch.cursor)
        assert await what_there_was(again) == []
        await again.close()


async def test_a_cursor_of_another_log_is_told_with_the_way_out(host: Host, tmp_path: Path) -> None:
    await host.start(server={"open_feed": True})
    async with PokerClient(host.server.address) as client:
        await client.create_game("Sprint 12", player="Ada")
        async with client.watch() as watch:
            await what_there_was(watch)
    other = tmp_path / "other"
    other.mkdir()
    async with (
        PokerServer(other, {"server": {"open_feed": True}}) as server,
        reader(server.address) as bot,
    ):
        with pytest.raises(CommandRefused, match="without a cursor") as refused:
            await anext(bot.watch(cursor=watch.cursor))
        assert refused.value.reason == "CURSOR_UNKNOWN"


async def test_programs_without_an_event_loop_watch_all_games_too(host: Host) -> None:
    await host.start(server={"open_feed": True})

    def work() -> None:
        with sync.PokerClient(host.server.address) as client:
            game = client.create_game("Sprint 12", player="Ada")
            with client.watch() as watch:
                told = []
                for item in watch:
                    if isinstance(item, CaughtUp):
                        break
                    told.append(item.change)
                assert told == list(client.history(game.game_id))
                game.end()
                assert next(watch).cursor == watch.cursor
            assert [each.game_id for each in client.list_games(phases="ended")] == [game.game_id]

    await asyncio.to_thread(work)
