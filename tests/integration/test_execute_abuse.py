"""Execute, called wrongly, too often, or by the wrong one; and what nobody may learn from it."""

import asyncio
from functools import partial
from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_server.rooms import Rooms
from tests.integration import calls
from tests.integration.harness import Host
from tests.integration.raw import eventually, new_id, new_secret
from tests.integration.tables import table
from tests.integration.test_secrecy import CANARY, COMMENT, PASSCODE, chosen, finds
from tests.integration.test_secrecy import table as secret_table

STORY = pb.AddStories(stories=[pb.NewStory(title="Login")])
INVALID, UNIMPLEMENTED, EXHAUSTED = 3, 12, 8
BAD_IDS = ["", "1", "not-a-uuid", "../../etc/passwd", "'; DROP TABLE events; --", "x" * 10_000]


async def head(host: Host, game_id: str) -> int:
    return (await (await host.stream()).attach(game_id)).head_version


def unanswered(host: Host) -> int:
    return host.server._services.execute._unanswered.total()


def waits_for_more_than(host: Host, count: int) -> bool:
    return unanswered(host) > count


# What cannot be taken


@pytest.mark.parametrize("correlation_id", BAD_IDS)
async def test_a_correlation_id_that_is_no_uuid_is_refused(host: Host, correlation_id: str) -> None:
    await host.start()
    client = await host.client()
    ada = await calls.created(client)
    result = await calls.execute(client, ada, correlation_id, add_stories=STORY)
    assert result.refusal.reason == pb.REASON_INVALID_CORRELATION_ID
    assert result.refusal.code == INVALID
    assert await head(host, ada.game_id) == 2


@pytest.mark.parametrize("name", [*BAD_IDS, "A" * 32, "K7QF--3M", "*", "games.>"])
async def test_what_names_no_game_is_refused_and_comes_back_at_no_length(
    host: Host, name: str
) -> None:
    await host.start()
    result = await calls.execute(await host.client(), name, leave_game=pb.LeaveGame())
    assert (result.refusal.reason, result.refusal.code) == (pb.REASON_INVALID_ID, INVALID)
    assert len(result.game_id) <= 128


async def test_a_new_game_must_not_be_named(host: Host) -> None:
    await host.start()
    create = pb.CreateGame(display_name="Sprint 12")
    refusal = await calls.refused(await host.client(), "ab" * 16, create_game=create)
    assert refusal.reason == pb.REASON_INVALID_ID


async def test_an_empty_request_and_an_empty_or_unknown_command_are_refused(host: Host) -> None:
    await host.start()
    client = await host.client()
    assert (await calls.result_of(client, pb.ExecuteRequest())).refusal.code == INVALID
    empty = calls.request("ab" * 16)
    refusal = (await calls.result_of(client, empty)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_MALFORMED, INVALID)
    unknown = calls.request("ab" * 16)
    unknown.command.MergeFromString(b"\xfa\x3f\x00")  # field 1023, a message
    refusal = (await calls.result_of(client, unknown)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_UNKNOWN_COMMAND, UNIMPLEMENTED)


@pytest.mark.parametrize(
    ("field", "size"), [("instance_id", 65), ("traceparent", 257)], ids=["instance", "trace"]
)
async def test_what_comes_beside_the_command_has_limits(host: Host, field: str, size: int) -> None:
    await host.start()
    client = await host.client()
    asked = calls.request("ab" * 16, leave_game=pb.LeaveGame())
    setattr(asked, field, "x" * size)
    refusal = (await calls.result_of(client, asked)).refusal
    assert (refusal.reason, refusal.details["field"]) == (pb.REASON_INVALID_VALUE, field)
    setattr(asked, field, "x" * (size - 1))
    assert (await calls.result_of(client, asked)).refusal.reason == pb.REASON_GAME_NOT_FOUND


