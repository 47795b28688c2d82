"""A room's driver on a log that fails in every way a log can."""

import asyncio

import planningpoker.v1 as pb
from planning_poker_server import ids
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.eventlog.port import GameCorrupt, LogUnavailable
from planning_poker_simulator.virtual_time import START_MS, in_virtual_time, let_pass, now_ms, quiet
from tests.server.core.desk import cast
from tests.server.core.parts import (
    GAME_ID,
    cid,
    game,
    reason,
    reveal,
    secret_of,
    starting,
    story,
    vote,
)
from tests.server.core.scripted import (
    Client,
    a_bug,
    detached,
    driven,
    full,
    garbled,
    lost,
    lost_behind_the_commit,
    names,
    overtaken_by,
    purged,
    results,
    take_code,
    ticket_of,
    versions,
)


def join(name: str, *, attach: bool = False) -> pb.Command:
    body = pb.JoinGame(display_name=name, seat_secret=secret_of(name), attach=attach)
    return pb.Command(game_id=GAME_ID, join_game=body)


def creation(*, attach: bool = False) -> pb.Command:
    creator = pb.JoinGame(display_name="Ada", seat_secret=secret_of("Ada"), attach=attach)
    return pb.Command(create_game=pb.CreateGame(display_name="Sprint 12", creator=creator))


# Deciding


@in_virtual_time
async def test_nobody_is_told_anything_before_the_log_has_it() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(), cid(1))
    await quiet()
    assert ada.told() == []
    played.log.gate.set()
    await quiet()
    assert names(ada.told()) == ["event_batch", "command_result", "seat_state"]


@in_virtual_time
async def test_what_waits_is_decided_together() -> None:
    played = await driven(game("Bob", voting=True), max_batch=3)
    ada = await played.client("Ada", "Bob")
    for n, player_id in enumerate(("p1", "p2", "p1", "p2"), start=1):
        played.submit(ada, cast(player_id=player_id), cid(n))
    await quiet()
    assert [len(proposal.records) for proposal in played.log.asked] == [3, 1]
    told = ada.told()
    assert versions(told) == [5, 6, 7, 8]
    assert [result.accepted.version for result in results(told)] == [5, 6, 7, 8]


@in_virtual_time
async def test_after_a_conflict_everybody_is_told_and_the_command_is_decided_again() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(overtaken_by(vote("Bob", "p2", "8")))
    told = await played.say(ada, cast(), cid(1))
    assert versions(told) == [5, 6]
    assert [result.accepted.version for result in results(told)] == [6]


@in_virtual_time
async def test_after_a_conflict_a_command_may_be_refused() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(overtaken_by(vote("Bob", "p2", "8"), reveal(force=True)))
    told = await played.say(ada, cast(), cid(1))
    assert versions(told) == [5, 6]
    assert [reason(result) for result in results(told)] == ["ROUND_CLOSED"]


@in_virtual_time
async def test_a_refusal_is_decided_again_too_when_the_head_was_another() -> None:
    played = await driven(game("Bob"))
    bob = await played.client("Bob")
    played.log.script.append(overtaken_by(starting()))
    result = await played.result(bob, cast(player_id="p2"), cid(1))
    assert result.accepted.version == 5


@in_virtual_time
async def test_a_room_that_loses_every_race_says_so() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.extend(overtaken_by(story(f"Story {n}")) for n in range(20))
    result = await played.result(ada, cast(), cid(1))
    assert reason(result) == "LOG_UNAVAILABLE"
    assert result.refusal.definite
    assert len(played.log.asked) == 8


# A log that is in doubt


@in_virtual_time
async def test_an_append_in_doubt_that_did_commit_is_answered_once() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(lost_behind_the_commit)
    told = await played.say(ada, cast(), cid(1))
    assert versions(told) == [5]
    assert [result.accepted.version for result in results(told)] == [5]
    assert len(played.log.rows) == 5


@in_virtual_time
async def test_an_append_in_doubt_that_did_not_commit_is_made_again() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(lost)
    told = await played.say(ada, cast(), cid(1))
    assert versions(told) == [5]
    (result,) = results(told)
    assert not result.duplicate
    assert len(played.log.rows) == 5


