"""Playing through a client, over real gRPC against a table that accepts everything."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    ClientOptions,
    CommandRefused,
    Game,
    GameDetached,
    GameOver,
    OutcomeUnknown,
    PokerClient,
    Resynced,
    WaitTimeout,
)
from planning_poker_client.notices import Notice, Settled
from tests.client import said
from tests.client.fake_server import Stream, serving
from tests.client.table_server import TableServer

SECRET = b"canary-secret-of-thirty-two-byte"


@pytest.fixture
async def table() -> TableServer:
    return TableServer(version=2)


@pytest.fixture
async def client(table: TableServer) -> AsyncIterator[PokerClient]:
    async with serving(table) as server, PokerClient(server.address) as client:
        yield client


@pytest.fixture
async def ada(client: PokerClient) -> Game:
    return await client.create_game("Sprint 12", player="Ada")


# Sitting down


async def test_a_created_game_has_a_seat_a_code_and_a_view(
    client: PokerClient, table: TableServer
) -> None:
    game = await client.create_game(
        "Sprint 12",
        deck="t_shirt",
        player="Ada",
        role="observer",
        auto_reveal=True,
        passcode="pass",
        labels={"team": "blue"},
        lifetime=timedelta(hours=1),
        external_id="u-1",
        seat_secret=SECRET,
    )
    assert (game.game_id, game.join_code) == (said.GAME, said.CODE)
    assert (game.player_id, game.seat_secret) == ("p1", SECRET)
    assert game.view.display_name == "Sprint 12"
    assert game.presence == {"p1"}
    create = pb.CreateGame(
        display_name="Sprint 12",
        settings=pb.GameSettings(deck=pb.Deck(name="t_shirt"), auto_reveal=True),
        creator=pb.JoinGame(
            display_name="Ada",
            role=pb.PLAYER_ROLE_OBSERVER,
            seat_secret=SECRET,
            external_id="u-1",
            attach=True,
        ),
        passcode="pass",
        labels={"team": "blue"},
    )
    create.ttl.FromSeconds(3600)
    assert table.commands[0].command == pb.Command(create_game=create)


async def test_a_game_without_a_player_is_attached_without_a_seat(
    client: PokerClient, table: TableServer
) -> None:
    async def owner_only(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        create = await stream.expect("command")
        assert not create.command.create_game.HasField("creator")
        await stream.say(said.accepted(create.correlation_id, 1))
        attach = await stream.expect("attach")
        assert attach.attach == pb.Attach(game_id=said.GAME, passcode="pass")
        await stream.say(said.attached(attach.correlation_id, said.game(1)))
        await stream.until_closed()

    async with serving(owner_only) as server, PokerClient(server.address) as client_:
        game = await client_.create_game("Sprint 12", passcode="pass")
        assert (game.player_id, game.seat_secret) == ("", b"")


async def test_joining_takes_a_seat_with_a_fresh_secret_each_time(
    client: PokerClient, table: TableServer
) -> None:
    first = await client.join(said.CODE, "Bob", passcode="pass", proxied=True)
    second = await client.join(said.CODE, name="Cy")
    assert len(first.seat_secret) == 32
    assert first.seat_secret != second.seat_secret
    join = table.commands[0].command.join_game
    assert (join.display_name, join.passcode, join.proxied) == ("Bob", "pass", True)
    assert join.seat_secret == first.seat_secret


async def test_a_secret_of_the_wrong_length_is_refused_without_being_shown(
    client: PokerClient,
) -> None:
    with pytest.raises(ValueError, match="32 bytes, not 6") as refused:
        await client.join(said.CODE, "Bob", seat_secret=b"canary")
    assert "canary" not in str(refused.value)


async def test_a_seat_held_before_is_attached_with_its_secret(
    client: PokerClient, table: TableServer
) -> None:
    game = await client.attach(said.GAME, player_id="p2", seat_secret=SECRET)
    assert game.player_id == "p2"
    assert table.stream is not None
    attach = table.stream.heard[1].attach
    assert attach.seats == [pb.Seat(player_id="p2", seat_secret=SECRET)]


async def test_a_refused_join_raises_the_refusal() -> None:
    async def refuses(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        join = await stream.expect("command")
        taken = pb.Refusal(reason=pb.REASON_NAME_TAKEN, message="Taken.", definite=True)
        await stream.say(said.refused(join.correlation_id, taken))
        await stream.until_closed()

    async with serving(refuses) as server, PokerClient(server.address) as client:
        with pytest.raises(CommandRefused) as refused:
            await client.join(said.CODE, "Bob")
        assert refused.value.reason == "NAME_TAKEN"


async def test_no_secret_is_in_what_is_printed(client: PokerClient) -> None:
    game = await client.join(said.CODE, "Bob", seat_secret=SECRET)
    assert "canary" not in f"{game!r} {client!r} {game._inbox.seats!r}"
    assert repr(game) == f"<Game {said.GAME} as p2 at version 2>"


# Playing


async def test_commands_are_sent_by_the_seat_and_give_receipts_that_match_changes(
    ada: Game, table: TableServer
) -> None:
    changes = ada.changes()
    receipt = await ada.start_story("Login page")
    vote = await ada.vote("8")
    added, started, voted = [await anext(changes) for _ in range(3)]
    assert isinstance(added, Change)
    assert isinstance(started, Change)
    assert isinstance(voted, Change)
    assert (started.version, started.name) == (receipt.version, "round_started")
    assert started.correlation_id == receipt.correlation_id
    assert voted.correlation_id == vote.correlation_id
    assert ada.view.has_voted("p1")
    assert ada.seat.card == "8"
    for message in table.commands[1:]:
        assert (message.command.game_id, message.command.player_id) == (said.GAME, "p1")
        assert UUID(message.correlation_id).version == 4


async def test_a_request_id_is_the_same_correlation_id_each_time(
    ada: Game, table: TableServer
) -> None:
    await ada.start_round()
    first = await ada.vote("8", request_id="hook-1")
    second = await ada.vote("8", request_id="hook-1")
    assert first.correlation_id == second.correlation_id
    assert UUID(first.correlation_id).version == 5
    other = await ada.reveal(request_id="hook-1")
    assert other.correlation_id != first.correlation_id
    again = await ada.vote("8", request_id=first.correlation_id)
    assert again.correlation_id == first.correlation_id


async def test_the_version_that_a_command_expects_is_sent(ada: Game, table: TableServer) -> None:
    await ada.end(expected_version=2)
    assert table.commands[-1].command.expected_version == 2


async def test_a_command_without_an_answer_raises_with_its_id_after_its_timeout() -> None:
    async def deaf(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        create = await stream.expect("command")
        await stream.say(
            said.attached(create.correlation_id, said.game(2), "p1"),
            said.accepted(create.correlation_id, 2, player_id="p1"),
        )
        heard.set_result(await stream.expect("command"))
        await stream.until_closed()

    heard: asyncio.Future[pb.ClientEnvelope] = asyncio.get_running_loop().create_future()
    async with serving(deaf) as server, PokerClient(server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        with pytest.raises(OutcomeUnknown) as unknown:
            await game.end(timeout=0.05, request_id="hook")
        async with asyncio.timeout(5):
            assert unknown.value.correlation_id == (await heard).correlation_id


async def test_commands_at_the_limit_of_the_rate_all_go_out_without_any_answer() -> None:
    async def answers_late(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome(commands_per_second=4_000.0, command_burst=5))
        create = await stream.expect("command")
        await stream.say(
            said.attached(create.correlation_id, said.game(2), "p1"),
            said.accepted(create.correlation_id, 2, player_id="p1"),
        )
        commands = [await stream.expect("command") for _ in range(200)]
        await stream.say(*(said.accepted(command.correlation_id) for command in commands))
        await stream.until_closed()

    async with serving(answers_late) as server, PokerClient(server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await asyncio.gather(*(game.end(timeout=5) for _ in range(200)))


# Following


async def test_changes_begin_at_the_call_and_each_consumer_gets_all(
    ada: Game, table: TableServer
) -> None:
    await ada.start_round()
    first, second = ada.changes(), ada.changes()
    await table.tell(said.voted(4), said.voted(5, "p2"))
    for changes in (first, second):
        assert [(await anext(changes)).version for _ in range(2)] == [4, 5]  # type: ignore[union-attr]


async def test_changes_end_when_the_game_has_ended(ada: Game) -> None:
    changes = ada.changes()
    await ada.end()
    assert [item.name async for item in changes if isinstance(item, Change)] == ["game_ended"]
    assert [item async for item in ada.changes()] == []


async def test_a_consumer_that_went_away_costs_nothing(ada: Game, table: TableServer) -> None:
    telling = asyncio.create_task(table.tell(said.joined(3)))
    async for _ in ada.changes():
        break
    await telling
    assert len(ada._watchers) == 0


async def test_a_consumer_that_is_too_slow_is_resynced(table: TableServer) -> None:
    options = ClientOptions(change_buffer=4)
    async with serving(table) as server, PokerClient(server.address, options=options) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        changes = game.changes()
        await table.tell(*(said.event(version) for version in range(3, 13)))
        await game.wait_for(lambda view: view.version == 12, timeout=5)
        resynced = await anext(changes)
        assert resynced == Resynced(2, 11)
        assert await anext(changes) == Change(12, "", said.event(12))


async def test_waiting_for_something_returns_when_the_view_shows_it(
    ada: Game, table: TableServer
) -> None:
    waiting = asyncio.create_task(
        ada.wait_for(lambda view: view.phase == pb.GAME_PHASE_VOTING, timeout=5)
    )
    await table.tell(said.joined(3), said.round_started(4))
    await waiting
    await ada.wait_for(lambda view: view.version == 4, timeout=0)


async def test_waiting_in_vain_raises_after_the_timeout(ada: Game) -> None:
    with pytest.raises(WaitTimeout, match=r"0\.01 s") as waited:
        await ada.wait_for(lambda view: view.version > 99, timeout=0.01)
    assert isinstance(waited.value, TimeoutError)


async def test_waiting_for_what_an_ended_game_never_shows_is_over_at_once(ada: Game) -> None:
    waiting = asyncio.create_task(ada.wait_for(lambda view: view.version > 99))
    await ada.end()
    with pytest.raises(GameOver):
        await waiting
    with pytest.raises(GameOver):
        await ada.wait_for(lambda view: view.version > 99)


async def test_a_condition_that_raises_is_not_swallowed_and_hurts_nobody_else(
    ada: Game, table: TableServer
) -> None:
    with pytest.raises(TimeoutError, match="its own"):
        await ada.wait_for(_raises, timeout=5)
    await table.tell(said.joined(3))
    await ada.wait_for(lambda view: view.version == 3, timeout=5)


def _raises(_view: object) -> bool:
    raise TimeoutError("its own")


# Letting go


async def test_a_detached_game_keeps_its_view_and_hears_nothing_more(
    ada: Game, table: TableServer
) -> None:
    changes = ada.changes()
    await ada.detach()
    await ada.detach()
    assert [item async for item in changes] == []
    assert [item async for item in ada.changes()] == []
    with pytest.raises(GameDetached):
        await ada.wait_for(lambda view: view.version > 99)
    assert ada.view.version == 2
    assert table.stream is not None


async def test_a_removed_player_is_told_so(ada: Game, table: TableServer) -> None:
    assert table.stream is not None
    changes = ada.changes()
    removed = said.event(3, player_removed=pb.PlayerRemoved(player_id="p1"))
    await table.tell(removed)
    await table.stream.say(said.detached(pb.DETACH_REASON_REMOVED, pb.NEXT_STEP_STOP))
    assert (await anext(changes)).version == 3  # type: ignore[union-attr]
    with pytest.raises(GameDetached) as gone:
        await anext(changes)
    assert gone.value.reason == "REMOVED"


async def test_two_handles_of_one_game_let_go_one_by_one(
    client: PokerClient, ada: Game, table: TableServer
) -> None:
    watcher = await client.attach(said.CODE)
    await watcher.detach()
    changes = ada.changes()
    await ada.start_round()
    assert isinstance(await anext(changes), Change)
    assert table.stream is not None
    assert "detach" not in [message.WhichOneof("payload") for message in table.stream.heard]


async def test_a_cancelled_join_leaves_no_game_behind() -> None:
    asked, detached = asyncio.Event(), asyncio.Event()

    async def slow(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        join = await stream.expect("command")
        asked.set()
        await cancelled.wait()
        await stream.say(
            said.attached(join.correlation_id, said.game(2), "p2"),
            said.accepted(join.correlation_id, 2, player_id="p2"),
        )
        assert (await stream.expect("detach")).detach == pb.Detach(game_id=said.GAME)
        detached.set()
        await stream.until_closed()

    cancelled = asyncio.Event()
    async with serving(slow) as server, PokerClient(server.address) as client:
        joining = asyncio.create_task(client.join(said.CODE, "Bob"))
        await asyncio.wait_for(asked.wait(), 5)
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        cancelled.set()
        await asyncio.wait_for(detached.wait(), 5)


async def test_a_join_that_is_cancelled_while_its_answer_is_handed_out_leaves_nothing(
    client: PokerClient, table: TableServer
) -> None:
    transport = client._exchange._transport
    tell = transport._tell

    def tell_and_cancel(notice: Notice) -> None:
        tell(notice)
        if isinstance(notice, Settled):
            joining.cancel()

    transport._tell = tell_and_cancel
    joining = asyncio.create_task(client.join(said.CODE, "Bob"))
    with pytest.raises(asyncio.CancelledError):
        await joining
    transport._tell = tell
    watcher = await client.attach(said.GAME)
    assert table.stream is not None
    heard = [message.WhichOneof("payload") for message in table.stream.heard]
    assert heard == ["hello", "command", "detach", "attach"]
    assert not watcher._inbox.seats