@pytest.mark.parametrize("message", [b"\xff", b"\x0a\x7fabc", b"\x0a\x01\xff", b"not protobuf"])
async def test_what_cannot_be_decoded_ends_the_call_and_nothing_else(
    host: Host, message: bytes
) -> None:
    await host.start()
    client = await host.client()
    ended = await calls.status(client, message)
    assert (ended.code, ended.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    await calls.created(client)


async def test_a_message_over_the_limit_ends_the_call_and_nothing_else(host: Host) -> None:
    await host.start()
    client = await host.client()
    ada = await calls.created(client)
    stories = pb.AddStories(stories=[pb.NewStory(title="x", description="y" * 300_000)])
    large = calls.request(ada, add_stories=stories)
    ended = await calls.status(client, large.SerializeToString())
    assert ended.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    await calls.accepted(client, ada, add_stories=STORY)


# Who asks for what is not theirs


async def test_anothers_correlation_id_is_a_new_command_and_tells_nothing(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await ada_stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    (seen,) = await bob_stream.events("vote_submitted")
    client = await host.client()
    vote = pb.SubmitVote(round_id="r1", card="8")
    own = await calls.execute(client, bob, seen.correlation_id, submit_vote=vote)
    assert own.HasField("accepted")
    assert not own.duplicate
    # Not under Ada's name either, without her secret.
    as_ada = ada._replace(secret=bob.secret)
    refusal = (await calls.execute(client, as_ada, seen.correlation_id, submit_vote=vote)).refusal
    assert refusal.reason == pb.REASON_SEAT_NOT_HELD
    (joined,) = await ada_stream.events("player_joined")
    join = pb.JoinGame(display_name="Bob", seat_secret=new_secret())
    stolen = await calls.execute(client, ada.game_id, joined.correlation_id, join_game=join)
    assert stolen.refusal.reason == pb.REASON_NAME_TAKEN


async def test_passcodes_cannot_be_guessed_faster_than_on_a_stream(host: Host) -> None:
    await host.start()
    client, stream = await host.client(), await host.stream()
    ada = await calls.created(client, passcode=PASSCODE)
    reasons = []
    for number in range(12):
        guess = pb.JoinGame(
            display_name="Eve", seat_secret=new_secret(), passcode=f"guess {number}"
        )
        reasons.append((await calls.refused(client, ada.game_id, join_game=guess)).reason)
    assert reasons[0] == pb.REASON_PASSCODE_WRONG
    assert reasons[-1] == pb.REASON_TOO_MANY_ATTEMPTS
    # The same allowance, whichever way it is tried.
    other = pb.JoinGame(display_name="Eve", seat_secret=new_secret(), passcode="guess")
    refusal = await stream.refused(ada.game_id, join_game=other)
    assert refusal.reason == pb.REASON_TOO_MANY_ATTEMPTS


# Too much


async def test_too_many_commands_a_second_are_refused_with_the_time_to_wait(host: Host) -> None:
    await host.start(stream={"commands_per_second": 0.5, "command_burst": 3})
    client = await host.client()
    ada = await calls.created(client)
    for _ in range(2):
        await calls.accepted(client, ada, add_stories=STORY)
    # Not by connection: another one from the same address is the same caller.
    refusal = await calls.refused(await host.client(), ada, add_stories=STORY)
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_COMMANDS, EXHAUSTED)
    assert 0 < refusal.retry_delay.ToMilliseconds() <= 2_000
    assert refusal.retryable
    assert await head(host, ada.game_id) == 4


async def test_large_commands_count_as_several(host: Host) -> None:
    await host.start(stream={"commands_per_second": 0.5, "command_burst": 8})
    client = await host.client()
    ada = await calls.created(client)
    stories = [pb.NewStory(title="x", description="y" * 4_000) for _ in range(40)]
    await calls.accepted(client, ada, add_stories=pb.AddStories(stories=stories))
    refusal = await calls.refused(client, ada, add_stories=STORY)
    assert refusal.reason == pb.REASON_TOO_MANY_COMMANDS


@pytest.mark.parametrize(
    "bound",
    [{"server": {"max_calls": 3}}, {"stream": {"max_unanswered": 3, "max_unanswered_per_game": 3}}],
    ids=["of all", "of one caller"],
)
async def test_only_so_many_calls_wait_for_their_answers(host: Host, bound: dict[str, Any]) -> None:
    await host.start(**bound)
    client = await host.client()
    ada = await calls.created(client)
    host.log.hold()
    waiting = [asyncio.create_task(calls.execute(client, ada, add_stories=STORY)) for _ in range(3)]
    await eventually(partial(waits_for_more_than, host, 2))
    refusal = await calls.refused(client, ada, add_stories=STORY)
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_UNANSWERED, EXHAUSTED)
    host.log.release()
    assert all(result.HasField("accepted") for result in await asyncio.gather(*waiting))
    await calls.accepted(client, ada, add_stories=STORY)