@in_virtual_time
async def test_while_the_log_cannot_be_read_the_outcome_stays_open() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(lost_behind_the_commit)
    played.log.reads.append(LogUnavailable("it cannot be reached", definite=True))
    result = await played.result(ada, cast(), cid(1))
    assert reason(result) == "LOG_UNAVAILABLE"
    assert not result.refusal.definite
    assert result.refusal.retryable
    # The same again tells; the log is looked at before anything is decided.
    told = await played.say(ada, cast(), cid(1))
    assert versions(told) == [5]
    (again,) = results(told)
    assert (again.duplicate, again.accepted.version) == (True, 5)
    assert len(played.log.rows) == 5


@in_virtual_time
async def test_what_the_log_has_after_a_doubt_is_never_refused_for_certain() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    # The log tells that it has the vote, and then cannot confirm its head.
    played.log.script.extend([lost_behind_the_commit, full])
    result = await played.result(ada, cast(), cid(1))
    assert reason(result) == "LOG_UNAVAILABLE"
    assert not result.refusal.definite
    assert len(played.log.rows) == 5


@in_virtual_time
async def test_who_leaves_by_an_append_in_doubt_is_told_that_it_was_accepted() -> None:
    played = await driven(game("Bob", voting=True))
    both = await played.client("Ada", "Bob")
    played.log.script.append(lost_behind_the_commit)
    leave = pb.Command(game_id=GAME_ID, player_id="p2", leave_game=pb.LeaveGame())
    result = await played.result(both, leave, cid(1))
    assert result.accepted.version == len(played.log.rows)


@in_virtual_time
async def test_what_was_in_doubt_is_looked_up_although_nobody_asks_again() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(lost_behind_the_commit)
    played.log.reads.append(LogUnavailable("it cannot be reached", definite=True))
    await played.say(ada, cast(), cid(1))
    await let_pass(1_000)
    assert versions(ada.told()) == [5]


@in_virtual_time
async def test_a_creation_in_doubt_that_did_commit_is_answered_once() -> None:
    played = await driven()
    ada = await played.client()
    played.log.script.append(lost_behind_the_commit)
    request = ada.ask(creation(attach=True), cid(1))
    request.command.game_id = GAME_ID
    played.driver.submit(ticket_of(ada, request))
    await quiet()
    told = ada.told()
    assert names(told)[:2] == ["attached", "command_result"]
    assert told[0].attached.snapshot.players[0].display_name == "Ada"
    assert len(played.log.rows) == 2


# A log that fails for certain


@in_virtual_time
async def test_what_cannot_be_stored_is_refused_and_never_shown() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    before = played.room.snapshot()
    played.log.script.append(full)
    told = await played.say(ada, cast(), cid(1))
    assert names(told) == ["command_result"]
    refusal = told[0].command_result.refusal
    assert refusal.reason == pb.REASON_LOG_UNAVAILABLE
    assert refusal.definite
    assert refusal.retryable
    assert refusal.retry_delay.ToMilliseconds() == 1_000
    assert played.room.head == 4
    assert played.room.snapshot() == before
    assert played.room.state.own_vote("p1") == ("", "")


@in_virtual_time
async def test_a_log_that_is_back_is_used_without_a_restart() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.extend([full, full])
    await played.say(ada, cast(), cid(1))
    await played.say(ada, cast(), cid(1))
    result = await played.result(ada, cast(), cid(1))
    assert (result.duplicate, result.accepted.version) == (False, 5)


@in_virtual_time
async def test_a_log_that_is_down_is_not_asked_without_end() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.extend([full] * 1_000)
    await played.say(ada, cast(), cid(1))
    asked = len(played.log.asked)
    await let_pass(60_000)
    assert len(played.log.asked) - asked <= 60


@in_virtual_time
async def test_a_purged_game_is_gone_for_everybody() -> None:
    played = await driven(game("Bob", voting=True))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    played.log.script.append(purged)
    told = await played.say(ada, cast(), cid(1))
    assert [reason(result) for result in results(told)] == ["GAME_NOT_FOUND"]
    assert detached(told) == ["PURGED"]
    (notice,) = bob.told()
    assert notice.detached.next_step == pb.NEXT_STEP_STOP
    assert played.driver.closed
    assert played.task.done()


