"""What every event log promises of appending."""

import asyncio
from dataclasses import replace

import pytest

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import Commit, Conflict, EventLog, LogUnavailable, Record
from tests.contract.eventlog.games import append, proposal, read, records, refuse, scan

DEADLINE = Timer("deadline", "r1", 1, 9_000)


async def test_what_was_appended_is_read_back_byte_for_byte(log: EventLog) -> None:
    every_byte = bytes(range(256))
    wanted = replace(
        proposal("game"), records=[Record(1, every_byte, b""), Record(2, b"\0", every_byte)]
    )
    await append(log, wanted)
    assert await read(log, "game") == wanted.records
    assert await log.head("game") == 2


async def test_a_commit_is_of_the_very_proposal(log: EventLog) -> None:
    wanted = proposal("game")
    outcome = await log.append(wanted)
    assert isinstance(outcome, Commit)
    assert outcome.proposal is wanted


async def test_records_are_appended_behind_one_another(log: EventLog) -> None:
    await append(log, proposal("game", 0, 2))
    await append(log, proposal("game", 2, 3))
    await append(log, proposal("game", 5))
    assert await read(log, "game") == records(1, 6, "game")


async def test_games_are_numbered_apart(log: EventLog) -> None:
    await append(log, proposal("one", 0, 2))
    await append(log, proposal("two", 0, 3))
    assert await log.head("one") == 2
    assert await log.head("two") == 3
    assert await read(log, "one") == records(1, 2, "one")


@pytest.mark.parametrize("expected", [1, 2, 4])
async def test_another_head_than_expected_is_a_conflict_with_the_actual_one(
    log: EventLog, expected: int
) -> None:
    await append(log, proposal("game", 0, 3))
    await refuse(log, proposal("game", expected), head=3)


async def test_a_game_that_exists_cannot_be_created(log: EventLog) -> None:
    await append(log, proposal("game", 0, 3))
    await refuse(log, proposal("game"), head=3)


async def test_a_game_that_does_not_exist_conflicts_with_head_0(log: EventLog) -> None:
    await refuse(log, proposal("game", 1), head=0)


async def test_a_conflict_writes_nothing(log: EventLog) -> None:
    await append(log, proposal("game", 0, 2, code="K7QF-3M", timers=[DEADLINE]))
    before = await log.games(), await log.due(10_000), await scan(log)
    await refuse(log, proposal("game", 1, 2, name="Other", phase=3), head=2)
    await refuse(log, proposal("game", 0, 1, name="Other", code="AAAA-AA"), head=2)
    assert (await log.games(), await log.due(10_000), await scan(log)) == before
    assert await log.resolve("AAAA-AA") is None


async def test_of_appends_to_one_head_one_wins(log: EventLog) -> None:
    await append(log, proposal("game"))
    racing = [proposal("game", 1, count) for count in range(1, 21)]
    outcomes = await asyncio.gather(*map(log.append, racing))
    winners = [outcome for outcome in outcomes if isinstance(outcome, Commit)]
    assert len(winners) == 1
    head = 1 + len(winners[0].proposal.records)
    assert outcomes.count(Conflict(head)) == 19
    assert await log.head("game") == head


async def test_many_games_are_appended_to_at_once(log: EventLog) -> None:
    async def play(game_id: str) -> None:
        for head in range(5):
            await append(log, proposal(game_id, head))

    games = [f"game {number:03}" for number in range(100)]
    await asyncio.gather(*map(play, games))
    for game_id in games:
        assert await read(log, game_id) == records(1, 5, game_id)
    assert len(await scan(log)) == 500


async def test_a_conflict_concerns_no_game_beside_it(log: EventLog) -> None:
    await append(log, proposal("stale", 0, 2))
    wanted = [proposal(f"game {number}") for number in range(10)]
    outcomes = await asyncio.gather(
        *map(log.append, [*wanted[:5], proposal("stale", 1), *wanted[5:]])
    )
    assert outcomes.pop(5) == Conflict(2)
    assert outcomes == list(map(Commit, wanted))


