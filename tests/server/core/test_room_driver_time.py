"""Timers and presence: what a room does when nobody asks for anything."""

import asyncio

import planningpoker.v1 as pb
from planning_poker_simulator.virtual_time import in_virtual_time, let_pass, quiet
from tests.server.core.desk import cast
from tests.server.core.parts import (
    GAME_ID,
    Bench,
    automatic,
    cid,
    game,
    kind_of,
    story,
    ticket,
    vote,
)
from tests.server.core.scripted import Client, Played, driven, full, names, versions

SETTLE_MS = 30_000
GRACE_MS = 15_000


def kinds(played: Played) -> list[str]:
    return [kind_of(record) for record in played.log.rows]


def with_deadline(seconds: int, *votes: str) -> Bench:
    """A round with a deadline and the votes of these players."""
    bench = game("Bob", voting=True)
    body = pb.SetDeadline(round_id="r1")
    body.remaining.seconds = seconds
    bench.do(ticket(pb.Command(game_id=GAME_ID, player_id="p1", set_deadline=body), "Ada"))
    for name, player_id in zip(votes, ("p1", "p2"), strict=False):
        bench.do(vote(name, player_id, "5"))
    return bench


# Timers


@in_virtual_time
async def test_a_deadline_reveals_what_there_is_when_it_is_due() -> None:
    played = await driven(with_deadline(60, "Ada"))
    ada = await played.client("Ada")
    await let_pass(59_999)
    assert kinds(played)[-1] == "vote_submitted"
    await let_pass(1)
    assert kinds(played)[-1] == "votes_revealed"
    assert versions(ada.told()) == [7]


@in_virtual_time
async def test_a_deadline_without_votes_closes_the_round() -> None:
    played = await driven(with_deadline(60))
    await let_pass(60_000)
    assert kinds(played)[-1] == "round_abandoned"


@in_virtual_time
async def test_what_fell_due_while_no_server_ran_waits_until_clients_can_be_back() -> None:
    await let_pass(60_001)
    played = await driven(with_deadline(60, "Ada"))
    await let_pass(SETTLE_MS - 1)
    assert kinds(played)[-1] == "vote_submitted"
    await let_pass(1)
    assert kinds(played)[-1] == "votes_revealed"


@in_virtual_time
async def test_a_timer_fires_once_and_then_there_is_peace() -> None:
    played = await driven(with_deadline(60, "Ada"), idle_ms=10 * 60_000)
    await let_pass(5 * 60_000)
    assert kinds(played).count("votes_revealed") == 1
    assert len(played.log.asked) == 1


@in_virtual_time
async def test_a_timer_that_the_log_does_not_take_is_tried_again_each_second() -> None:
    played = await driven(with_deadline(60, "Ada"), idle_ms=10 * 60_000)
    played.log.script.extend([full] * 3)
    await let_pass(60_000)
    assert len(played.log.asked) == 1
    await let_pass(3_000)
    assert kinds(played)[-1] == "votes_revealed"
    assert 4 <= len(played.log.asked) <= 8


@in_virtual_time
async def test_a_timer_that_was_moved_fires_at_its_new_time() -> None:
    played = await driven(with_deadline(60, "Ada"))
    ada = await played.client("Ada")
    body = pb.SetDeadline(round_id="r1")
    body.remaining.seconds = 120
    command = pb.Command(game_id=GAME_ID, player_id="p1", set_deadline=body)
    await let_pass(30_000)
    await played.say(ada, command, cid(1))
    await let_pass(119_999)
    assert kinds(played)[-1] == "deadline_set"
    await let_pass(1)
    assert kinds(played)[-1] == "votes_revealed"


@in_virtual_time
async def test_what_a_timer_did_is_the_servers_and_has_the_same_cause_on_every_node() -> None:
    causes = []
    for _ in range(2):
        played = await driven(with_deadline(1, "Ada"))
        await let_pass(1_000)
        event = pb.GameEvent.FromString(played.log.rows[-1].event)
        assert event.actor_id == ""
        causes.append(event.correlation_id)
    assert causes[0] == causes[1]


# Presence


async def waiting_for_bob(**settings: int) -> tuple[Played, Client, Client]:
    """Ada has voted, Bob has not; both are there, and the room has settled."""
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    played = await driven(bench, **settings)
    ada, bob = await played.client("Ada"), await played.client("Bob")
    await let_pass(SETTLE_MS)
    ada.told()
    assert kinds(played)[-1] == "vote_submitted"
    return played, ada, bob


@in_virtual_time
async def test_who_goes_away_is_waited_for_until_the_grace_is_over() -> None:
    played, ada, bob = await waiting_for_bob()
    played.driver.unsubscribe(bob)
    await let_pass(GRACE_MS - 1)
    assert kinds(played)[-1] == "vote_submitted"
    await let_pass(1)
    assert kinds(played)[-1] == "votes_revealed"
    revealed = pb.GameEvent.FromString(played.log.rows[-1].event).votes_revealed
    assert list(revealed.absent_player_ids) == ["p2"]
    assert versions(ada.told()) == [6]


@in_virtual_time
async def test_who_comes_back_in_time_was_never_away() -> None:
    played, _, bob = await waiting_for_bob()
    played.driver.unsubscribe(bob)
    await let_pass(GRACE_MS - 1)
    again = await played.client("Bob")
    await let_pass(10 * GRACE_MS)
    assert kinds(played)[-1] == "vote_submitted"
    told = await played.say(again, cast(player_id="p2"), cid(1))
    assert versions(told) == [6, 7]