@in_virtual_time
async def test_a_corrupt_log_closes_its_game_and_says_so() -> None:
    played = await driven(game("Bob", voting=True))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    played.log.script.append(lost)
    played.log.reads.append(GameCorrupt("a hole"))
    told = await played.say(ada, cast(), cid(1))
    (result,) = results(told)
    assert (reason(result), result.refusal.code) == ("GAME_CORRUPT", 15)
    assert detached(told) == ["CORRUPT"]
    assert detached(bob.told()) == ["CORRUPT"]
    assert played.driver.closed


@in_virtual_time
async def test_a_record_that_cannot_be_applied_closes_its_game() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    played.log.script.append(garbled)
    told = await played.say(ada, cast(), cid(1))
    assert [reason(result) for result in results(told)] == ["GAME_CORRUPT"]


@in_virtual_time
async def test_a_bug_leaves_nobody_without_an_answer() -> None:
    played = await driven(game("Bob", voting=True), max_batch=1)
    ada, bob = await played.client("Ada"), await played.client("Bob")
    played.log.script.append(a_bug)
    played.submit(bob, cast(player_id="p2"), cid(2))
    told = await played.say(ada, cast(), cid(1))
    assert [reason(result) for result in results(told)] == ["INTERNAL"]
    other = bob.told()
    (result,) = results(other)
    assert (reason(result), result.refusal.definite) == ("INTERNAL", False)
    assert detached(told) == detached(other) == ["INTERNAL"]
    assert other[-1].detached.next_step == pb.NEXT_STEP_RESUME
    assert "a bug" not in str(told)
    assert played.task.done()


# Bounds


@in_virtual_time
async def test_a_full_mailbox_refuses_at_once() -> None:
    played = await driven(game("Bob", voting=True), max_mailbox=2, max_batch=1)
    ada = await played.client("Ada")
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(), cid(1))
    await quiet()
    for n in (2, 3, 4):
        played.submit(ada, cast(), cid(n))
    (told,) = ada.told()
    assert told.correlation_id == cid(4)
    refusal = told.command_result.refusal
    assert refusal.reason == pb.REASON_TOO_MANY_COMMANDS
    assert refusal.retryable
    played.log.gate.set()
    await quiet()
    assert [envelope.correlation_id for envelope in ada.told() if results([envelope])] == [
        cid(1),
        cid(2),
        cid(3),
    ]


@in_virtual_time
async def test_a_room_that_nobody_uses_leaves_memory() -> None:
    played = await driven(game("Bob"), idle_ms=5_000)
    await let_pass(4_999)
    assert not played.task.done()
    await let_pass(1)
    assert played.task.done()
    assert played.driver.closed


@in_virtual_time
async def test_a_room_that_somebody_follows_stays() -> None:
    played = await driven(game("Bob"), idle_ms=5_000)
    ada = await played.client("Ada")
    await let_pass(3_600_000)
    assert not played.driver.closed
    played.driver.unsubscribe(ada)
    await let_pass(4_999)
    assert not played.driver.closed
    # Ada's absence, noticed after the grace, was looked at too.
    await let_pass(60_000)
    assert played.driver.closed


@in_virtual_time
async def test_a_command_keeps_a_room_in_memory_for_another_while() -> None:
    played = await driven(game("Bob"), idle_ms=5_000)
    client = await played.client()
    await let_pass(4_000)
    await played.say(client, join("Cid"), cid(1))
    await let_pass(4_000)
    assert not played.driver.closed
    await let_pass(1_000)
    assert played.driver.closed


@in_virtual_time
async def test_a_game_whose_creation_was_refused_leaves_nothing_behind() -> None:
    played = await driven(idle_ms=60_000)
    client = await played.client()
    command = creation()
    command.create_game.display_name = ""
    request = client.ask(command, cid(1))
    request.command.game_id = GAME_ID
    played.driver.submit(ticket_of(client, request))
    await quiet()
    assert [reason(result) for result in results(client.told())] == ["INVALID_TEXT"]
    played.attach(client)
    assert detached(client.told()) == ["REFUSED"]
    await let_pass(5_000)
    assert played.driver.closed


