"""One command without a stream: the same authority, the same effect, the same answer."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

import planningpoker.v1 as pb
from tests.integration import calls
from tests.integration.harness import Host
from tests.integration.process import ServerProcess
from tests.integration.raw import Client, eventually, new_id, new_secret
from tests.integration.tables import table
from tests.integration.test_durability import stored_events

STORY = pb.AddStories(stories=[pb.NewStory(title="Login")])


def vote(card: str = "8", round_id: str = "r1") -> dict[str, Any]:
    return {"submit_vote": pb.SubmitVote(round_id=round_id, card=card)}


async def test_a_whole_game_can_be_played_without_any_stream(host: Host) -> None:
    await host.start()
    client = await host.client()
    ada = await calls.created(client)
    bob = await calls.joined(client, ada.game_id, "Bob")
    (story_id,) = (await calls.accepted(client, ada, add_stories=STORY)).story_ids
    opened = await calls.accepted(client, ada, start_round=pb.StartRound(story_id=story_id))
    for seat, card in ((ada, "5"), (bob, "8")):
        await calls.accepted(client, seat, **vote(card, opened.round_id))
    reveal = pb.RevealVotes(round_id=opened.round_id)
    await calls.accepted(client, ada, reveal_votes=reveal)
    estimate = pb.AcceptEstimate(story_id=story_id, round_id=opened.round_id, value="8")
    last = await calls.accepted(client, ada, accept_estimate=estimate)
    stored = stored_events(host.database, ada.game_id)
    assert [event.version for event in stored] == list(range(1, last.version + 1))
    assert stored[-1].estimate_accepted.story.estimate.value == "8"


async def test_everyone_who_follows_the_game_is_told_at_once(host: Host) -> None:
    ada_stream, _, bob_stream, bob = await table(host)
    cast = await calls.accepted(await host.client(), bob, **vote())
    for stream in (ada_stream, bob_stream):
        (seen,) = await stream.events("vote_submitted")
        assert seen.version == cast.version
    # The holder's stream is told the own card, whichever way it was played.
    await bob_stream.expect("seat_state", lambda state: state.card == "8")


async def test_attach_means_nothing_and_joining_that_way_is_no_presence(host: Host) -> None:
    ada_stream, ada, *_ = await table(host)
    await calls.joined(await host.client(), ada.game_id, "Cyd")
    watching = await (await host.stream()).attach(ada.game_id)
    assert set(watching.connected_player_ids) == {"p1", "p2"}
    await ada_stream.events("player_joined", 1, lambda e: e.player.display_name == "Cyd")


async def test_a_game_is_found_by_its_join_code_too(host: Host) -> None:
    ada_stream, ada, *_ = await table(host)
    code = ada_stream.views[ada.game_id].join_code
    seat = await calls.joined(await host.client(), code.lower(), "Cyd")
    assert seat.game_id == ada.game_id
    by_code = seat._replace(game_id=code)
    await calls.accepted(await host.client(), by_code, **vote())


# Once, whichever way it comes


async def test_a_command_of_a_stream_sent_again_by_execute_has_one_effect_and_one_answer(
    host: Host,
) -> None:
    _, _, bob_stream, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    first = await bob_stream.ask(bob, correlation_id, **vote())
    again = await calls.execute(client, bob, correlation_id, **vote())
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.accepted == first.accepted
    assert len(await bob_stream.events("vote_submitted")) == 1


async def test_a_command_of_execute_sent_again_on_a_stream_has_one_effect_and_one_answer(
    host: Host,
) -> None:
    _, _, bob_stream, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    first = await calls.execute(client, bob, correlation_id, **vote())
    again = await bob_stream.ask(bob, correlation_id.upper(), **vote())
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.accepted == first.accepted


async def test_both_ways_at_once_the_second_waits_for_the_first(host: Host) -> None:
    _, _, bob_stream, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    host.log.hold()
    await bob_stream.begin(bob, correlation_id, **vote())
    await host.log.held.wait()
    asked = asyncio.create_task(calls.execute(client, bob, correlation_id, **vote()))
    await eventually(lambda: bool(host.server._services.execute._unanswered))
    host.log.release()
    first, second = await bob_stream.answer(correlation_id), await asked
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.accepted == second.accepted


async def test_creating_and_joining_again_by_the_other_way_is_one_game_and_one_seat(
    host: Host,
) -> None:
    await host.start()
    stream, client = await host.stream(), await host.client()
    create_id, join_id = new_id(), new_id()
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret(), attach=True)
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    join = pb.JoinGame(display_name="Bob", seat_secret=new_secret(), attach=True)
    created = await stream.ask("", create_id, create_game=create)
    joined = await stream.ask(created.game_id, join_id, join_game=join)
    create.creator.attach = join.attach = False
    assert (await calls.execute(client, "", create_id, create_game=create)).duplicate
    again = await calls.execute(client, created.game_id, join_id, join_game=join)
    assert (again.duplicate, again.accepted) == (True, joined.accepted)


async def test_leaving_said_again_after_the_seat_was_left_is_still_accepted(host: Host) -> None:
    _, _, bob_stream, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    leave = pb.LeaveGame()
    first = await bob_stream.ask(bob, correlation_id, leave_game=leave)
    # The stream holds the seat no longer; its secret still proves who asks.
    again = await calls.execute(client, bob, correlation_id, leave_game=leave)
    assert (again.duplicate, again.accepted) == (True, first.accepted)
    refusal = await calls.refused(client, bob, leave_game=leave)
    assert refusal.reason == pb.REASON_SEAT_NOT_HELD


async def test_once_removed_a_seat_has_no_answer_repeated_to_it(host: Host) -> None:
    ada_stream, ada, _, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    await calls.execute(client, bob, correlation_id, **vote())
    await ada_stream.do(ada, remove_player=pb.RemovePlayer(player_id=bob.player_id))
    again = await calls.execute(client, bob, correlation_id, **vote())
    assert again.refusal.reason == pb.REASON_SEAT_NOT_HELD


async def test_after_kill_9_a_repeated_command_gets_its_first_answer(tmp_path: Path) -> None:
    correlation_id = new_id()
    async with ServerProcess(tmp_path) as server:
        async with Client(server.address) as client:
            ada = await calls.created(client)
            first = await calls.execute(client, ada, correlation_id, add_stories=STORY)
            await server.kill()
        await server.start()
        async with Client(server.address) as client:
            again = await calls.execute(client, ada, correlation_id, add_stories=STORY)
            assert (first.duplicate, again.duplicate) == (False, True)
            assert again.accepted == first.accepted
        assert len(stored_events(server.database, ada.game_id)) == first.accepted.version


# Who may


@pytest.mark.parametrize("secret", [b"", b"?", bytes(32), b"x" * 32, b"x" * 10_000])
async def test_a_wrong_secret_and_an_absent_player_get_the_same_answer(
    host: Host, secret: bytes
) -> None:
    _, _, _, bob = await table(host)
    client = await host.client()
    wrong = await calls.refused(client, bob._replace(secret=secret), **vote())
    absent = await calls.refused(client, bob._replace(secret=secret, player_id="p9"), **vote())
    assert (wrong.reason, wrong.code) == (pb.REASON_SEAT_NOT_HELD, 7)
    assert absent == wrong
    assert wrong.definite


async def test_a_seat_is_not_proven_by_the_secret_of_another(host: Host) -> None:
    ada_stream, ada, _, bob = await table(host)
    client = await host.client()
    await calls.refused(client, bob._replace(secret=ada.secret), **vote())
    await calls.refused(client, ada._replace(secret=bob.secret), end_game=pb.EndGame())
    assert (await calls.refused(client, bob, end_game=pb.EndGame())).code == 7
    assert "vote_submitted" not in [
        event.WhichOneof("event") for event in stored_events(host.database, ada.game_id)
    ]
    assert ada_stream.views[ada.game_id].phase == pb.GAME_PHASE_VOTING


async def test_a_game_without_a_seat_is_managed_by_the_instance_it_was_created_under(
    host: Host,
) -> None:
    await host.start()
    client, stream = await host.client(), await host.stream(instance_id="mine")
    create = pb.CreateGame(display_name="Sprint 12")
    nobody = await calls.refused(client, "", create_game=create)
    assert nobody.reason == pb.REASON_UNAUTHENTICATED
    asked = calls.request("", instance_id="mine", create_game=create)
    game_id = (await calls.result_of(client, asked)).game_id
    for instance_id, accepted in (("", False), ("yours", False), ("mine", True)):
        asked = calls.request(game_id, instance_id=instance_id, add_stories=STORY)
        assert (await calls.result_of(client, asked)).HasField("accepted") == accepted
    # The same owner on a stream.
    await stream.do(game_id, add_stories=STORY)


# When the caller or the log does not play along


async def test_a_caller_who_goes_away_loses_nothing_and_leaves_nothing_behind(host: Host) -> None:
    _, _, bob_stream, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    host.log.hold()
    asked = calls.call(client, calls.request(bob, correlation_id, **vote()).SerializeToString())
    await host.log.held.wait()
    asked.cancel()
    await asyncio.wait({asyncio.ensure_future(asked.code())})
    host.log.release()
    (stored,) = await bob_stream.events("vote_submitted")
    assert stored.correlation_id == correlation_id
    await eventually(lambda: not host.server._services.execute._unanswered)
    again = await calls.execute(client, bob, correlation_id, **vote())
    assert again.duplicate


async def test_a_caller_whose_answer_is_lost_gets_it_by_asking_again(host: Host) -> None:
    _, _, bob_stream, bob = await table(host)
    client, correlation_id = await host.client(), new_id()
    host.log.hold()
    lost = calls.call(client, calls.request(bob, correlation_id, **vote()).SerializeToString())
    await host.log.held.wait()
    lost.cancel()
    again = asyncio.create_task(calls.execute(client, bob, correlation_id, **vote()))
    await eventually(lambda: host.server._services.execute._unanswered.total() == 2)
    host.log.release()
    assert (await again).duplicate
    assert len(await bob_stream.events("vote_submitted")) == 1


async def test_an_answer_that_takes_too_long_says_that_the_outcome_is_unknown(host: Host) -> None:
    await host.start(server={"request_timeout_ms": 150})
    client = await host.client()
    ada = await calls.created(client)
    correlation_id = new_id()
    host.log.hold()
    late = await calls.execute(client, ada, correlation_id, add_stories=STORY)
    assert (late.refusal.reason, late.refusal.code) == (pb.REASON_TIMEOUT, 4)
    assert (late.refusal.definite, late.refusal.retryable) == (False, True)
    assert late.game_id == ada.game_id
    host.log.release()
    again = await calls.execute(client, ada, correlation_id, add_stories=STORY)
    assert again.HasField("accepted")
    assert len(stored_events(host.database, ada.game_id)) == again.accepted.version


async def test_a_log_that_is_gone_or_in_doubt_is_answered_as_on_a_stream(host: Host) -> None:
    host.lines.expected |= {"the log is unavailable", "an append is in doubt"}
    host.lines.expected.add("timers cannot be read")
    await host.start()
    client = await host.client()
    ada = await calls.created(client)
    host.log.refuses = True
    definite = await calls.refused(client, ada, add_stories=STORY)
    assert (definite.reason, definite.definite) == (pb.REASON_LOG_UNAVAILABLE, True)
    host.log.refuses = False
    host.log.fail_after_append()
    correlation_id = new_id()
    doubtful = await calls.execute(client, ada, correlation_id, add_stories=STORY)
    assert (doubtful.refusal.reason, doubtful.refusal.definite) == (
        pb.REASON_LOG_UNAVAILABLE,
        False,
    )
    host.log.recover()
    again = await calls.execute(client, ada, correlation_id, add_stories=STORY)
    assert again.HasField("accepted")
    assert len(stored_events(host.database, ada.game_id)) == again.accepted.version


async def test_the_id_of_a_game_follows_from_the_principal_that_welcome_tells(host: Host) -> None:
    await host.start()
    welcome = await (await host.client()).silent().hello()
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret())
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    correlation_id = new_id()
    result = await calls.execute(
        await host.client(), "", correlation_id.upper(), create_game=create
    )
    told = f"game:{welcome.principal}:{correlation_id}"
    assert result.game_id == hashlib.sha256(told.encode()).hexdigest()[:32]