@in_virtual_time
async def test_nothing_reveals_by_itself_before_clients_could_come_back() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    played = await driven(bench)
    await played.client("Ada")
    await let_pass(SETTLE_MS - 1)
    assert kinds(played)[-1] == "vote_submitted"
    await let_pass(1)
    assert kinds(played)[-1] == "votes_revealed"


@in_virtual_time
async def test_after_loading_the_votes_of_all_voters_are_enough() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"))
    played = await driven(bench)
    bob = await played.client("Bob")
    told = await played.say(bob, cast(player_id="p2"), cid(1))
    assert versions(told) == [6, 7]


@in_virtual_time
async def test_an_absence_noticed_beside_a_refused_command_still_reveals() -> None:
    played, ada, bob = await waiting_for_bob()
    played.driver.unsubscribe(bob)
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(card="4"), cid(1))
    await let_pass(GRACE_MS)  # which ends while the log is busy
    played.submit(ada, cast(card="4"), cid(2))
    played.log.gate.set()
    await quiet()
    assert kinds(played)[-1] == "votes_revealed"


@in_virtual_time
async def test_a_reveal_that_the_log_does_not_take_is_not_forgotten() -> None:
    played, _, bob = await waiting_for_bob()
    played.log.script.extend([full, full])
    played.driver.unsubscribe(bob)
    await let_pass(GRACE_MS)
    assert kinds(played)[-1] == "vote_submitted"
    await let_pass(2_000)
    assert kinds(played)[-1] == "votes_revealed"


@in_virtual_time
async def test_everybody_is_told_who_comes_and_goes_at_most_once_a_second() -> None:
    played = await driven(game("Bob", "Cid"))
    ada = await played.client("Ada")
    await let_pass(5_000)
    ada.told()
    bob = await played.client("Bob")
    await quiet()
    (told,) = ada.told()
    assert dict(told.presence_delta.players) == {"p2": pb.PRESENCE_CONNECTED}
    await played.client("Cid")
    await quiet()
    assert ada.told() == []
    await let_pass(1_000)
    assert names(ada.told()) == ["presence_delta"]
    played.driver.unsubscribe(bob)
    await let_pass(GRACE_MS)
    (told,) = ada.told()
    assert dict(told.presence_delta.players) == {"p2": pb.PRESENCE_DISCONNECTED}


@in_virtual_time
async def test_a_log_that_takes_long_keeps_nobody_from_being_told_who_went() -> None:
    played = await driven(game("Bob", voting=True))
    ada, bob = await played.client("Ada"), await played.client("Bob")
    played.log.gate = asyncio.Event()
    played.submit(ada, cast(), cid(1))
    await let_pass(5_000)
    ada.told()
    played.driver.unsubscribe(bob)
    await let_pass(GRACE_MS + 1_000)
    (told,) = ada.told()
    assert dict(told.presence_delta.players) == {"p2": pb.PRESENCE_DISCONNECTED}
    played.log.gate.set()
    await quiet()
    assert versions(ada.told()) == [5]


@in_virtual_time
async def test_a_quiet_room_does_nothing() -> None:
    played = await driven(game("Bob"))
    ada = await played.client("Ada")
    await let_pass(SETTLE_MS)
    ada.told()
    woken = ada.woken
    await let_pass(24 * 3_600_000)
    assert ada.woken == woken
    assert played.log.asked == []


@in_virtual_time
async def test_many_followers_are_told_in_ticks_but_what_is_critical_at_once() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    watchers = [await played.client() for _ in range(60)]
    for watcher in watchers:
        played.attach(watcher)
    await let_pass(SETTLE_MS)
    for client in (ada, *watchers):
        client.told()
    told = await played.say(ada, cast(), cid(1))
    assert versions(told) == [5]  # who asked waits for nobody
    assert watchers[0].told() == []
    await let_pass(7)  # 61 subscribers, 0.1 ms each
    assert versions(watchers[0].told()) == [5]
    reveal = pb.RevealVotes(round_id="r1", force=True)
    await played.say(ada, pb.Command(game_id=GAME_ID, player_id="p1", reveal_votes=reveal), cid(2))
    assert versions(watchers[0].told()) == [6]


@in_virtual_time
async def test_a_slow_tick_is_cut_short_by_what_is_critical_and_sends_nothing_twice() -> None:
    played = await driven(game("Bob", voting=True))
    ada = await played.client("Ada")
    watchers = [await played.client() for _ in range(60)]
    for watcher in watchers:
        played.attach(watcher)
    await let_pass(SETTLE_MS)
    watchers[0].told()
    await played.say(ada, cast(), cid(1))
    reveal = pb.RevealVotes(round_id="r1", force=True)
    await played.say(ada, pb.Command(game_id=GAME_ID, player_id="p1", reveal_votes=reveal), cid(2))
    await let_pass(100)
    assert versions(watchers[0].told()) == [5, 6]


@in_virtual_time
async def test_a_story_added_by_somebody_reaches_a_watcher_without_a_seat() -> None:
    played = await driven(game("Bob"))
    watcher = await played.client()
    played.attach(watcher)
    assert watcher.told()[0].attached.snapshot.version == 3
    other = await played.client("Ada")
    command = story("Login").command
    assert isinstance(command, pb.Command)
    await played.say(other, command, cid(1))
    assert versions(watcher.told()) == [4]
