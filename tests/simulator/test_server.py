"""The server that tests get: its clock, its crashes and the way to it."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

import planningpoker.v1 as pb
from planning_poker_client import ClientOptions, Connected, Game, PokerClient, Reconnecting
from planning_poker_server.eventlog.port import LogError
from planning_poker_simulator import BlockingPokerServer, FaultProxy, PokerServer
from tests.integration.raw import PATIENCE_S, Client, eventually

EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.05)


async def phase(game: Game, wanted: pb.GamePhase.ValueType) -> None:
    await game.wait_for(lambda view: view.phase == wanted, timeout=PATIENCE_S)


async def becomes(client: PokerClient, kind: type) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async for state in client.states():
            if isinstance(state, kind):
                return


# The clock


async def test_a_deadline_passes_when_the_clock_is_advanced(poker_server: PokerServer) -> None:
    async with PokerClient(poker_server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await game.start_round(duration=300)
        await game.vote("8")
        poker_server.clock.advance(seconds=290)
        await game.vote("5")
        poker_server.clock.advance(seconds=10)
        await phase(game, pb.GAME_PHASE_REVEALED)


async def test_who_is_gone_is_shown_as_disconnected_when_the_grace_is_advanced_over(
    poker_server: PokerServer,
) -> None:
    async with PokerClient(poker_server.address) as client:
        ada = await client.create_game("Sprint 12", player="Ada")
        async with PokerClient(poker_server.address) as other:
            bob = await other.join(ada.join_code, "Bob")
            await eventually(lambda: bob.player_id in ada.presence)
        await eventually(lambda: len(poker_server.network.connections) == 1)
        # The server may still be noticing; each step is shorter than a request may take.
        async with asyncio.timeout(PATIENCE_S):
            while bob.player_id in ada.presence:
                poker_server.clock.advance(seconds=1)
                await asyncio.sleep(0.01)


async def test_a_stream_that_says_nothing_is_ended_when_its_time_is_advanced_over(
    poker_server: PokerServer,
) -> None:
    async with Client(poker_server.address) as client:
        stream = client.silent()
        await eventually(lambda: poker_server.connections == 1)
        poker_server.clock.advance(seconds=10)
        assert (await stream.status()).reason == "HELLO_TIMEOUT"


async def test_a_game_that_nobody_has_loaded_is_revealed_when_its_deadline_is_advanced_over(
    poker_server: PokerServer,
) -> None:
    async with PokerClient(poker_server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await game.start_round(duration=3_600)
        await game.vote("8")
    await poker_server.restart()
    poker_server.clock.advance(seconds=3_600)
    async with asyncio.timeout(PATIENCE_S):
        while "votes_revealed" not in stored(poker_server, game.game_id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def stored(server: PokerServer, game_id: str) -> list[str]:
    """Names of the events in the database."""
    query = "SELECT event FROM events WHERE game_id = ? ORDER BY version"
    with closing(sqlite3.connect(server.database)) as connection:
        rows = connection.execute(query, (game_id,)).fetchall()
    return [pb.GameEvent.FromString(row[0]).WhichOneof("event") or "" for row in rows]


# Crashes and restarts


async def test_a_restart_keeps_the_games_and_the_address(poker_server: PokerServer) -> None:
    before = poker_server.address
    async with PokerClient(poker_server.address, options=EAGER) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await poker_server.restart()
        await game.start_round()
        assert game.view.phase == pb.GAME_PHASE_VOTING
    assert poker_server.address == before


async def test_a_stopped_server_says_goodbye_and_a_crashed_one_says_nothing(
    poker_server: PokerServer,
) -> None:
    async with Client(poker_server.address) as client:
        stopped = await client.stream()
        await poker_server.stop()
        assert (await stopped.expect("goodbye")).reason == pb.GOODBYE_REASON_DRAINING
    await poker_server.start()
    async with Client(poker_server.address) as client:
        crashed = await client.stream()
        seat = await crashed.create()
        await poker_server.crash()
        status = await crashed.status()
        assert status.reason == ""
        assert "goodbye" not in crashed.names()
        assert seat.game_id
    await poker_server.crash()  # which is no matter


async def test_what_was_accepted_survives_a_crash_and_what_was_under_way_is_answered_once(
    poker_server: PokerServer,
) -> None:
    async with PokerClient(poker_server.address, options=EAGER) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await game.add_story("Accepted")
        under_way = [asyncio.create_task(game.add_story(f"Story {n}")) for n in range(10)]
        await eventually(lambda: len(game.view.stories) > 1)
        await poker_server.crash()
        await becomes(client, Reconnecting)
        await poker_server.start()
        await asyncio.gather(*under_way)
        assert len({story.title for story in game.view.stories.values()}) == 11
        assert len(game.view.stories) == 11


async def test_while_it_is_down_nobody_answers(poker_server: PokerServer) -> None:
    await poker_server.crash()
    async with Client(poker_server.address) as client:
        assert (await client.silent().status()).code.name == "UNAVAILABLE"


async def test_what_runs_is_not_started_twice(poker_server: PokerServer) -> None:
    with pytest.raises(RuntimeError, match="restart"):
        await poker_server.start()


# The network


async def test_the_fault_proxy_is_the_way_to_the_server(
    poker_server: PokerServer, fault_proxy: FaultProxy
) -> None:
    assert fault_proxy.address == poker_server.address
    async with PokerClient(poker_server.address, options=EAGER) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        fault_proxy.cut()
        await becomes(client, Reconnecting)
        await becomes(client, Connected)
        await game.start_round()
        await poker_server.restart()
        fault_proxy.cut("fin")
        await becomes(client, Reconnecting)
        await game.vote("8")


# Settings


@pytest.mark.poker_settings(game={"max_players": 2}, room={"settle_ms": 0})
class TestSettings:
    @pytest.mark.poker_settings(game={"max_players": 1})
    async def test_the_nearest_marker_wins(self, poker_server: PokerServer) -> None:
        assert poker_server.settings.game.max_players == 1
        assert poker_server.settings.room.settle_ms == 0

    @pytest.mark.poker_settings(database={"url": "memory:"})
    async def test_a_log_in_memory_does_for_tests_without_a_restart(
        self, poker_server: PokerServer
    ) -> None:
        async with PokerClient(poker_server.address) as client:
            await client.create_game("Sprint 12", player="Ada")
        assert not poker_server.database.exists()


async def test_variables_of_the_environment_have_no_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNING_POKER_ROOM__SETTLE_MS", "1")
    assert PokerServer(tmp_path).settings.room.settle_ms == 30_000


# Beside code that blocks


def test_code_that_blocks_has_a_server_on_another_thread(
    blocking_poker_server: BlockingPokerServer,
) -> None:
    server = blocking_poker_server

    async def bot() -> None:
        async with PokerClient(server.address, options=EAGER) as client:
            game = await client.create_game("Sprint 12", player="Ada")
            await game.start_round(duration=60)
            await game.vote("8")
            await asyncio.to_thread(crash_and_advance)
            await phase(game, pb.GAME_PHASE_REVEALED)

    def crash_and_advance() -> None:
        server.network.cut()
        server.crash()
        server.start()
        server.restart()
        server.clock.advance(seconds=60)

    asyncio.run(bot())


def test_a_server_that_cannot_start_leaves_nothing_behind(tmp_path: Path) -> None:
    server = BlockingPokerServer(tmp_path, {"database": {"url": f"sqlite:///{tmp_path}"}})
    with pytest.raises(LogError), server:
        pass
    assert not [each for each in threading.enumerate() if each.name == "planning-poker"]
