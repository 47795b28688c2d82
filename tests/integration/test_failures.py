"""What goes wrong on the server's side: no text of it gets out, and nothing untrue is said."""

import asyncio
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_server import room
from planning_poker_server.rooms import Rooms
from tests.integration.harness import Host
from tests.integration.raw import Seat, Stream, eventually, new_id

SECRET = "secret: password=hunter2"
UNAVAILABLE, DATA_LOSS, DEADLINE_EXCEEDED = 14, 15, 4


def story(number: int = 1) -> pb.AddStories:
    return pb.AddStories(stories=[pb.NewStory(title=f"Story {number}")])


async def playing(host: Host, **sections: dict[str, Any]) -> tuple[Stream, Seat, Stream]:
    """Ada with her game, and a watcher."""
    await host.start(**sections)
    stream, wall = await host.stream(), await host.stream()
    ada = await stream.create()
    await wall.attach(ada.game_id)
    return stream, ada, wall


def nothing_leaked(*streams: Stream) -> None:
    assert not any(b"hunter2" in message for each in streams for message in each.received_bytes)


# Bugs


@pytest.mark.parametrize("what", ["command", "attach", "unsubscribe"])
async def test_a_bug_in_handling_a_message_ends_its_stream_with_a_number_to_ask_about(
    host: Host, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    stream, ada, wall = await playing(host)

    def broken(*_: Any) -> None:
        raise RuntimeError(SECRET)

    with monkeypatch.context() as patch:
        patch.setattr(Rooms, what, broken)
        match what:
            case "command":
                await stream.begin(ada, add_stories=story())
            case "attach":
                await stream.send(attach=pb.Attach(game_id=ada.game_id))
            case _:
                await stream.send(detach=pb.Detach(game_id=ada.game_id))
        status = await stream.status()
    assert (status.code, status.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "hunter2" not in str(status)
    nothing_leaked(stream, wall)
    (failure,) = host.lines.unexpected()
    incident = failure["message"].split()[-1]
    assert incident in status.message
    host.lines.expected.add("a stream failed")
    stream = await host.stream()
    await stream.attach(ada)
    await stream.do(ada, add_stories=story())
    await wall.events("stories_added")


async def test_a_bug_in_a_decision_is_answered_and_the_room_comes_back_from_the_log(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.lines.expected.add("a decision failed")
    stream, ada, wall = await playing(host)
    other = await stream.create("Eve")

    def broken(*_: Any) -> None:
        raise RuntimeError(SECRET)

    with monkeypatch.context() as patch:
        patch.setattr(room, "decide", broken)
        refusal = await stream.refused(ada, add_stories=story())
        assert (refusal.reason, refusal.code) == (pb.REASON_INTERNAL, 13)
        assert not refusal.definite
        for each in (stream, wall):
            detached = await each.expect("detached")
            assert detached.reason == pb.DETACH_REASON_INTERNAL
            assert detached.next_step == pb.NEXT_STEP_RESUME
    nothing_leaked(stream, wall)
    await stream.do(other, add_stories=story())
    for each in (stream, wall):
        await each.attach(ada)
    await stream.do(ada, add_stories=story())
    await wall.events("stories_added")


async def test_clients_that_vanish_in_the_middle_of_a_broadcast_are_no_errors(host: Host) -> None:
    server = await host.start(stream={"command_burst": 1_000})
    stream = await host.stream()
    ada = await stream.create()
    watchers = [await host.stream() for _ in range(20)]
    for each in watchers:
        await each.attach(ada.game_id)
    sent = []
    for number in range(15):
        sent.append(await stream.begin(ada, add_stories=story(number)))
        await watchers[number].close()
    for correlation_id in sent:
        assert (await stream.answer(correlation_id)).HasField("accepted")
    await eventually(lambda: server.connections == 6)
    for each in watchers[15:]:
        await each.events("stories_added", 15)


# The log fails


async def test_a_full_log_refuses_commands_tells_nobody_and_recovers_by_itself(
    host: Host,
) -> None:
    host.lines.expected |= {"the log is unavailable", "timers cannot be read"}
    stream, ada, wall = await playing(host)
    before = stream.views[ada.game_id].version
    host.log.refuses = True
    for _ in range(3):
        refusal = await stream.refused(ada, add_stories=story())
        assert (refusal.reason, refusal.code) == (pb.REASON_LOG_UNAVAILABLE, UNAVAILABLE)
        assert refusal.retryable
        assert refusal.definite
        assert refusal.retry_delay.ToMilliseconds() > 0
        assert "disk" not in refusal.message
    assert (await wall.ping()).head_versions[ada.game_id] == before
    # Views go on, and seats can be attached: the room is in memory.
    attached = await (await host.stream()).attach(ada)
    assert attached.head_version == before
    host.log.refuses = False
    accepted = await stream.do(ada, add_stories=story())
    assert accepted.version == before + 1
    assert await wall.reaches(ada.game_id, accepted.version) == stream.views[ada.game_id]


async def test_nothing_can_be_created_nor_loaded_while_the_log_is_gone(host: Host) -> None:
    host.lines.expected |= {"the log is unavailable", "timers cannot be read"}
    stream, _, _ = await playing(host)
    host.log.refuses = True
    correlation_id = new_id()
    create = pb.CreateGame(
        display_name="x", creator=pb.JoinGame(display_name="Ada", seat_secret=b"x" * 32)
    )
    refusal = (await stream.ask("", correlation_id, create_game=create)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_LOG_UNAVAILABLE, UNAVAILABLE)
    detached = await stream.attach_refused("0" * 32)
    assert detached.next_step == pb.NEXT_STEP_RESUME
    assert detached.retry_delay.ToMilliseconds() > 0
    join = pb.JoinGame(display_name="Bob", seat_secret=b"y" * 32)
    assert (await stream.refused("AAAA-AA", join_game=join)).code == UNAVAILABLE
    host.log.refuses = False
    again = await stream.ask("", correlation_id, create_game=create)
    assert again.HasField("accepted")
    assert not again.duplicate


async def test_an_append_in_doubt_is_looked_up_and_answered_as_what_it_became(host: Host) -> None:
    host.lines.expected.add("an append is in doubt")
    stream, ada, wall = await playing(host)
    host.log.forgets = True
    result = await stream.ask(ada, new_id(), add_stories=story())
    assert host.lines.messages("WARNING")
    assert result.HasField("accepted")
    assert len((await wall.reaches(ada.game_id, result.accepted.version)).stories) == 1
    assert len(await wall.events("stories_added")) == 1


async def test_an_append_that_stays_in_doubt_is_said_to_be_and_its_repeat_tells(
    host: Host,
) -> None:
    host.lines.expected |= {"an append is in doubt", "the log is unavailable"}
    host.lines.expected.add("timers cannot be read")
    stream, ada, wall = await playing(host)
    host.log.fail_after_append()
    correlation_id = new_id()
    refusal = (await stream.ask(ada, correlation_id, add_stories=story())).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_LOG_UNAVAILABLE, UNAVAILABLE)
    assert not refusal.definite
    assert "event_batch" not in wall.names()
    host.log.recover()
    again = await stream.ask(ada, correlation_id, add_stories=story())
    assert again.duplicate
    assert len((await wall.reaches(ada.game_id, again.accepted.version)).stories) == 1


async def test_a_game_that_turns_out_corrupt_is_closed_alone_with_one_line(host: Host) -> None:
    host.lines.expected |= {"an append is in doubt", "the game's log is corrupt"}
    stream, ada, wall = await playing(host)
    other = await stream.create("Eve")
    host.log.forgets = True
    host.log.corrupt.add(ada.game_id)
    refusal = await stream.refused(ada, add_stories=story())
    host.log.forgets = False
    assert (refusal.reason, refusal.code) == (pb.REASON_GAME_CORRUPT, DATA_LOSS)
    for each in (stream, wall):
        detached = await each.expect("detached")
        assert (detached.reason, detached.next_step) == (
            pb.DETACH_REASON_CORRUPT,
            pb.NEXT_STEP_STOP,
        )
    await stream.do(other, add_stories=story())
    corrupt = [m for m in host.lines.messages("ERROR") if "corrupt" in m]
    assert len(corrupt) == 1
    refused = await wall.attach_refused(ada.game_id)
    assert refused.refusal.code == DATA_LOSS


# It takes too long


async def test_an_answer_that_takes_too_long_is_indefinite_and_the_repeat_finds_the_late_commit(
    host: Host,
) -> None:
    # As short as a slow disk allows: the game is created within the same time.
    stream, ada, wall = await playing(host, server={"request_timeout_ms": 1_000})
    host.log.hold()
    correlation_id = new_id()
    refusal = (await stream.ask(ada, correlation_id, add_stories=story())).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_TIMEOUT, DEADLINE_EXCEEDED)
    assert refusal.retryable
    assert not refusal.definite
    assert refusal.retry_delay.ToMilliseconds() > 0
    assert "event_batch" not in wall.names()
    host.log.release()
    (stored,) = await wall.events("stories_added")
    again = await stream.ask(ada, correlation_id, add_stories=story())
    assert again.duplicate
    assert again.accepted.version == stored.version
    results = [e for e in stream.received if e.correlation_id == correlation_id]
    assert len(results) == 2  # the time-out and the repeat, not the late answer


async def test_one_game_that_waits_for_the_log_keeps_no_other_waiting(host: Host) -> None:
    stream, ada, wall = await playing(host)
    host.log.hold()
    waiting = await stream.begin(ada, add_stories=story())
    await host.log.held.wait()
    assert (await stream.ping()).head_versions
    assert (await wall.attach(ada.game_id)).head_version == 2
    host.log.release()
    async with asyncio.timeout(5):
        assert (await stream.answer(waiting)).HasField("accepted")


async def test_who_is_there_is_told_that_the_service_is_read_only_and_when_it_is_not(
    host: Host,
) -> None:
    host.lines.expected |= {"the log is unavailable", "timers cannot be read"}
    stream, ada, wall = await playing(host)
    host.log.refuses = True
    await stream.refused(ada, add_stories=story())
    for each in (stream, wall, await host.stream()):
        status = await each.expect("service_status")
        assert status.state == pb.SERVICE_STATE_DEGRADED
        assert status.fallback == pb.FALLBACK_READ_ONLY_MODE
        assert "disk" not in status.message
    host.log.refuses = False  # and nobody asks for anything
    for each in (stream, wall):
        status = await each.expect("service_status")
        assert status.state == pb.SERVICE_STATE_AVAILABLE
    late = await host.stream()
    await late.ping()
    assert "service_status" not in late.names()