async def test_callers_who_go_away_still_count_until_they_are_answered(host: Host) -> None:
    await host.start(server={"max_calls": 2})
    client = await host.client()
    ada = await calls.created(client)
    host.log.hold()
    for _ in range(2):
        message = calls.request(ada, add_stories=STORY).SerializeToString()
        held = unanswered(host)
        asked = calls.call(client, message)
        await eventually(partial(waits_for_more_than, host, held))
        asked.cancel()
    refusal = await calls.refused(client, ada, add_stories=STORY)
    assert refusal.reason == pb.REASON_TOO_MANY_UNANSWERED
    host.log.release()
    await eventually(lambda: not unanswered(host))
    await calls.accepted(client, ada, add_stories=STORY)


# The end


async def test_a_draining_server_answers_what_it_took_and_takes_nothing_new(host: Host) -> None:
    await host.start()
    client = await host.client()
    ada = await calls.created(client)
    host.log.hold()
    taken = asyncio.create_task(calls.execute(client, ada, add_stories=STORY))
    await host.log.held.wait()
    host.server._services.execute.drain()
    message = calls.request(ada, add_stories=STORY).SerializeToString()
    ended = await calls.status(client, message)
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert ended.retry_ms > 0
    stopping = asyncio.create_task(host.server.stop())
    host.log.release()
    assert (await taken).HasField("accepted")
    await stopping


async def test_stopping_the_server_drains_its_calls(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of calls that the library let in before it was told to stop.
    await host.start()
    drained = []
    monkeypatch.setattr(host.server._services.execute, "drain", lambda: drained.append(True))
    await host.server.stop(0)
    assert drained


async def test_a_bug_ends_the_call_with_a_number_that_the_log_knows(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.lines.expected.add("a call failed")
    _, _, _, bob = await secret_table(host)
    client = await host.client()

    def broken(*_: object) -> None:
        raise ValueError(CANARY)

    with monkeypatch.context() as patch:
        patch.setattr(Rooms, "execute", broken)
        message = calls.request(bob, **chosen("1")).SerializeToString()
        ended = await calls.status(client, message)
    assert (ended.code, ended.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    (line,) = host.lines.messages("ERROR")
    assert line.removeprefix("a call failed, incident ") in ended.message
    assert CANARY not in ended.message
    assert COMMENT not in host.lines.getvalue()


# Secrecy


async def test_a_card_played_by_execute_is_in_nobodys_bytes_and_in_no_log(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await secret_table(host)
    wall, client, correlation_id = await host.stream(), await host.client(), new_id()
    await wall.attach(ada.game_id, passcode=PASSCODE)
    asked = calls.request(bob, correlation_id, **chosen())
    for _ in range(2):
        answer: bytes = await calls.call(client, asked.SerializeToString())
        # Not even its sender's answer repeats it.
        assert CANARY.encode() not in answer
        assert COMMENT.encode() not in answer
    guess = calls.request(ada, correlation_id, **chosen("89"))
    await calls.result_of(client, guess)
    stolen = calls.request(bob._replace(secret=ada.secret), correlation_id, **chosen())
    for each in (stolen, calls.request(bob, correlation_id, **chosen("1"))):
        refused: bytes = await calls.call(client, each.SerializeToString())
        assert CANARY.encode() not in refused
    for stream in (ada_stream, wall):
        await stream.events("vote_submitted", 2)
        await stream.ping()
        assert finds(stream, CANARY) == []
        assert finds(stream, bob.secret, ada.secret) == []
    assert set(finds(bob_stream, CANARY)) == {"seat_state"}
    await host.server.stop(0)
    logged = host.lines.getvalue()
    assert "submit_vote" in logged  # it is the finest level
    for needle in (CANARY, CANARY.encode("unicode_escape").decode(), COMMENT, bob.secret.hex()):
        assert needle not in logged