@in_virtual_time
async def test_a_join_code_that_is_taken_is_not_given_again() -> None:

    played = await driven()
    client = await played.client()
    await take_code(played.log, ids.join_code_for(GAME_ID, 0))
    request = client.ask(creation(), cid(1))
    request.command.game_id = GAME_ID
    played.driver.submit(ticket_of(client, request))
    await quiet()
    assert played.room.state.view.join_code == ids.join_code_for(GAME_ID, 1)


# Stopping


def _draining() -> pb.Refusal:
    return refuse(pb.REASON_DRAINING, "The server is stopping.", retry_ms=1_000)


@in_virtual_time
async def test_stopping_finishes_what_is_being_decided_and_refuses_the_rest() -> None:
    played = await driven(game("Bob", voting=True), max_batch=1)
    ada = await played.client("Ada")
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(), cid(1))
    await quiet()
    played.submit(ada, cast(), cid(2))
    played.driver.stop(_draining())
    played.log.gate.set()
    await quiet()
    told = {e.correlation_id: e.command_result for e in ada.told() if results([e])}
    assert told[cid(1)].accepted.version == 5
    assert reason(told[cid(2)]) == "DRAINING"
    assert played.task.done()


# Streams that go away


@in_virtual_time
async def test_a_join_whose_stream_broke_meanwhile_is_kept_and_nobody_is_subscribed() -> None:
    played = await driven(game("Bob"), idle_ms=5_000)
    client = await played.client()
    played.log.gate = asyncio.Event()
    played.submit(client, join("Cid", attach=True), cid(1))
    await quiet()
    client.session.gone = True
    played.log.gate.set()
    await quiet()
    assert "p3" in played.room.state.view.players
    assert client.session.subscriptions == {}
    await let_pass(5_000)
    assert played.driver.closed


@in_virtual_time
async def test_a_join_on_a_stream_that_is_ending_subscribes_nobody() -> None:
    played = await driven(game("Bob"), idle_ms=5_000)
    client = await played.client()
    played.log.gate = asyncio.Event()
    played.submit(client, join("Cid", attach=True), cid(1))
    await quiet()
    client.session.end(_draining(), now_ms())
    played.log.gate.set()
    await quiet()
    assert client.session.subscriptions == {}
    await let_pass(5_000)
    assert played.driver.closed


@in_virtual_time
async def test_an_attach_on_a_stream_that_is_gone_subscribes_nobody() -> None:
    played = await driven(game("Bob"), idle_ms=5_000)
    client = Client()
    client.session.gone = True
    played.attach(client, "Ada")
    assert client.session.subscriptions == {}
    await let_pass(5_000)
    assert played.driver.closed


@in_virtual_time
async def test_a_vote_of_a_stream_that_broke_meanwhile_still_counts() -> None:
    played = await driven(game("Bob", voting=True))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    played.log.gate = asyncio.Event()
    played.submit(bob, cast(player_id="p2"), cid(1))
    await quiet()
    bob.session.gone = True
    played.driver.unsubscribe(bob)
    played.log.gate.set()
    await quiet()
    assert versions(ada.told()) == [5]
    assert played.room.state.own_vote("p2") == ("5", "")


@in_virtual_time
async def test_a_join_repeated_on_another_stream_attaches_that_one() -> None:
    played = await driven(game("Bob"))
    lost_stream, other = await played.client(), await played.client()
    await played.say(lost_stream, join("Cid", attach=True), cid(1))
    told = await played.say(other, join("Cid", attach=True), cid(1))
    assert names(told)[:2] == ["attached", "command_result"]
    assert told[1].command_result.duplicate
    assert list(told[0].attached.player_ids) == ["p3"]
    assert len(played.log.rows) == 4


@in_virtual_time
async def test_an_attach_while_an_append_is_under_way_misses_nothing() -> None:
    played = await driven(game("Bob", voting=True))
    ada, late = await played.client("Ada"), await played.client()
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(), cid(1))
    await quiet()
    played.attach(late, "Bob")
    first = late.told()
    played.log.gate.set()
    await quiet()
    told = first + late.told()
    assert told[0].attached.snapshot.version == 4
    assert versions(told) == [5]


@in_virtual_time
async def test_the_clock_of_the_log_is_the_drivers() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    await let_pass(60_000)
    await played.say(ada, cast(), cid(1))
    event = pb.GameEvent.FromString(played.log.rows[-1].event)
    assert event.event_time.ToMilliseconds() == START_MS + 60_000
