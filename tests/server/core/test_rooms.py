"""All games of a process: found, loaded once, dropped, and loaded again."""

import asyncio
from collections.abc import Sequence

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import LogUnavailable
from planning_poker_simulator.virtual_time import in_virtual_time, let_pass, quiet
from tests.server.core.desk import cast
from tests.server.core.houses import CountingLog, House, house
from tests.server.core.parts import (
    CODE,
    GAME_ID,
    Bench,
    cid,
    game,
    reason,
    secret_of,
    ticket,
)
from tests.server.core.scripted import Client, detached, names, results, versions

OTHER_ID = "f" * 32


def join(name: str, game_id: str = GAME_ID, passcode: str = "") -> pb.Command:
    body = pb.JoinGame(
        display_name=name, seat_secret=secret_of(name), passcode=passcode, attach=True
    )
    return pb.Command(game_id=game_id, join_game=body)


def creation(passcode: str = "") -> pb.Command:
    creator = pb.JoinGame(display_name="Ada", seat_secret=secret_of("Ada"), attach=True)
    create = pb.CreateGame(display_name="Sprint 12", creator=creator, passcode=passcode)
    return pb.Command(create_game=create)


# Finding and loading


@in_virtual_time
async def test_a_game_is_loaded_once_however_many_ask_for_it() -> None:
    rooms = await house(game("Bob"))
    rooms.log.gate = asyncio.Event()
    clients = [rooms.client() for _ in range(5)]
    asking = [asyncio.create_task(rooms.attach(client)) for client in clients]
    for number, client in enumerate(clients):
        rooms.command(client, join(f"Guest {number}"), cid(number))
    await quiet()
    rooms.log.gate.set()
    await asyncio.gather(*asking)
    await quiet()
    assert rooms.log.reads == [GAME_ID]
    assert all(GAME_ID in client.session.subscriptions for client in clients)
    await rooms.rooms.close()


@in_virtual_time
async def test_whoever_asked_first_may_go_away_while_the_game_is_loaded() -> None:
    rooms = await house(game("Bob"))
    rooms.log.gate = asyncio.Event()
    first, second = rooms.client(), rooms.client()
    asking = [asyncio.create_task(rooms.attach(client)) for client in (first, second)]
    await quiet()
    asking[0].cancel()
    await quiet()
    rooms.log.gate.set()
    assert (await asking[1])[0].HasField("attached")
    assert rooms.log.reads == [GAME_ID]
    await rooms.rooms.close()


@in_virtual_time
async def test_a_game_is_found_by_its_join_code() -> None:
    rooms = await house(game("Bob"))
    client = rooms.client()
    told = await rooms.attach(client, name=CODE.lower())
    assert told[0].attached.game_id == GAME_ID
    other = rooms.client()
    told = await rooms.say(other, join("Cid", CODE))
    assert names(told)[:2] == ["attached", "command_result"]
    assert told[1].command_result.game_id == GAME_ID
    await rooms.rooms.close()


@in_virtual_time
async def test_a_game_that_is_not_there_is_refused_alike_by_id_and_by_code() -> None:
    rooms = await house()
    client = rooms.client()
    refusals = []
    for name in (OTHER_ID, "ABCD-23"):
        (told,) = await rooms.attach(client, name=name)
        refusals.append(told.detached.refusal)
        (told,) = await rooms.say(client, join("Bob", name))
        refusals.append(told.command_result.refusal)
    assert {refusal.message for refusal in refusals} == {refusals[0].message}
    assert {refusal.reason for refusal in refusals} == {pb.REASON_GAME_NOT_FOUND}
    await rooms.rooms.close()


@in_virtual_time
async def test_a_corrupt_game_is_refused_and_the_others_go_on() -> None:
    rooms = await house(game("Bob"))
    await rooms.log.keep(game("Cid"), OTHER_ID, "ABCD-23")
    rooms.log.broken.add(OTHER_ID)
    client = rooms.client()
    (told,) = await rooms.attach(client, name=OTHER_ID)
    assert told.detached.refusal.reason == pb.REASON_GAME_CORRUPT
    assert (await rooms.attach(client))[0].HasField("attached")
    rooms.log.broken.clear()  # the operator repaired it
    assert (await rooms.attach(client, name=OTHER_ID))[0].HasField("attached")
    await rooms.rooms.close()


@pytest.mark.parametrize(
    ("failure", "expected", "retryable"),
    [
        (LogUnavailable("down", definite=True), "LOG_UNAVAILABLE", True),
        (RuntimeError("a bug"), "INTERNAL", False),
    ],
)
def test_who_asks_for_a_game_that_cannot_be_loaded_now_is_told_so(
    failure: Exception, expected: str, retryable: bool
) -> None:
    @in_virtual_time
    async def scenario() -> None:
        rooms = await house(game("Bob"))
        rooms.log.failures = [failure] * 2
        client = rooms.client()
        told = await rooms.say(client, join("Cid"))
        assert [reason(result) for result in results(told)] == [expected]
        (refused,) = await rooms.attach(client)
        assert refused.detached.refusal.retryable == retryable
        assert "bug" not in str(refused)
        assert (await rooms.attach(client))[0].HasField("attached")
        await rooms.rooms.close()

    scenario()


