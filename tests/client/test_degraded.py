"""Hopes that fail, reports, losses and a service that is not at its best, over real gRPC."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    Available,
    Change,
    ClientClosed,
    ClientOptions,
    CommandRefused,
    Connected,
    ConnectionFailed,
    Degraded,
    DeliveryReport,
    Failed,
    Fallback,
    Game,
    NotReported,
    PendingCommand,
    PokerClient,
    Reconnecting,
    RolledBack,
    ShownView,
    Unavailable,
)
from tests.client import said
from tests.client.fake_server import Script, Stream, serving
from tests.client.table_server import TableServer

FAST = ClientOptions(backoff_first=0.01)
SLOW_TO_RETURN = ClientOptions(backoff_first=3_600.0, backoff_longest=3_600.0)


async def seated(stream: Stream) -> None:
    """Take Ada in; round r1 is open, at version 3."""
    await stream.expect("hello")
    await stream.say(said.welcome())
    create = await stream.expect("command")
    await stream.say(
        said.attached(create.correlation_id, said.game(2), "p1"),
        said.batch(said.round_started(3)),
        said.accepted(create.correlation_id, 3, player_id="p1"),
    )


async def resumed(stream: Stream, head: int = 3) -> None:
    """Take Ada back."""
    await stream.expect("hello")
    await stream.say(said.welcome())
    attach = await stream.expect("attach")
    await stream.say(said.attached(attach.correlation_id, None, "p1", head=head))


def script(*parts: Callable[[Stream], Awaitable[None]]) -> Script:
    async def run(stream: Stream) -> None:
        for part in parts:
            await part(stream)

    return run


async def cut(stream: Stream) -> None:
    await stream.abort(grpc.StatusCode.UNAVAILABLE)


async def stop(stream: Stream) -> None:
    await stream.say(said.goodbye(pb.NEXT_STEP_STOP))


async def stay(stream: Stream) -> None:
    await stream.until_closed()


async def refuse(stream: Stream) -> None:
    command = await stream.expect("command")
    await stream.say(said.refused(command.correlation_id, said.ROUND_CLOSED))


async def reach(client: PokerClient, kind: type[object]) -> None:
    """Wait until the client is in this state."""
    async with asyncio.timeout(5):
        async for state in client.states():
            if isinstance(state, kind):
                return


async def create(client: PokerClient) -> Game:
    game = await client.create_game("Sprint 12", player="Ada")
    await game.wait_for(lambda view: view.version == 3, timeout=5)
    return game


# Hopes


async def test_a_vote_shows_before_its_answer_and_its_refusal_is_seen_in_both_places() -> None:
    shown = asyncio.Event()

    async def refuse_when_seen(stream: Stream) -> None:
        await shown.wait()
        await refuse(stream)

    async with (
        serving(script(seated, refuse_when_seen, stay)) as server,
        PokerClient(server.address) as client,
    ):
        game = await create(client)
        watcher = Game(client._exchange, game._inbox)
        changes, others = game.changes(), watcher.changes()
        voting = asyncio.create_task(game.vote("8"))
        await asyncio.sleep(0)
        view: ShownView = game.view
        assert view.has_voted("p1")
        (pending,) = view.pending
        assert (pending, game.pending) == (
            PendingCommand(pending.correlation_id, "submit_vote"),
            (pending,),
        )
        assert game.seat.card == "8"
        assert not view.stale
        shown.set()
        with pytest.raises(CommandRefused) as refused:
            await voting
        assert not game.view.has_voted("p1")
        assert (game.pending, game.seat.card) == ((), "")
        expected = RolledBack(pending.correlation_id, "submit_vote", refused.value)
        assert await anext(changes) == expected
        assert not others._queue


async def test_waiting_for_the_view_looks_at_what_is_confirmed() -> None:
    async def accept(stream: Stream) -> None:
        vote = await stream.expect("command")
        await stream.say(said.accepted(vote.correlation_id, 4))
        await confirm.wait()
        await stream.say(said.batch(said.caused(vote.correlation_id, said.voted(4))))

    confirm = asyncio.Event()
    async with (
        serving(script(seated, accept, stay)) as server,
        PokerClient(server.address) as client,
    ):
        game = await create(client)
        await game.vote("8")
        assert game.view.has_voted("p1")
        with pytest.raises(TimeoutError):
            await game.wait_for(lambda view: view.has_voted("p1"), timeout=0.01)
        confirm.set()
        await game.wait_for(lambda view: view.has_voted("p1"), timeout=5)
        assert game.pending == ()


# Reports


async def test_the_final_report_is_waited_for_across_a_lost_connection() -> None:
    async def reveal(stream: Stream) -> None:
        command = await stream.expect("command")
        id_ = command.correlation_id
        await stream.say(
            said.batch(said.caused(id_, said.revealed(4))),
            said.accepted(id_, 4),
            said.envelope(id_, delivery_report=said.report(4, final=False)),
        )
        await interim.wait()

    async def back(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        attach = await stream.expect("attach")
        attached = said.attached(attach.correlation_id, None, "p1", head=4)
        report = said.report(4, final=True, acknowledged="p1")
        attached.attached.last_report.CopyFrom(report)
        await stream.say(attached)

    interim = asyncio.Event()
    async with (
        serving(script(seated, reveal, cut), script(back, stay)) as server,
        PokerClient(server.address, options=FAST) as client,
    ):
        game = await create(client)
        receipt = await game.reveal()
        waiting = asyncio.create_task(receipt.delivered())
        interim.set()
        expected = DeliveryReport(4, frozenset({"p1"}), frozenset(), frozenset({"p2"}), True)
        async with asyncio.timeout(5):
            assert await waiting == expected
        assert game.last_report == expected


async def test_a_command_without_a_critical_event_has_no_report() -> None:
    async with serving(TableServer()) as server, PokerClient(server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await game.start_round()
        receipt = await game.retract()
        with pytest.raises(NotReported, match="retract vote"):
            await receipt.delivered()


async def test_closing_ends_who_waits_for_a_report() -> None:
    async def reveal(stream: Stream) -> None:
        command = await stream.expect("command")
        await stream.say(said.accepted(command.correlation_id, 4))

    async with serving(script(seated, reveal, stay)) as server:
        async with PokerClient(server.address) as client:
            game = await create(client)
            receipt = await game.reveal()
            waiting = asyncio.create_task(receipt.delivered())
            await asyncio.sleep(0)
        with pytest.raises(ClientClosed):
            await waiting
        with pytest.raises(ClientClosed):
            await receipt.delivered()


# Services


async def test_who_watches_the_service_sees_it_come_and_go_and_each_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def degrade(stream: Stream) -> None:
        await stream.say(said.READ_ONLY, said.READ_ONLY, said.AVAILABLE)
        await seen.wait()

    seen = asyncio.Event()
    scripts = (script(seated, degrade, cut), script(resumed, stay))
    caplog.set_level(logging.INFO, "planning_poker_client")
    async with serving(*scripts) as server:
        async with PokerClient(server.address, options=FAST) as client:
            services = client.services()
            game = await create(client)
            async with asyncio.timeout(5):
                assert await anext(services) == Available()
                read_only = Degraded("The log is away.", Fallback.READ_ONLY_MODE)
                assert await anext(services) == read_only
                assert await anext(services) == Available()
                seen.set()
                lost = await anext(services)
                assert isinstance(lost, Degraded)
                assert (lost.fallback, game.stale) == (Fallback.SHOW_CACHED_DATA, True)
                assert game.view.version == 3
                while lost != Available():
                    lost = await anext(services)
            assert client.service == Available()
        assert [state async for state in services] == [Unavailable("The client is not open.")]
    lines = [record.message.split(": ")[0].split(",")[0] for record in caplog.records]
    assert lines[1:4] == [
        f"{server.address} works in part only",
        f"{server.address} works as it should again",
        "connection lost",
    ]
    assert lines[4] == f"connected to {server.address}"


async def test_the_refusal_of_a_kept_vote_is_one_line_without_the_card(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse_naming_it(stream: Stream) -> None:
        command = await stream.expect("command")
        no = pb.Refusal(reason=pb.REASON_ROUND_CLOSED, message="canary", definite=True)
        await stream.say(said.refused(command.correlation_id, no))

    options = ClientOptions(backoff_first=0.01, offline_votes_for=60.0)
    scripts = (script(seated, cut), script(resumed, refuse_naming_it, stay))
    async with (
        serving(*scripts) as server,
        PokerClient(server.address, options=options) as client,
    ):
        game = await create(client)
        await reach(client, Reconnecting)
        changes = game.changes()
        with pytest.raises(CommandRefused):
            await game.vote("canary")
        assert isinstance(await anext(changes), RolledBack)
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings[-1] == f"game {said.GAME}: a vote that was kept was refused: ROUND_CLOSED"
    assert not any("canary" in line for line in warnings)


# Coming back


async def test_reconnecting_by_hand_does_not_wait_for_the_backoff() -> None:
    async with (
        serving(script(seated, cut), script(resumed, stay)) as server,
        PokerClient(server.address, options=SLOW_TO_RETURN) as client,
    ):
        game = await create(client)
        await reach(client, Reconnecting)
        async with asyncio.timeout(5):
            await client.reconnect()
        assert client.state == Connected()
        await game.wait_for(lambda view: view.version == 3, timeout=5)
        await client.reconnect()
        assert len(server.streams) == 2


async def test_a_client_that_was_given_up_reconnects_and_goes_on() -> None:
    async def tell(stream: Stream) -> None:
        await stream.say(said.batch(said.joined(4)))

    async with (
        serving(script(seated, stop), script(_resumed_at_4, tell, stay)) as server,
        PokerClient(server.address) as client,
    ):
        game = await create(client)
        await reach(client, Failed)
        assert client.service == Unavailable("The server is going away.")
        await client.reconnect()
        changes = game.changes()
        async with asyncio.timeout(5):
            change = await anext(changes)
        assert isinstance(change, Change)
        assert change.version == 4


async def _resumed_at_4(stream: Stream) -> None:
    await resumed(stream, head=4)


async def test_reconnecting_in_vain_says_so_and_leaves_the_client_open() -> None:
    options = ClientOptions(connect_timeout=0.3, backoff_first=3_600.0, backoff_longest=3_600.0)
    async with (
        serving(script(seated, cut), script(cut)) as server,
        PokerClient(server.address, options=options) as client,
    ):
        game = await create(client)
        await reach(client, Reconnecting)
        with pytest.raises(ConnectionFailed, match="could not be reached yet"):
            await client.reconnect()
        assert isinstance(client.state, Reconnecting)
        assert game.view.version == 3


async def test_reconnecting_what_was_given_up_fails_with_the_reason() -> None:
    async with (
        serving(script(seated, stop), script(_hello, stop)) as server,
        PokerClient(server.address) as client,
    ):
        await create(client)
        await reach(client, Failed)
        with pytest.raises(ConnectionFailed, match="going away"):
            await client.reconnect()
        assert isinstance(client.state, Failed)


async def _hello(stream: Stream) -> None:
    await stream.expect("hello")


async def test_a_closed_client_does_not_reconnect() -> None:
    with pytest.raises(ClientClosed, match="async with"):
        await PokerClient("localhost:1").reconnect()
