"""Who has got what, and what still works, as users of the SDK are told by a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

import planningpoker.v1 as pb
from planning_poker_client import (
    Available,
    ClientOptions,
    CommandRefused,
    Degraded,
    Fallback,
    Game,
    NotReported,
    PokerClient,
    RolledBack,
)
from planning_poker_simulator import FaultProxy
from tests.integration.harness import Host
from tests.integration.raw import Stream

PATIENCE_S = 20.0
OFFLINE = ClientOptions(backoff_first=0.02, backoff_longest=0.05, offline_votes_for=60.0)


@pytest_asyncio.fixture
async def ada(host: Host) -> AsyncIterator[Game]:
    """Ada's seat at a table whose round is open."""
    await host.start()
    async with PokerClient(host.server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await game.start_round()
        yield game


@asynccontextmanager
async def seated(host: Host, game: Game, name: str) -> AsyncIterator[Game]:
    async with PokerClient(host.server.address) as client:
        yield await client.join(game.join_code, name)


async def still(stream: Stream, game_id: str) -> None:
    """The stream has been told the reveal, and says nothing."""
    await stream.events("votes_revealed")
    assert game_id in stream.views


async def test_a_reveal_that_everybody_has_applied_is_reported_at_once(
    host: Host, ada: Game
) -> None:
    async with seated(host, ada, "Bob") as bob:
        await bob.vote("5")
        await ada.vote("8")
        receipt = await ada.reveal()
        report = await receipt.delivered(timeout=PATIENCE_S)
        assert report.final
        assert report.acknowledged == {ada.player_id, bob.player_id}
        assert (report.pending, report.absent) == (frozenset(), frozenset())
        assert report.version == receipt.version
        assert ada.last_report == report
        assert bob.last_report is None, "Bob facilitates nothing and caused nothing"
        last = await ada.end()
        assert (await last.delivered(timeout=PATIENCE_S)).acknowledged == report.acknowledged


async def test_who_is_gone_is_named_and_not_waited_for(host: Host) -> None:
    await host.start(room={"presence_grace_ms": 0})
    async with PokerClient(host.server.address) as client:
        ada = await client.create_game("Sprint 12", player="Ada")
        async with seated(host, ada, "Bob") as bob:
            gone = bob.player_id
        await ada.start_round()
        await ada.vote("8")
        report = await (await ada.reveal()).delivered(timeout=PATIENCE_S)
        assert report.absent == {gone}
        assert report.acknowledged == {ada.player_id}


async def test_who_does_not_acknowledge_is_pending_in_the_interim_report(
    host: Host, ada: Game
) -> None:
    stream = await host.stream()
    bob = await stream.join(ada.game_id, "Bob")
    await ada.vote("8")
    receipt = await ada.reveal(force=True)
    await still(stream, ada.game_id)
    with pytest.raises(TimeoutError):
        await receipt.delivered(timeout=3.5)
    assert ada.last_report is not None
    assert not ada.last_report.final
    assert ada.last_report.pending == {bob.player_id}
    await stream.ack(ada.game_id, receipt.version)
    report = await receipt.delivered(timeout=PATIENCE_S)
    assert report.acknowledged == {ada.player_id, bob.player_id}


async def test_a_command_without_a_critical_event_has_no_report(ada: Game) -> None:
    receipt = await ada.retract()
    with pytest.raises(NotReported):
        await receipt.delivered()


async def test_while_the_log_is_away_the_game_is_read_only_and_comes_back_by_itself(
    host: Host, ada: Game
) -> None:
    host.lines.expected |= {"the log is unavailable", "timers cannot be read"}
    host.lines.expected.add(f"{host.server.address} works in part only")
    async with PokerClient(host.server.address) as client:
        watching = await client.attach(ada.game_id)
        services = client.services()
        assert isinstance(await anext(services), Available)
        host.log.refuses = True
        with pytest.raises(CommandRefused) as refused:
            await ada.vote("8")
        assert refused.value.retryable
        degraded = await anext(services)
        assert isinstance(degraded, Degraded)
        assert degraded.fallback is Fallback.READ_ONLY_MODE
        assert watching.view.phase == pb.GAME_PHASE_VOTING
        assert not watching.stale
        host.log.refuses = False
        assert isinstance(await anext(services), Available)
        await ada.vote("8")
        await watching.wait_for(lambda view: view.has_voted(ada.player_id), timeout=PATIENCE_S)


async def test_votes_without_a_connection_are_kept_and_only_the_last_one_counts(
    host: Host, ada: Game
) -> None:
    host.lines.expected.add("connection lost")
    async with (
        FaultProxy(host.server.address) as network,
        PokerClient(network.address, options=OFFLINE) as client,
    ):
        bob = await client.join(ada.join_code, "Bob")
        await bob.wait_for(lambda view: view.round is not None, timeout=PATIENCE_S)
        network.down()
        await _offline(client)
        first = asyncio.create_task(bob.vote("3"))
        await asyncio.sleep(0)
        second = asyncio.create_task(bob.vote("13"))
        await asyncio.sleep(0)
        assert bob.stale
        assert bob.view.has_voted(bob.player_id)
        assert bob.seat.card == "13"
        network.up()
        await second
        with pytest.raises(Exception, match="later vote"):
            await first
        await ada.vote("8")
        await ada.reveal()
        await bob.wait_for(lambda v: v.phase == pb.GAME_PHASE_REVEALED, timeout=PATIENCE_S)
        assert bob.view.votes[bob.player_id].card == "13"


async def test_a_kept_vote_whose_round_is_over_is_refused_and_told_as_taken_back(
    host: Host, ada: Game
) -> None:
    host.lines.expected |= {"connection lost", f"game {ada.game_id}: a vote that was kept"}
    async with (
        FaultProxy(host.server.address) as network,
        PokerClient(network.address, options=OFFLINE) as client,
    ):
        bob = await client.join(ada.join_code, "Bob")
        await bob.wait_for(lambda view: view.round is not None, timeout=PATIENCE_S)
        changes = bob.changes()
        network.down()
        await _offline(client)
        late = asyncio.create_task(bob.vote("3"))
        await ada.vote("8")
        await ada.reveal(force=True)
        await ada.again()
        network.up()
        with pytest.raises(CommandRefused) as refused:
            await late
        assert refused.value.reason == "ROUND_CLOSED"
        async with asyncio.timeout(PATIENCE_S):
            async for change in changes:
                if isinstance(change, RolledBack):
                    break
        assert not ada.view.has_voted(bob.player_id), "the next round is untouched"


async def _offline(client: PokerClient) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async for service in client.services():
            if isinstance(service, Degraded) and service.fallback is Fallback.OFFLINE_MODE:
                return