@in_virtual_time
async def test_a_game_that_left_memory_comes_back_as_it_was() -> None:
    rooms = await house(game("Bob", voting=True), idle_ms=1_000)
    client = rooms.client()
    await rooms.attach(client, "Ada")
    told = await rooms.say(client, cast("8", "p1"))
    assert versions(told) == [5]
    rooms.rooms.disconnected(client)
    await let_pass(60_000)
    again = rooms.client()
    told = await rooms.attach(again, "Ada")
    assert rooms.log.reads == [GAME_ID, GAME_ID]
    assert told[0].attached.snapshot.version == 5
    assert told[1].seat_state.card == "8"
    repeated = results(await rooms.say(again, cast("8", "p1")))
    assert (repeated[0].duplicate, repeated[0].accepted.version) == (True, 5)
    await rooms.rooms.close()


@in_virtual_time
async def test_a_stream_that_ended_while_its_game_was_loaded_follows_nothing() -> None:
    rooms = await house(game("Bob"), idle_ms=1_000)
    rooms.log.gate = asyncio.Event()
    client = rooms.client()
    rooms.command(client, join("Cid"))
    attaching = asyncio.create_task(rooms.attach(client))
    await quiet()
    client.session.gone = True
    rooms.rooms.disconnected(client)
    rooms.log.gate.set()
    await attaching
    await quiet()
    assert client.session.subscriptions == {}
    reads = len(rooms.log.reads)
    await let_pass(20_000)
    await rooms.attach(rooms.client())
    assert len(rooms.log.reads) == reads + 1  # it had left memory
    await rooms.rooms.close()


@in_virtual_time
async def test_a_game_is_created_once_by_the_same_command_on_two_streams() -> None:
    rooms = await house()
    one, other = rooms.client(), rooms.client()
    rooms.command(one, creation())
    rooms.command(other, creation())
    await quiet()
    first, second = results(one.told()), results(other.told())
    assert first[0].game_id == second[0].game_id
    assert first[0].accepted == second[0].accepted
    assert sorted([first[0].duplicate, second[0].duplicate]) == [False, True]
    await rooms.rooms.close()


@in_virtual_time
async def test_whoever_creates_too_many_games_is_told_to_wait() -> None:
    rooms = await house(creates_per_minute=2, joins_per_minute=1)
    client = rooms.client()
    for number in range(3):
        rooms.command(client, creation(), cid(number))
    await quiet()
    refused = [result for result in results(client.told()) if result.HasField("refusal")]
    assert [reason(result) for result in refused] == ["TOO_MANY_COMMANDS"]
    assert refused[0].refusal.retry_delay.ToMilliseconds() == 30_000
    rooms.command(client, join("Bob"), cid(10))
    rooms.command(client, join("Bob"), cid(11))
    await quiet()
    assert "TOO_MANY_COMMANDS" in [reason(result) for result in results(client.told())]
    await rooms.rooms.close()


# Timers of games that nobody has loaded


def due_in(seconds: int) -> Bench:
    bench = game("Bob", voting=True)
    body = pb.SetDeadline(round_id="r1")
    body.remaining.seconds = seconds
    bench.do(ticket(pb.Command(game_id=GAME_ID, player_id="p1", set_deadline=body), "Ada"))
    return bench


@in_virtual_time
async def test_a_timer_fires_in_a_game_that_nobody_follows() -> None:
    rooms = await house(due_in(600), idle_ms=5_000)
    await let_pass(590_000)
    assert rooms.log.reads == []
    await let_pass(11_000)
    assert await rooms.log.head(GAME_ID) == 6
    await let_pass(10_000)
    assert rooms.log.reads == [GAME_ID]
    await rooms.rooms.close()


@in_virtual_time
async def test_timers_that_wait_hide_no_others() -> None:
    log, late = CountingLog(), due_in(1)
    for number in range(250):
        await log.keep(late, f"{number:032x}", f"{number:04}")
    await let_pass(10_000)  # no server runs, and all fall due
    rooms = House(log)
    await let_pass(10_000)
    assert len(log.reads) == 250
    assert await log.head(f"{249:032x}") == 5
    await let_pass(20_000)
    assert [await log.head(f"{number:032x}") for number in range(250)] == [6] * 250
    await rooms.rooms.close()