async def test_a_taken_join_code_is_a_conflict_with_head_0(log: EventLog) -> None:
    await append(log, proposal("game", code="K7QF-3M"))
    await refuse(log, proposal("other", code="K7QF-3M"), head=0)
    assert await log.head("other") == 0
    assert await log.resolve("K7QF-3M") == "game"
    await append(log, proposal("other", code="K7QF-4M"))


async def test_of_two_games_created_at_once_one_gets_the_join_code(log: EventLog) -> None:
    racing = [proposal(f"game {number}", code="K7QF-3M") for number in range(5)]
    outcomes = await asyncio.gather(*map(log.append, racing))
    assert outcomes.count(Conflict(0)) == 4
    assert len(await log.games()) == 1


async def test_games_without_join_code_do_not_collide(log: EventLog) -> None:
    await append(log, proposal("one"))
    await append(log, proposal("two"))
    assert await log.resolve("") is None


async def test_without_records_the_head_is_confirmed_and_nothing_written(log: EventLog) -> None:
    await append(log, proposal("game", 0, 2, timers=[DEADLINE]))
    before = await log.games(), await log.due(10_000)
    await append(log, proposal("game", 2, 0, name="Other"))
    await refuse(log, proposal("game", 1, 0), head=2)
    await append(log, proposal("unknown", 0, 0))
    await refuse(log, proposal("unknown", 1, 0), head=0)
    assert (await log.games(), await log.due(10_000)) == before


async def test_a_proposal_that_contradicts_itself_is_not_accepted(log: EventLog) -> None:
    for first in (0, 2):
        with pytest.raises(ValueError, match="do not follow"):
            await log.append(replace(proposal("game"), records=records(first, 2)))
    with pytest.raises(ValueError, match="do not follow"):
        await log.append(replace(proposal("game"), records=[*records(1, 1), *records(3, 1)]))
    twice = [DEADLINE, DEADLINE._replace(due_ms=1)]
    with pytest.raises(ValueError, match="two timers"):
        await log.append(proposal("game", timers=twice))
    assert await log.head("game") == 0


async def test_an_append_whose_caller_is_cancelled_is_whole_or_not_there(log: EventLog) -> None:
    await append(log, proposal("game"))
    for turns in range(6):
        head = await log.head("game")
        task = asyncio.create_task(log.append(proposal("game", head, 2)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        # What was asked before is decided before what is asked now.
        outcome = await log.append(proposal("game", head, 2))
        assert outcome in (Commit(proposal("game", head, 2)), Conflict(head + 2))
    versions = [record.version for record in await read(log, "game")]
    assert versions == list(range(1, await log.head("game") + 1))


async def test_a_closed_log_takes_nothing(log: EventLog) -> None:
    await append(log, proposal("game"))
    await asyncio.gather(log.close(), log.close())
    await log.close()
    with pytest.raises(LogUnavailable) as raised:
        await log.append(proposal("game", 1))
    assert raised.value.definite
    with pytest.raises(LogUnavailable):
        await read(log, "game")


async def test_what_was_begun_before_closing_comes_to_its_end(log: EventLog) -> None:
    wanted = [proposal(f"game {number}") for number in range(120)]
    tasks = [asyncio.create_task(log.append(one)) for one in wanted]
    await asyncio.sleep(0)
    await log.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, Commit | LogUnavailable) for outcome in outcomes)


async def test_no_repr_shows_what_is_sealed(log: EventLog) -> None:
    outcome = await log.append(proposal("game"))
    assert "sealed" not in repr(await read(log, "game"))
    assert "sealed 1" not in repr(outcome)
    assert "sealed 1" not in repr(await scan(log))


async def test_a_probe_stores_nothing_and_fails_once_the_log_is_closed(log: EventLog) -> None:
    await append(log, proposal("game"))
    await log.probe()
    assert [found.event for found in await scan(log)] == [b"event 1 game"]
    assert [row.game_id for row in await log.games()] == ["game"]
    await log.close()
    with pytest.raises(LogUnavailable):
        await log.probe()
