"""The SDK when the network or the server goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    ClientOptions,
    Connected,
    ConnectionLost,
    Failed,
    Game,
    PokerClient,
    Reconnecting,
    Resynced,
)
from planning_poker_simulator import FaultProxy
from tests.integration.harness import Host

PATIENCE_S = 20.0
EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.05)


@asynccontextmanager
async def gate_to(host: Host, **room: int) -> AsyncIterator[FaultProxy]:
    """A way to a server that is started behind it."""
    host.lines.expected.add("connection lost")
    await host.start(room=room)
    async with FaultProxy(host.server.address) as gate:
        yield gate


@pytest_asyncio.fixture
async def gate(host: Host) -> AsyncIterator[FaultProxy]:
    async with gate_to(host) as gate:
        yield gate


async def becomes(client: PokerClient, kind: type) -> None:
    """Wait until the connection is in a state of this kind."""
    async with asyncio.timeout(PATIENCE_S):
        async for state in client.states():
            if isinstance(state, kind):
                return


async def sees(game: Game, version: int) -> None:
    await game.wait_for(lambda view: view.version >= version, timeout=PATIENCE_S)


async def test_a_restart_of_the_server_is_survived_with_nothing_lost_or_doubled(
    host: Host,
) -> None:
    host.lines.expected.add("connection lost")
    server = await host.start()
    async with (
        PokerClient(server.address, options=EAGER) as ada_client,
        PokerClient(server.address, options=EAGER) as bob_client,
    ):
        ada = await ada_client.create_game("Sprint 12", player="Ada")
        bob = await bob_client.join(ada.join_code, "Bob")
        changes = bob.changes()
        await ada.start_round()
        await ada.vote("8")
        await server.stop(0)
        await becomes(ada_client, Reconnecting)
        while_away = asyncio.create_task(ada.vote("5"))
        await host.start(server={"port": server.port})
        receipt = await asyncio.wait_for(while_away, PATIENCE_S)
        await sees(bob, receipt.version)
        await bob.vote("3")
        await ada.reveal()
        await ada.end()
        told = [item async for item in changes]
        versions = [item.version for item in told if isinstance(item, Change)]
        assert versions == list(range(4, ada.view.version + 1))
        assert {vote.card for vote in bob.view.votes.values()} == {"5", "3"}
        assert bob.view == ada.view


async def test_cuts_in_the_middle_of_everything_lose_and_double_nothing(
    host: Host, gate: FaultProxy
) -> None:
    async with (
        PokerClient(gate.address, options=EAGER) as ada_client,
        PokerClient(host.server.address) as watching_client,
    ):
        ada = await ada_client.create_game("Sprint 12", player="Ada")
        watcher = await watching_client.attach(ada.game_id)
        told = watcher.changes()

        async def cut_now_and_then() -> int:
            seen = 0
            async for _ in watcher.changes():
                seen += 1
                if seen % 7 == 0:
                    gate.cut()
            return seen // 7

        cutting = asyncio.create_task(cut_now_and_then())
        titles = [f"Story {number}" for number in range(60)]
        for title in titles[:20]:
            await ada.add_story(title)
        await asyncio.gather(*(ada.add_story(title) for title in titles[20:]))
        await ada.end()
        cuts = await cutting
        versions = [item.version async for item in told if isinstance(item, Change)]
        assert cuts >= 5
        assert versions == list(range(3, 3 + len(titles) + 1))
        added = [story.title for story in watcher.view.stories.values()]
        assert added[:20] == titles[:20]
        assert sorted(added) == sorted(titles)
        await sees(ada, watcher.view.version)
        assert ada.view == watcher.view


async def test_who_missed_a_little_is_told_of_it_event_by_event(
    host: Host, gate: FaultProxy
) -> None:
    async with (
        PokerClient(host.server.address) as ada_client,
        PokerClient(gate.address, options=EAGER) as bob_client,
    ):
        ada = await ada_client.create_game("Sprint 12", player="Ada")
        bob = await bob_client.join(ada.join_code, "Bob")
        await sees(bob, (await ada.start_round()).version)
        changes = bob.changes()
        gate.down()
        await becomes(bob_client, Reconnecting)
        first, last = await ada.vote("8"), await ada.vote("5")
        gate.up()
        await sees(bob, last.version)
        told = [await anext(changes) for _ in range(2)]
        assert [item.version for item in told if isinstance(item, Change)] == [
            first.version,
            last.version,
        ]


async def test_a_watcher_of_a_guarded_game_comes_back(host: Host, gate: FaultProxy) -> None:
    async with (
        PokerClient(host.server.address) as ada_client,
        PokerClient(gate.address, options=EAGER) as watching_client,
    ):
        ada = await ada_client.create_game("Sprint 12", player="Ada", passcode="sesame")
        watcher = await watching_client.attach(ada.game_id, passcode="sesame")
        gate.cut()
        await becomes(watching_client, Reconnecting)
        await sees(watcher, (await ada.start_round()).version)


async def test_who_missed_more_than_the_server_keeps_is_resynced(host: Host) -> None:
    async with (
        gate_to(host, tail_events=4) as gate,
        PokerClient(host.server.address) as ada_client,
        PokerClient(gate.address, options=EAGER) as bob_client,
    ):
        ada = await ada_client.create_game("Sprint 12", player="Ada")
        bob = await bob_client.join(ada.join_code, "Bob")
        before = (await ada.start_round()).version
        await sees(bob, before)
        changes = bob.changes()
        gate.down()
        await becomes(bob_client, Reconnecting)
        for number in range(9):
            await ada.add_story(f"Story {number}")
        gate.up()
        await sees(bob, ada.view.version)
        assert await anext(changes) == Resynced(before, ada.view.version)
        assert bob.view == ada.view
        await bob.vote("8")


async def test_a_server_that_stays_away_is_given_up_until_the_client_is_opened_again(
    host: Host, gate: FaultProxy
) -> None:
    host.lines.expected.add("connection given up")
    options = ClientOptions(backoff_first=0.01, backoff_longest=0.01, max_attempts=3)
    async with PokerClient(gate.address, options=options) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        changes = game.changes()
        gate.down()
        await becomes(client, Failed)
        with pytest.raises(ConnectionLost, match="is the server running"):
            await anext(changes)
        assert game.view.phase == pb.GAME_PHASE_LOBBY
        gate.up()
        await client.open()
        assert isinstance(client.state, Connected)
        await game.add_story("After all")
        assert len(game.view.stories) == 1


async def test_the_states_of_a_connection_can_be_watched(host: Host, gate: FaultProxy) -> None:
    async with PokerClient(gate.address, options=EAGER) as client:
        states = client.states()
        gate.cut()
        await becomes(client, Reconnecting)
        await becomes(client, Connected)
    names = [type(state).__name__ async for state in states]
    assert names[:2] == ["Connected", "Reconnecting"]
    assert names[-2:] == ["Connected", "Disconnected"]
