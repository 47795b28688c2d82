"""Too much of anything: one defined answer, and nobody else notices."""

import asyncio
import statistics
import time
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.http2 import connected
from tests.integration.process import ServerProcess
from tests.integration.raw import (
    PATIENCE_S,
    Client,
    Seat,
    Stream,
    envelope,
    eventually,
    new_id,
    new_secret,
)

MIB = 1 << 20
EXHAUSTED = 8


def story(number: int, size: int = 0) -> pb.AddStories:
    described = pb.NewStory(title=f"Story {number}", description="x" * size)
    return pb.AddStories(stories=[described])


async def acknowledged(stream: Stream, seat: Seat, added: pb.AddStories) -> None:
    """Add stories, and acknowledge the event as a good client does."""
    accepted = await stream.do(seat, add_stories=added)
    await stream.ack(seat.game_id, accepted.version)


def delay_ms(refusal: pb.Refusal) -> int:
    return refusal.retry_delay.ToMilliseconds()


async def test_a_flood_of_commands_is_refused_with_a_retry_time_and_then_taken_again(
    host: Host,
) -> None:
    # So slow that even a busy machine sends faster.
    await host.start(stream={"commands_per_second": 50.0, "command_burst": 10})
    stream = await host.stream()
    ada = await stream.create()
    sent = [await stream.begin(ada, add_stories=story(n)) for n in range(200)]
    results = [await stream.answer(correlation_id) for correlation_id in sent]
    refusals = [r.refusal for r in results if r.HasField("refusal")]
    assert refusals
    for refusal in refusals:
        assert refusal.code == EXHAUSTED
        assert refusal.retryable
        assert delay_ms(refusal) > 0
    accepted = len(results) - len(refusals)
    assert len(stream.views[ada.game_id].stories) == accepted
    await asyncio.sleep(max(map(delay_ms, refusals)) / 1_000)  # what it was told to wait
    await stream.do(ada, add_stories=story(201))


async def test_large_messages_count_as_several(host: Host) -> None:
    await host.start(stream={"commands_per_second": 1.0, "command_burst": 10})
    stream = await host.stream()
    ada = await stream.create()
    await stream.refused(ada, add_stories=story(1, 250_000))
    refusal = await stream.refused(ada, add_stories=story(1))
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_COMMANDS, EXHAUSTED)
    assert delay_ms(refusal) > 1_000


async def test_others_hardly_notice_a_client_that_sends_1_000_commands_a_second(
    tmp_path: Path,
) -> None:
    async with (
        ServerProcess(tmp_path) as server,
        Client(server.address) as quiet,
        Client(server.address) as loud,
    ):
        ada_stream, eve_stream = await quiet.stream(), await loud.stream()
        ada, eve = await ada_stream.create(), await eve_stream.create("Eve")
        alone = await latency(ada_stream, ada, 20)
        flood = asyncio.create_task(flooding(eve_stream, eve))
        await eve_stream.expect(
            "command_result", lambda r: r.refusal.reason == pb.REASON_TOO_MANY_COMMANDS
        )
        crowded = await latency(ada_stream, ada, 40)
        assert not flood.done()
        flood.cancel()
        # At most doubled, give or take what a busy machine adds by itself; a
        # client that is starved waits for as long as the flood lasts.
        assert crowded < 2 * alone + 0.25


async def latency(stream: Stream, seat: Seat, count: int) -> float:
    """Median seconds from a command to its answer."""
    taken = []
    for number in range(count):
        begun = time.perf_counter()
        await stream.do(seat, add_stories=story(number))
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


async def flooding(stream: Stream, seat: Seat) -> None:
    """Some 1,000 commands a second, until cancelled."""
    while True:
        for number in range(10):
            await stream.begin(seat, add_stories=story(number))
        await asyncio.sleep(0.01)