@in_virtual_time
async def test_a_corrupt_game_with_a_timer_keeps_nobody_busy() -> None:
    rooms = await house(due_in(1))
    rooms.log.broken.add(GAME_ID)
    await rooms.log.keep(due_in(30), OTHER_ID, "ABCD-23")
    await let_pass(60_000)
    assert rooms.log.reads.count(GAME_ID) == 1
    assert await rooms.log.head(OTHER_ID) == 6
    await rooms.rooms.close()


@in_virtual_time
async def test_a_bug_in_reading_timers_delays_them_and_no_more() -> None:
    rooms = await house(due_in(10))
    sound = rooms.log.due

    async def broken(until_ms: int, limit: int = 100) -> Sequence[tuple[str, Timer]]:
        raise RuntimeError("a bug")

    rooms.log.due = broken  # type: ignore[method-assign]
    await let_pass(20_000)
    assert await rooms.log.head(GAME_ID) == 5
    rooms.log.due = sound  # type: ignore[method-assign]
    await let_pass(5_000)
    assert await rooms.log.head(GAME_ID) == 6
    await rooms.rooms.close()


# Stopping


@in_virtual_time
async def test_closing_leaves_no_task_behind() -> None:
    rooms = await house(game("Bob"))
    client = rooms.client()
    await rooms.attach(client, "Ada")
    await rooms.say(client, join("Cid"))
    rooms.log.gate = asyncio.Event()
    rooms.command(client, join("Dee", OTHER_ID), cid(2))
    await quiet()
    await rooms.rooms.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert detached(await rooms.attach(client)) == ["REFUSED"]


# Passcodes: on threads, and so in real time


async def until(client: Client, wanted: int) -> list[pb.CommandResult]:
    """The next answers, as soon as they are there."""
    found: list[pb.CommandResult] = []
    async with asyncio.timeout(10):
        while len(found) < wanted:
            client.awake.clear()
            found += results(client.told())
            if len(found) < wanted:
                await client.awake.wait()
    return found


async def test_a_room_that_leaves_memory_while_a_passcode_is_proven_is_loaded_again() -> None:
    rooms = await house(idle_ms=0)
    ada = rooms.client()
    rooms.command(ada, creation("sesame"))
    (created,) = await until(ada, 1)
    _hang_up(rooms, ada)
    watcher, bob, late = rooms.client(), rooms.client(), rooms.client()
    told = await rooms.attach(watcher, name=created.game_id, passcode="sesame")
    assert names(told)[0] == "attached"
    rooms.command(bob, join("Bob", created.game_id, "sesame"))
    await until(bob, 1)
    # The watcher follows the room that is driven.
    assert versions(watcher.told()) == [3]
    _hang_up(rooms, watcher)
    _hang_up(rooms, bob)
    rooms.command(late, join("Cid", created.game_id, "sesame"))
    (joined,) = await until(late, 1)
    assert joined.accepted.player_id == "p3"
    await rooms.rooms.close()


def _hang_up(rooms: House, client: Client) -> None:
    client.session.gone = True
    rooms.rooms.disconnected(client)


async def test_passcodes_are_proven_and_set_within_bounds() -> None:
    rooms = await house(creates_per_minute=2, passcode_attempts_per_minute=2)
    ada = rooms.client()
    rooms.command(ada, creation("sesame"))
    (created,) = await until(ada, 1)
    for number in range(2):
        update = pb.Command(
            game_id=created.game_id, player_id="p1", update_game=pb.UpdateGame(passcode="new")
        )
        rooms.command(ada, update, cid(10 + number))
    updated = await until(ada, 2)
    assert sorted(result.HasField("accepted") for result in updated) == [False, True]
    guesser, reasons = rooms.client(), []
    for number in range(4):
        rooms.command(guesser, join("Eve", created.game_id, f"guess {number}"), cid(number))
        reasons += [reason(result) for result in await until(guesser, 1)]
    assert reasons == ["PASSCODE_WRONG"] * 2 + ["TOO_MANY_ATTEMPTS"] * 2
    await rooms.rooms.close()


# How the service is


@in_virtual_time
async def test_the_service_is_read_only_from_a_failed_append_until_something_is_stored() -> None:
    rooms = await house(game("Bob", voting=True))
    told: list[pb.ServiceStatus] = []
    rooms.availability.listen(told.append)
    client = rooms.client()
    await rooms.attach(client, "Ada")
    rooms.log.full = True
    await rooms.say(client, cast("5"), cid(1))
    await rooms.say(client, cast("5"), cid(1))
    (status,) = told
    assert status.state == pb.SERVICE_STATE_DEGRADED
    assert status.fallback == pb.FALLBACK_READ_ONLY_MODE
    assert status.retry_delay.ToMilliseconds() > 0
    await let_pass(10_000)
    assert len(told) == 1
    rooms.log.full = False
    await let_pass(1_100)  # though nobody asks for anything
    assert [status.state for status in told[1:]] == [pb.SERVICE_STATE_AVAILABLE]
    await rooms.rooms.close()
