"""Seats that outlive their process, and seats without a stream, through the SDK."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

import planningpoker.v1 as pb
from planning_poker_client import (
    ClientClosed,
    ClientOptions,
    CommandRefused,
    ConnectionFailed,
    Disconnected,
    FileSeatStore,
    Game,
    GameDetached,
    MemorySeatStore,
    NoRound,
    OutcomeUnknown,
    PokerClient,
    Reconnecting,
    SeatStoreError,
    StoredSeat,
)
from planning_poker_simulator import FaultProxy
from tests.integration.harness import Host
from tests.integration.raw import new_secret

PATIENCE_S = 10.0
KEY = b"key of thirty-two bytes or more!"
FAST = ClientOptions(backoff_first=0.01, backoff_longest=0.05)


@pytest_asyncio.fixture
async def ada_client(host: Host) -> AsyncIterator[PokerClient]:
    await host.start()
    async with PokerClient(host.server.address) as client:
        yield client


@pytest_asyncio.fixture
async def ada(ada_client: PokerClient) -> Game:
    return await ada_client.create_game("Sprint 12", player="Ada")


@pytest_asyncio.fixture
async def caller(host: Host, ada_client: PokerClient) -> AsyncIterator[PokerClient]:
    """A client that opens no stream."""
    async with PokerClient(host.server.address, connect=False, options=FAST) as client:
        yield client


@pytest.fixture
def seats(tmp_path: Path) -> FileSeatStore:
    return FileSeatStore(tmp_path / "seats.json")


def client(host: Host, **arguments: Any) -> PokerClient:
    return PokerClient(host.server.address, **arguments)


async def refused(command: Any) -> str:
    with pytest.raises(CommandRefused) as error:
        await command
    return error.value.reason


# Kept


async def test_after_a_restart_all_seats_are_taken_up_again(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    async with client(host, seats=seats) as before:
        bob = await before.join(ada.join_code, "Bob")
        own = await before.create_game("Mine", player="Bob", external_id="U1")
        await ada.start_round()
        await bob.wait_for(lambda view: view.round is not None, PATIENCE_S)
        await bob.vote("8")
    kept = await seats.load()
    assert [(each.game_id, each.player_id) for each in kept] == [
        (bob.game_id, "p2"),
        (own.game_id, "p1"),
    ]
    assert [each.join_code for each in kept] == [ada.join_code, own.join_code]
    async with client(host, seats=seats) as after:
        again = {game.game_id: game for game in await after.rejoin()}
        assert again.keys() == {bob.game_id, own.game_id}
        assert again[bob.game_id].player_id == "p2"
        await again[bob.game_id].vote("5")
        await again[own.game_id].end()
        assert [game.game_id for game in await after.rejoin(ada.join_code)] == [bob.game_id]
    assert len(ada.view.players) == 2


async def test_joining_again_by_name_or_external_id_is_the_same_seat(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    async with client(host, seats=seats) as before:
        bob = await before.join(ada.join_code, "Bob")
        cyd = await before.join(ada.game_id, "Cyd", external_id="U1")
    async with client(host, seats=seats) as after:
        assert (await after.join(ada.game_id, " bob ")).player_id == bob.player_id
        assert (await after.join(ada.join_code, "Cy", external_id="U1")).player_id == cyd.player_id
        # The same name with another external id is somebody else.
        taken = after.join(ada.game_id, "Bob", external_id="U2")
        assert await refused(taken) == "NAME_TAKEN"
    assert len(await seats.load()) == 2


async def test_a_secret_is_kept_before_it_is_sent_and_no_longer_when_it_was_refused(
    host: Host, ada: Game
) -> None:
    kept: list[StoredSeat] = []

    class Recording(MemorySeatStore):
        async def save(self, seat: StoredSeat) -> None:
            kept.append(seat)
            await super().save(seat)

    store = Recording()
    async with client(host, seats=store) as other:
        assert await refused(other.join(ada.join_code, "Ada")) == "NAME_TAKEN"
        assert [(each.player_id, each.display_name) for each in kept] == [("", "Ada")]
        assert list(await store.load()) == []
        bob = await other.join(ada.join_code, "Bob", request_id="hook-1")
    first, last = kept[1:]
    assert (first.player_id, last.player_id) == ("", "p2")
    assert first.key == last.key
    assert first.seat_secret == last.seat_secret == bob.seat_secret


async def test_a_seat_that_was_taken_and_cannot_be_kept_is_not_followed_by_nobody(
    host: Host, ada: Game
) -> None:
    class Full(MemorySeatStore):
        async def save(self, seat: StoredSeat) -> None:
            if seat.player_id:
                raise SeatStoreError("no space left")
            await super().save(seat)

    store = Full()
    async with client(host, seats=store) as other:
        with pytest.raises(SeatStoreError):
            await other.join(ada.join_code, "Bob")
        assert not other._exchange.follows(ada.game_id)
    # It was kept that the seat is being taken, so nothing is lost.
    async with client(host) as after:
        (kept,) = await store.load()
        bob = await after.join(ada.join_code, "Bob", seat_secret=kept.seat_secret)
        assert bob.player_id == "p2"


async def test_taking_up_seats_that_is_cut_short_leaves_no_game_followed_by_nobody(
    host: Host, ada: Game
) -> None:
    class Full(MemorySeatStore):
        async def remove(self, seat: StoredSeat) -> None:
            raise SeatStoreError("no space left")

    store = Full()
    async with client(host, seats=store) as before:
        own = await before.create_game("Mine", player="Bob")
        bob = await before.join(ada.join_code, "Bob")
        await ada.remove_player(bob.player_id)
    async with client(host, seats=store) as after:
        with pytest.raises(SeatStoreError):
            await after.rejoin()
        assert not after._exchange.follows(own.game_id)


async def test_a_seat_whose_answer_never_came_is_the_same_one_after_a_restart(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    for number, create in enumerate((True, False)):
        async with client(host, seats=seats) as before:
            host.log.hold()
            taking = asyncio.create_task(
                before.create_game("Mine", player="Bob")
                if create
                else before.join(ada.join_code, "Bob")
            )
            await host.log.held.wait()
            taking.cancel()  # as the process would be killed
            await asyncio.wait({taking})
        host.log.release()
        (kept,) = [each for each in await seats.load() if not each.player_id]
        async with client(host, seats=seats) as after:
            (game,) = await after.rejoin(kept.game)
            assert game.player_id == ("p1" if create else "p2")
            assert game.seat_secret == kept.seat_secret
            assert len(await after.rejoin()) == number + 1
        assert all(each.player_id for each in await seats.load())


async def test_creating_again_with_the_same_request_is_the_same_game_and_seat(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    games = []
    for _ in range(2):
        async with client(host, seats=seats) as each:
            games.append(await each.create_game("Mine", player="Bob", request_id="hook-1"))
    assert games[0].game_id == games[1].game_id
    assert games[0].seat_secret == games[1].seat_secret
    assert len(await seats.load()) == 1


async def test_seats_that_are_none_any_more_are_dropped(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    async with client(host, seats=seats) as before:
        bob = await before.join(ada.join_code, "Bob")
        over = await before.create_game("Over", player="Bob")
        await over.end()
        await seats.save(StoredSeat("gone", new_secret(), "ab" * 16, player_id="p1"))
        await seats.save(StoredSeat("never", new_secret(), "cd" * 16, display_name="Bob"))
        await ada.remove_player(bob.player_id)
        with pytest.raises(GameDetached):
            async for _ in bob.changes():
                pass
    async with client(host, seats=seats) as after:
        # What is over can be looked at once more.
        assert [game.game_id for game in await after.rejoin()] == [over.game_id]
        assert list(await seats.load()) == []


async def test_joining_with_a_dead_secret_that_was_kept_takes_a_new_seat(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    async with client(host, seats=seats) as other:
        bob = await other.join(ada.join_code, "Bob")
        await ada.remove_player(bob.player_id)
        again = await other.join(ada.join_code, "Bob")
        assert again.player_id == "p3"
        (kept,) = await seats.load()
        assert (kept.player_id, kept.seat_secret) == ("p3", again.seat_secret)
        # A secret of the user's own is not replaced behind their back.
        with pytest.raises(CommandRefused, match="proves nothing"):
            await other.join(ada.join_code, "Bo", seat_secret=bob.seat_secret)
        assert len(await seats.load()) == 1


async def test_a_seat_that_is_refused_for_now_is_kept(
    host: Host, seats: FileSeatStore, caplog: pytest.LogCaptureFixture
) -> None:
    host.lines.expected.add("a seat in")
    await host.start()
    async with client(host, seats=seats) as other:
        game = await other.create_game("Sprint", player="Ada", passcode="sesame")
        pending = StoredSeat("new", new_secret(), game.game_id, display_name="Bob")
        await seats.save(pending)
        assert len(await other.rejoin(passcode="wrong")) == 1
        assert "is not followed" in caplog.text
        assert pending in await seats.load()
        assert len(await other.rejoin(passcode="sesame")) == 2


async def test_a_seat_that_was_reset_while_its_client_was_away_takes_no_other_with_it(
    host: Host, ada: Game
) -> None:
    host.lines.expected.add("connection lost")
    async with (
        FaultProxy(host.server.address) as gate,
        PokerClient(gate.address, options=FAST) as away,
    ):
        bob, cy = await away.join(ada.join_code, "Bob"), await away.join(ada.join_code, "Cy")
        gate.down()
        await ada.reset_seat(cy.player_id, new_secret())
        started = await ada.start_round()
        gate.up()
        await bob.wait_for(lambda view: view.version == started.version, PATIENCE_S)
        await bob.vote("8")
        assert await refused(cy.vote("8")) == "SEAT_NOT_HELD"


async def test_a_facilitator_can_reset_a_seat_that_was_lost(host: Host, ada: Game) -> None:
    async with client(host) as lost, client(host) as found:
        bob = await lost.join(ada.join_code, "Bob")
        secret = new_secret()
        await ada.reset_seat(bob.player_id, secret)
        again = await found.attach(ada.game_id, player_id=bob.player_id, seat_secret=secret)
        assert again.player_id == bob.player_id


# Derived


async def test_with_a_key_nothing_is_kept_and_the_seats_are_there_again(
    host: Host, ada: Game
) -> None:
    async with client(host, seat_key=KEY) as before:
        own = await before.create_game("Mine", player="Bob", external_id="U1")
        bob = await before.join(ada.join_code, "Bob", external_id="U1")
        eve = await before.join(ada.game_id, "Eve", external_id="U2")
    assert len({own.seat_secret, bob.seat_secret, eve.seat_secret}) == 3
    async with client(host, seat_key=KEY) as after:
        assert (await after.join(own.join_code, "Bob", external_id="U1")).player_id == "p1"
        assert (await after.join(ada.join_code, "Bob", external_id="U1")).player_id == "p2"
        handle = after.seat(ada.game_id, "p3", external_id="U2")
        await handle.update_player(display_name="Eva")
    assert len(ada.view.players) == 3


async def test_by_code_and_key_a_game_with_a_passcode_is_joined_too_and_not_watched_for_long(
    host: Host,
) -> None:
    await host.start()
    async with client(host) as one, client(host, seat_key=KEY) as other:
        ada = await one.create_game("Sprint", player="Ada", passcode="sesame")
        assert (
            await refused(other.join(ada.join_code, "Bob", external_id="U1", passcode="x"))
            == "PASSCODE_WRONG"
        )
        bob = await other.join(ada.join_code, "Bob", external_id="U1", passcode="sesame")
        await ada.start_round()
        await bob.wait_for(lambda view: view.round is not None, PATIENCE_S)
        await bob.vote("8")
        await bob.detach()
        assert not other._exchange.follows(ada.game_id)


async def test_a_key_needs_external_ids_and_enough_bytes_and_no_store(host: Host) -> None:
    await host.start()
    async with client(host, seat_key=KEY) as derived:
        for taking in (
            derived.create_game("Mine", player="Bob"),
            derived.join("ab" * 16, "Bob"),
            derived.execute_join("ab" * 16, "Bob"),
        ):
            with pytest.raises(ValueError, match="external_id"):
                await taking
        with pytest.raises(ValueError, match="external_id"):
            derived.seat("ab" * 16, "p1")
    with pytest.raises(ValueError, match="32 bytes"):
        client(host, seat_key=b"short")
    with pytest.raises(ValueError, match="not both"):
        client(host, seat_key=KEY, seats=MemorySeatStore())


# Handles


async def test_without_any_stream_a_whole_round_is_played(
    host: Host, ada: Game, caller: PokerClient
) -> None:
    streams = host.server.connections
    bob = await caller.execute_join(ada.join_code, "Bob", role="voter", external_id="U1")
    receipt = await ada.start_story("Login")
    assert not (await bob.vote("8", round_id=receipt.round_id)).duplicate
    await ada.vote("5")
    await ada.reveal()
    assert {vote.card for vote in ada.view.votes.values()} == {"5", "8"}
    assert host.server.connections == streams
    assert caller.state == Disconnected()


async def test_a_game_is_created_and_managed_without_any_stream(
    host: Host, caller: PokerClient
) -> None:
    seat = await caller.execute_create("Sprint 12", player="Bot", deck="t_shirt")
    assert seat.player_id == "p1"
    opened = await seat.start_story("Login", request_id="hook-1")
    again = await seat.start_story("Login", request_id="hook-1")
    assert (again.duplicate, again.round_id) == (True, opened.round_id)
    await seat.vote("M", round_id=opened.round_id)
    await seat.reveal(round_id=opened.round_id)
    await seat.accept("M", story_id="s1", round_id=opened.round_id)
    await seat.end()
    assert await refused(seat.update(display_name="x")) == "GAME_ENDED"


async def test_a_game_without_a_seat_is_managed_under_the_same_instance_in_any_process(
    host: Host, ada_client: PokerClient
) -> None:
    async with client(host, connect=False, instance_id="bot secret") as one:
        board = await one.execute_create("Sprint 12")
        assert board.player_id == ""
    async with client(host, connect=False, instance_id="bot secret") as other:
        await other.seat(board.game_id).add_story("Login")
    assert await refused(ada_client.seat(board.game_id).add_story("Logout")) == "SEAT_NOT_HELD"


async def test_a_handle_uses_the_stream_where_that_has_the_seat(
    host: Host, ada_client: PokerClient, ada: Game
) -> None:
    await ada.start_round()
    handle = ada_client.seat(ada.game_id, ada.player_id)  # without its secret
    await handle.vote("8")  # nor the round: both are known on the stream
    assert ada.seat.card == "8"
    assert not host.server._services.execute._unanswered
    assert ada_client._unary._channel is None
    await ada.detach()
    assert await refused(handle.vote("5", round_id="r1")) == "SEAT_NOT_HELD"
    proven = ada_client.seat(ada.game_id, ada.player_id, ada.seat_secret)
    await proven.vote("5", round_id="r1")
    with pytest.raises(NoRound, match="round_id"):
        await proven.vote("5")


async def test_a_seat_that_is_held_here_is_not_lent_to_who_has_the_wrong_secret(
    ada_client: PokerClient, ada: Game
) -> None:
    started = await ada.start_round()
    guessed = ada_client.seat(ada.game_id, ada.player_id, new_secret())
    assert await refused(guessed.vote("8")) == "SEAT_NOT_HELD"
    attaching = ada_client.attach(ada.game_id, player_id=ada.player_id, seat_secret=new_secret())
    assert await refused(attaching) == "SEAT_SECRET_WRONG"
    assert ada.view.version == started.version
    await ada.vote("8")


class LongestPauses(Random):
    """Chance by which one waits as long as one ever does."""

    def random(self) -> float:
        return 1.0


async def test_while_the_stream_is_lost_a_handle_goes_its_own_way(host: Host, ada: Game) -> None:
    host.lines.expected.add("connection lost")
    away = ClientOptions(backoff_first=60.0, backoff_longest=60.0)
    async with (
        FaultProxy(host.server.address) as gate,
        PokerClient(gate.address, options=away, chance=LongestPauses()) as lost,
    ):
        bob = await lost.join(ada.join_code, "Bob")
        await ada.start_round()
        await bob.wait_for(lambda view: view.round is not None, PATIENCE_S)
        states = lost.states()
        gate.cut()
        while not isinstance(await anext(states), Reconnecting):
            pass
        # The round is the one that was seen last.
        await lost.seat(bob.game_id, bob.player_id, bob.seat_secret).vote("8")
    await ada.wait_for(lambda view: view.has_voted("p2"), PATIENCE_S)


async def test_one_request_by_stream_and_by_handle_is_one_command(
    host: Host, ada: Game, caller: PokerClient
) -> None:
    await ada.start_round()
    first = await ada.vote("8", request_id="hook-1")
    handle = caller.seat(ada.game_id, ada.player_id, ada.seat_secret)
    again = await handle.vote("8", round_id="r1", request_id="hook-1")
    assert again.duplicate
    assert (again.version, again.correlation_id) == (first.version, first.correlation_id)
    left = await handle.leave(request_id="bye")
    assert (await handle.leave(request_id="bye")).version == left.version


async def test_a_command_of_any_kind_can_be_executed_and_is_left_as_it_was(
    ada: Game, caller: PokerClient
) -> None:
    command = pb.Command(game_id=ada.game_id, player_id="p1", start_round=pb.StartRound())
    receipt = await caller.execute(command, ada.seat_secret, expected_version=2)
    assert receipt.round_id == "r1"
    assert not command.HasField("expected_version")
    again = await caller.execute(
        command, ada.seat_secret, request_id=receipt.correlation_id, expected_version=9
    )
    assert again.duplicate
    stale = caller.execute(command, ada.seat_secret, expected_version=1)
    assert await refused(stale) == "VERSION_CONFLICT"


async def test_joining_without_a_stream_keeps_and_derives_secrets_as_with_one(
    host: Host, ada: Game, seats: FileSeatStore
) -> None:
    async with client(host, connect=False, seats=seats) as keeping:
        bob = await keeping.execute_join(ada.join_code, "Bob")
        assert (await keeping.execute_join(ada.game_id, "Bob")).seat_secret == bob.seat_secret
        (kept,) = await seats.load()
        assert (kept.game_id, kept.player_id) == (ada.game_id, bob.player_id)
    async with client(host, connect=False, seat_key=KEY) as deriving:
        eve = await deriving.execute_join(ada.join_code, "Eve", external_id="U2")
        same = await deriving.execute_join(ada.game_id, "Eve", external_id="U2")
        assert same.seat_secret == eve.seat_secret
        assert await refused(deriving.execute_join("ABCD-23", "Eve", external_id="U2")) == (
            "GAME_NOT_FOUND"
        )


# When the server or the way to it is gone


async def test_a_call_that_was_cut_off_is_made_again_and_has_one_effect(
    host: Host, ada: Game
) -> None:
    async with (
        FaultProxy(host.server.address) as gate,
        PokerClient(gate.address, connect=False, options=FAST) as cut,
    ):
        handle = cut.seat(ada.game_id, ada.player_id, ada.seat_secret)
        host.log.hold()
        adding = asyncio.create_task(handle.add_story("Login"))
        await host.log.held.wait()
        gate.cut()
        host.log.release()
        assert await adding == "s1"
    await ada.wait_for(lambda view: bool(view.stories), PATIENCE_S)
    assert len(ada.view.stories) == 1


async def test_what_never_arrives_is_unknown_and_asking_again_tells(host: Host, ada: Game) -> None:
    async with (
        FaultProxy(host.server.address) as gate,
        PokerClient(gate.address, connect=False, options=FAST) as cut,
    ):
        handle = cut.seat(ada.game_id, ada.player_id, ada.seat_secret)
        host.log.hold()
        adding = asyncio.create_task(handle.add_story("Login", timeout=1.0))
        await host.log.held.wait()
        gate.down()
        with pytest.raises(OutcomeUnknown) as unknown:
            await adding
        gate.up()
        host.log.release()
        assert await handle.add_story("Login", request_id=unknown.value.correlation_id) == "s1"
    assert len(ada.view.stories) == 1


async def test_a_slow_answer_is_unknown_when_its_time_is_over(
    host: Host, ada: Game, caller: PokerClient
) -> None:
    handle = caller.seat(ada.game_id, ada.player_id, ada.seat_secret)
    host.log.hold()
    with pytest.raises(OutcomeUnknown) as unknown:
        await handle.add_story("Login", timeout=0.2)
    host.log.release()
    again = await handle.add_story("Login", request_id=unknown.value.correlation_id)
    assert again == "s1"


async def test_where_nothing_answers_nothing_happened() -> None:
    options = ClientOptions(connect_timeout=0.3)
    async with PokerClient("127.0.0.1:1", connect=False, options=options) as nobody:
        with pytest.raises(ConnectionFailed, match="Nothing answers") as failed:
            await nobody.seat("ab" * 16, "p1", new_secret()).end()
        assert failed.value.definite


async def test_closing_answers_who_waits_and_nothing_goes_out_afterwards(
    host: Host, ada: Game
) -> None:
    other = client(host, connect=False)
    handle = other.seat(ada.game_id, ada.player_id, ada.seat_secret)
    host.log.hold()
    waiting = asyncio.create_task(handle.add_story("Login"))
    await host.log.held.wait()
    await other.close()
    with pytest.raises(OutcomeUnknown):
        await waiting
    host.log.release()
    with pytest.raises(ClientClosed):
        await handle.add_story("Logout")
    async with other:
        await handle.add_story("Logout")


async def test_too_fast_a_caller_waits_its_turn(host: Host) -> None:
    await host.start(stream={"commands_per_second": 20.0, "command_burst": 2})
    async with client(host, connect=False, options=FAST) as caller:
        seat = await caller.execute_create("Sprint 12", player="Bot")
        ids = await asyncio.gather(*(seat.add_story(f"Story {number}") for number in range(8)))
    assert len(set(ids)) == 8