async def test_unanswered_commands_are_bounded_for_a_game_and_for_a_stream(host: Host) -> None:
    await host.start(
        stream={"max_unanswered": 5, "max_unanswered_per_game": 3, "command_burst": 1_000}
    )
    stream = await host.stream()
    ada, eve = await stream.create(), await stream.create("Eve")
    host.log.hold()
    sent = [await stream.begin(seat, add_stories=story(1)) for seat in [ada] * 4 + [eve] * 3]
    refused = {sent[3], sent[6]}
    for correlation_id in refused:
        refusal = (await stream.answer(correlation_id)).refusal
        assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_UNANSWERED, EXHAUSTED)
        assert delay_ms(refusal) > 0
    host.log.release()
    for correlation_id in set(sent) - refused:
        assert (await stream.answer(correlation_id)).HasField("accepted")


async def test_answers_held_behind_events_that_nobody_acknowledges_are_bounded(
    host: Host,
) -> None:
    await host.start(stream={"window_events": 2, "command_burst": 1_000})
    stream = await host.stream()
    ada = await stream.create()
    for number in range(2):
        await stream.do(ada, add_stories=story(number))
    held = await stream.begin(ada, add_stories=story(3))  # its event waits for the window
    again = [await stream.begin(ada, held, add_stories=story(3)) for _ in range(100)]
    await stream.ping()
    refusals = [e.command_result.refusal for e in stream.received]
    refused = sum(refusal.reason == pb.REASON_TOO_MANY_UNANSWERED for refusal in refusals)
    assert refused >= len(again) - 16
    await stream.ack(ada.game_id, stream.views[ada.game_id].version)
    assert (
        await stream.first(lambda e: e.command_result.accepted.version > 0)
    ).correlation_id == held


async def test_a_game_has_room_for_a_limited_number_of_players(host: Host) -> None:
    await host.start(game={"max_players": 3})
    stream = await host.stream()
    ada = await stream.create()
    bob = await stream.join(ada.game_id, "Bob")
    await stream.join(ada.game_id, "Cyd")
    join = pb.JoinGame(display_name="Dan", seat_secret=new_secret())
    refusal = await stream.refused(ada.game_id, join_game=join)
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_PLAYERS, EXHAUSTED)
    await stream.do(bob, leave_game=pb.LeaveGame())
    await stream.do(ada.game_id, join_game=join)


async def test_a_game_has_room_for_a_limited_number_of_stories_and_bytes(host: Host) -> None:
    await host.start(game={"max_stories": 3, "max_story_bytes": 5_000})
    stream = await host.stream()
    ada = await stream.create()
    refusal = await stream.refused(
        ada, add_stories=pb.AddStories(stories=[pb.NewStory(title="x")] * 4)
    )
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_STORIES, EXHAUSTED)
    await stream.do(ada, add_stories=story(1, 4_000))
    refusal = await stream.refused(ada, add_stories=story(2, 2_000))
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MUCH_TEXT, EXHAUSTED)
    await stream.do(ada, add_stories=story(2))


async def test_a_full_history_can_still_be_ended(host: Host) -> None:
    await host.start(game={"max_events": 12})
    stream = await host.stream()
    ada = await stream.create()
    await stream.do(ada, start_round=pb.StartRound())
    result = pb.CommandResult()
    while not result.HasField("refusal"):
        result = await stream.ask(ada, add_stories=story(1))
    assert (result.refusal.reason, result.refusal.code) == (pb.REASON_HISTORY_FULL, EXHAUSTED)
    accepted = await stream.do(ada, end_game=pb.EndGame())
    assert accepted.version <= 12


async def test_one_address_creates_and_joins_a_limited_number_of_games_a_minute(
    host: Host,
) -> None:
    await host.start(room={"creates_per_minute": 3, "joins_per_minute": 3})
    streams = [await host.stream() for _ in range(4)]
    seats = [await stream.create() for stream in streams[:3]]
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret())
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    refusal = await streams[3].refused("", create_game=create)
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_COMMANDS, EXHAUSTED)
    assert 0 < delay_ms(refusal) <= 20_000
    for number, stream in enumerate(streams[:3]):
        await stream.join(seats[0].game_id, f"Guest {number}")
    join = pb.JoinGame(display_name="Late", seat_secret=new_secret())
    refusal = await streams[3].refused(seats[0].game_id, join_game=join)
    assert refusal.reason == pb.REASON_TOO_MANY_COMMANDS
    assert 0 < delay_ms(refusal) <= 20_000


