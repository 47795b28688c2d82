"""Reading through the SDK: a game at any version, and its history, whatever the network does."""

import asyncio
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    ClientClosed,
    ClientOptions,
    CommandRefused,
    ConnectionFailed,
    PokerClient,
    sync,
)
from planning_poker_simulator import FaultProxy
from tests.integration.harness import Host
from tests.integration.raw import eventually

EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.05)


async def test_a_game_is_read_by_a_client_that_follows_nothing(host: Host) -> None:
    await host.start()
    async with PokerClient(host.server.address) as client:
        ada = await client.create_game("Sprint 12", player="Ada")
        await ada.start_story("Login")
        receipt = await ada.vote("8")
        async with PokerClient(host.server.address, connect=False) as reader:
            now = await reader.read_game(ada.join_code, min_version=receipt.version)
            assert now == ada.view
            assert not now.votes
            early = await reader.read_game(ada.game_id, version=2)
            assert (early.version, early.stories) == (2, {})
            with pytest.raises(CommandRefused) as refused:
                await reader.read_game(ada.game_id, version=99)
            assert (refused.value.reason, refused.value.code) == (
                "VERSION_NOT_THERE",
                "OUT_OF_RANGE",
            )
        assert ada.presence == {ada.player_id}
        with pytest.raises(ClientClosed):
            await reader.read_game(ada.game_id)


async def test_a_history_is_told_like_the_changes_of_a_game(host: Host) -> None:
    await host.start()
    async with PokerClient(host.server.address) as client:
        ada = await client.create_game("Sprint 12", player="Ada", passcode="open sesame")
        changes = ada.changes()
        await ada.start_story("Login")
        await ada.vote("8")
        await ada.reveal()
        await ada.end()
        live = [change async for change in changes]
        told = [
            change
            async for change in client.history(
                ada.game_id,
                after_version=2,
                player_id=ada.player_id,
                seat_secret=ada.seat_secret,
            )
        ]
        assert told == live
        with pytest.raises(CommandRefused, match="passcode"):
            await anext(client.history(ada.game_id))


async def test_a_history_whose_step_was_given_up_goes_on_behind_the_last_one(host: Host) -> None:
    await host.start()
    async with PokerClient(host.server.address) as client:
        ada = await client.create_game("Sprint 12", player="Ada")
        history = client.history(ada.game_id)
        step = asyncio.ensure_future(anext(history))
        await asyncio.sleep(0)  # it has begun, and waits
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)
        assert [change.version async for change in history] == [1, 2]
        assert [change async for change in history] == []


async def test_an_option_that_is_misspelt_is_not_passed_over(host: Host) -> None:
    await host.start()
    misspelt: Any = {"expected": 1}
    async with PokerClient(host.server.address) as client:
        with pytest.raises(TypeError, match="no option 'expected'"):
            await client.create_game("Sprint 12", player="Ada", **misspelt)
        ada = await client.create_game("Sprint 12", player="Ada")
        with pytest.raises(TypeError, match="no option 'expected'"):
            await client.join(ada.join_code, "Bob", **misspelt)
        with pytest.raises(TypeError, match="no option 'expected'"):
            await ada.start_round(**misspelt)
        seat = client.seat(ada.game_id, ada.player_id, ada.seat_secret)
        with pytest.raises(TypeError, match="no option 'expected'"):
            await seat.end(**misspelt)
        assert ada.view.version == 2


async def test_a_history_goes_on_where_it_was_cut(host: Host) -> None:
    await host.start(stream={"command_burst": 5_000, "commands_per_second": 5_000.0})
    async with (
        FaultProxy(host.server.address) as network,
        PokerClient(host.server.address) as client,
        PokerClient(network.address, connect=False, options=EAGER) as reader,
    ):
        ada = await client.create_game("Sprint 12", player="Ada")
        for number in range(120):
            stories = [pb.NewStory(title=f"{number}", description="x" * 2_000) for _ in range(4)]
            await ada.add_stories(stories)
        versions = []
        async for change in reader.history(ada.game_id):
            versions.append(change.version)
            if change.version in (3, 60, 100):
                network.cut()
        assert versions == list(range(1, ada.view.version + 1))


async def test_where_nobody_answers_reading_says_so_in_time(host: Host) -> None:
    await host.start()
    address = host.server.address
    await host.server.stop()
    async with PokerClient(address, connect=False, options=EAGER) as reader:
        with pytest.raises(ConnectionFailed) as failed:
            await reader.read_game("0" * 32, timeout=0.3)
        assert failed.value.retryable


async def test_programs_without_an_event_loop_read_too(host: Host) -> None:
    await host.start()

    def work() -> list[int]:
        with sync.PokerClient(host.server.address) as client:
            game = client.create_game("Sprint 12", player="Ada")
            assert client.read_game(game.game_id).display_name == "Sprint 12"
            told = [change.version for change in client.history(game.game_id)]
            cut_short = client.history(game.game_id)
        with pytest.raises(ClientClosed, match="before all was read"):
            next(cut_short)
        return told

    assert await asyncio.to_thread(work) == [1, 2]


async def test_who_gives_up_reading_leaves_nothing_behind(host: Host) -> None:
    await host.start()
    async with PokerClient(host.server.address) as client:
        ada = await client.create_game("Sprint 12", player="Ada")
        history = client.history(ada.game_id)
        assert (await anext(history)).version == 1
        del history
        await eventually(lambda: host.server._services.reads._admission._open == 0)
