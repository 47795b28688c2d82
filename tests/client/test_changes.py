"""What a follower of a game is given, and what when it is slow."""

import asyncio
from datetime import UTC, datetime

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Change, Item, Resynced, RolledBack
from planning_poker_client.errors import ConnectionLost, PokerError
from planning_poker_client.service import Available, Unavailable
from planning_poker_client.watch import Changes, Services
from tests.client import said


def change(version: int) -> Change:
    return Change(version, "vote_submitted", said.voted(version))


async def rest(changes: Changes) -> list[Item]:
    return [item async for item in changes]


async def test_changes_come_in_order_and_end_behind_the_last() -> None:
    changes = Changes(3, limit=10)
    changes.push([change(4), change(5)])
    changes.push([change(6)])
    changes.end()
    assert await rest(changes) == [change(4), change(5), change(6)]
    assert await rest(changes) == []


async def test_who_is_too_slow_is_told_what_was_left_out() -> None:
    changes = Changes(3, limit=3)
    changes.push([change(4)])
    assert await anext(changes) == change(4)
    changes.push(change(version) for version in range(5, 12))
    changes.end()
    assert await rest(changes) == [Resynced(4, 11)]


async def test_after_falling_behind_changes_go_on_one_by_one() -> None:
    changes = Changes(3, limit=2)
    changes.push([change(4), change(5), change(6), change(7)])
    changes.end()
    assert await rest(changes) == [Resynced(3, 6), change(7)]


async def test_falling_behind_twice_before_looking_is_told_once() -> None:
    changes = Changes(3, limit=2)
    changes.push(change(version) for version in range(4, 20))
    changes.push([Resynced(19, 30), change(31)])
    changes.end()
    first, *others = await rest(changes)
    assert isinstance(first, Resynced)
    assert first.from_version == 3
    assert others[-1] == change(31)


async def test_what_is_rolled_back_stands_between_the_changes_and_is_no_version() -> None:
    rolled_back = RolledBack("c1", "submit_vote", PokerError("No."))
    changes = Changes(3, limit=2)
    changes.push([change(4), rolled_back])
    assert await anext(changes) == change(4)
    assert await anext(changes) == rolled_back
    changes.push([change(5), change(6), rolled_back])
    changes.end()
    assert await rest(changes) == [Resynced(4, 6)]


async def test_a_watched_service_begins_with_now_and_ends_behind_the_last_word() -> None:
    services = Services(Available())
    services.push(Unavailable("Closed."), last=True)
    services.push(Available())
    assert [state async for state in services] == [Available(), Unavailable("Closed.")]


async def test_an_error_comes_behind_what_was_queued_and_stays() -> None:
    changes = Changes(3, limit=10)
    changes.push([change(4)])
    changes.end(ConnectionLost("Gone.", retryable=True))
    changes.push([change(5)])
    assert await anext(changes) == change(4)
    for _ in range(2):
        with pytest.raises(ConnectionLost, match="Gone"):
            await anext(changes)


async def test_a_waiting_follower_wakes_when_something_happens() -> None:
    changes = Changes(3, limit=10)
    waiting = asyncio.create_task(rest(changes))
    await asyncio.sleep(0)
    changes.push([change(4)])
    await asyncio.sleep(0)
    changes.end()
    assert await waiting == [change(4)]


def test_a_change_names_its_event_and_tells_who_when_and_why() -> None:
    event = said.voted(4)
    event.actor_id = "p1"
    event.event_time.FromDatetime(datetime(2026, 3, 4, tzinfo=UTC))
    told = Change(4, "vote_submitted", event)
    assert told.body == pb.VoteSubmitted(round_id="r1", player_id="p1")
    assert (told.actor_id, told.correlation_id) == ("p1", "cause-4")
    assert told.time == datetime(2026, 3, 4, tzinfo=UTC)
    assert Change(5, "", said.event(5)).body is None


def test_what_is_printed_of_a_change_holds_no_card() -> None:
    vote = pb.Vote(player_id="p1", card="canary")
    event = said.event(4, votes_revealed=pb.VotesRevealed(round=pb.Round(votes=[vote])))
    assert repr(Change(4, "votes_revealed", event)) == "Change(4, 'votes_revealed')"
    rolled_back = RolledBack("c1", "submit_vote", PokerError("canary is not in this deck"))
    assert repr(rolled_back) == "RolledBack('c1', 'submit_vote', PokerError)"