async def test_guessing_a_passcode_is_refused_and_then_slowed_down_for_the_address(
    host: Host,
) -> None:
    await host.start(room={"passcode_attempts_per_minute": 4})
    ada_stream = await host.stream()
    ada = await ada_stream.create(passcode="correct horse")
    other = await ada_stream.create(passcode="battery staple")
    refusals = []
    for number in range(6):
        # Another connection, stream, game and way of asking are the same address.
        stream = await host.stream()
        game = (ada, other)[number % 2].game_id
        if number % 3 == 0:
            detached = await stream.attach_refused(game, passcode=f"guess {number}")
            refusals.append(detached.refusal)
        else:
            join = pb.JoinGame(
                display_name="Eve", seat_secret=new_secret(), passcode=f"guess {number}"
            )
            refusals.append(await stream.refused(game, join_game=join))
    reasons = [refusal.reason for refusal in refusals]
    assert reasons == [pb.REASON_PASSCODE_WRONG] * 4 + [pb.REASON_TOO_MANY_ATTEMPTS] * 2
    assert all(delay_ms(refusal) > 0 for refusal in refusals[4:])
    # Even the right one is not looked at now, and seats need none.
    detached = await ada_stream.attach_refused(ada.game_id, passcode="correct horse")
    assert detached.refusal.reason == pb.REASON_TOO_MANY_ATTEMPTS
    await (await host.stream()).attach(ada)


async def test_right_passcodes_use_up_no_attempts(host: Host) -> None:
    # An office behind one address must be able to join.
    await host.start(room={"passcode_attempts_per_minute": 2})
    stream = await host.stream()
    ada = await stream.create(passcode="correct horse")
    for number in range(6):
        await stream.join(ada.game_id, f"Guest {number}", passcode="correct horse")


async def test_nobody_keeps_the_threads_that_hash_passcodes_busy(host: Host) -> None:
    await host.start(room={"passcode_attempts_per_minute": 1})
    stream = await host.stream()
    ada = await stream.create(passcode="correct horse")
    results = [
        await stream.ask(ada, update_game=pb.UpdateGame(passcode=f"horse {n}")) for n in range(20)
    ]
    refused = [r.refusal for r in results if r.HasField("refusal")]
    assert {refusal.reason for refusal in refused} == {pb.REASON_TOO_MANY_ATTEMPTS}
    assert len(refused) == 9
    assert delay_ms(refused[0]) > 0
    detached = await stream.attach_refused(ada.game_id, passcode="horse 10")
    assert detached.refusal.reason == pb.REASON_TOO_MANY_ATTEMPTS


async def test_a_passcode_guards_joining_and_watching_and_is_asked_for_by_name(
    host: Host,
) -> None:
    await host.start()
    ada_stream, stream = await host.stream(), await host.stream()
    ada = await ada_stream.create(passcode="correct horse")
    assert ada_stream.views[ada.game_id].passcode_required
    for passcode in ("", "wrong", "x" * 10_000, "correct horse "):
        detached = await stream.attach_refused(ada.game_id, passcode=passcode)
        assert (detached.refusal.reason, detached.refusal.code) == (pb.REASON_PASSCODE_WRONG, 7)
        join = pb.JoinGame(display_name="Eve", seat_secret=new_secret(), passcode=passcode)
        assert (await stream.refused(ada.game_id, join_game=join)).code == 7
    await stream.attach(ada.game_id, passcode="correct horse")
    await stream.join(ada.game_id, "Bob", passcode="correct horse")
    await ada_stream.do(ada, update_game=pb.UpdateGame(passcode=""))
    await stream.join(ada.game_id, "Cyd")


async def test_connections_over_the_limit_are_refused_while_health_still_answers(
    host: Host,
) -> None:
    server = await host.start(server={"max_connections": 2})
    first, _ = await host.stream(), await host.stream()
    client = await host.client()
    status = await client.silent().status()
    assert (status.code, status.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_CONNECTIONS",
    )
    assert status.retry_ms > 0
    health = health_pb2_grpc.HealthStub(client.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await first.create()
    await first.close()
    await eventually(lambda: server.connections == 1)
    await client.stream()


async def test_a_reader_that_never_reads_holds_up_nobody_and_its_memory_is_bounded(
    tmp_path: Path,
) -> None:
    hello = envelope(hello=pb.Hello(client_name="raw", versions=[1])).SerializeToString()
    async with ServerProcess(tmp_path) as server, Client(server.address) as client:
        stream = await client.stream()
        ada = await stream.create()
        for number in range(60):
            await acknowledged(stream, ada, story(number, 4_000))
        attach = envelope(attach=pb.Attach(game_id=ada.game_id)).SerializeToString()
        server.forget_peak()
        before = server.resident_bytes
        async with connected(server.address) as deaf:
            await deaf.greet()
            for number in range(50):
                await deaf.call(2 * number + 1)
                await deaf.say(2 * number + 1, hello)
                # Each is answered by a snapshot of 240 kB, if all are: by 1.2 GB.
                for _ in range(100):
                    await deaf.say(2 * number + 1, attach)
            for number in range(60, 100):
                await acknowledged(stream, ada, story(number, 1_000))
            assert server.peak_bytes - before < 200 * MIB
        assert len(stream.views[ada.game_id].stories) == 100


async def test_a_subscriber_that_acknowledges_nothing_is_given_a_snapshot_and_then_let_go(
    host: Host,
) -> None:
    await host.start(stream={"window_events": 4, "max_outbox_frames": 4, "command_burst": 1_000})
    stream, lazy = await host.stream(), await host.stream()
    ada = await stream.create()
    await lazy.attach(ada.game_id)
    await lazy.ack(ada.game_id, lazy.views[ada.game_id].version)
    for number in range(40):
        await acknowledged(stream, ada, story(number))
    host.lines.expected.add("delivery failed, SLOW")
    detached = await lazy.expect("detached")
    assert (detached.reason, detached.next_step) == (pb.DETACH_REASON_SLOW, pb.NEXT_STEP_RESUME)
    assert any(each.event_batch.HasField("snapshot") for each in lazy.received)
    view = lazy.views[ada.game_id]
    (last,) = [
        e for b in stream.received for e in b.event_batch.events if e.version == view.version
    ]
    attached = await lazy.attach(
        ada.game_id, after_version=view.version, after_correlation_id=last.correlation_id
    )
    assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED


async def test_a_player_who_vanishes_while_joining_leaves_no_ghost(host: Host) -> None:
    server = await host.start(
        room={"presence_grace_ms": 20, "presence_interval_ms": 5, "idle_ms": 50}
    )
    ada_stream, ghost = await host.stream(), await host.stream()
    ada = await ada_stream.create()
    host.log.hold()
    join = pb.JoinGame(display_name="Casper", seat_secret=new_secret(), attach=True)
    await ghost.begin(ada.game_id, join_game=join)
    await host.log.held.wait()
    await ghost.close()
    await eventually(lambda: server.connections == 1)
    host.log.release()
    (joined,) = await ada_stream.events("player_joined")
    player_id = joined.player_joined.player.player_id
    attached = await (await host.stream()).attach(ada.game_id)
    assert player_id not in attached.connected_player_ids


async def test_an_answer_that_took_too_long_attaches_nothing_any_more(host: Host) -> None:
    # As short as a slow disk allows: the game is created within the same time.
    await host.start(server={"request_timeout_ms": 1_000})
    stream = await host.stream()
    ada = await (await host.stream()).create()
    host.log.hold()
    correlation_id = new_id()
    join = pb.JoinGame(display_name="Bob", seat_secret=new_secret(), attach=True)
    late = await stream.ask(ada.game_id, correlation_id, join_game=join)
    assert late.refusal.reason == pb.REASON_TIMEOUT
    host.log.release()
    again = await stream.ask(ada.game_id, correlation_id, join_game=join)
    assert again.duplicate
    assert stream.names().count("attached") == 1
