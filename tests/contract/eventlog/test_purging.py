"""What every event log promises of a game that is to go."""

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import PURGED, EventLog, GameFilter
from tests.contract.eventlog.games import append, proposal, read, records, refuse, scan

DEADLINE = Timer("deadline", "r1", 1, 9_000)


async def test_nothing_is_left_of_a_purged_game(log: EventLog) -> None:
    await append(log, proposal("gone", 0, 3, code="K7QF-3M", timers=[DEADLINE]))
    await append(log, proposal("kept", 0, 2))
    assert await log.purge("gone", 5_000)
    assert await read(log, "gone") == []
    assert await log.head("gone") == 0
    assert await log.resolve("K7QF-3M") is None
    assert await log.due(10_000) == []
    assert [row.game_id for row in await log.games()] == ["kept"]
    assert [row.game_id for row in await log.find(GameFilter())] == ["kept"]
    assert await read(log, "kept") == records(1, 2, "kept")


async def test_a_purged_game_is_never_there_again(log: EventLog) -> None:
    await append(log, proposal("gone", 0, 3))
    assert await log.purge("gone", 5_000)
    await refuse(log, proposal("gone", 3), PURGED)
    await refuse(log, proposal("gone", 0), PURGED)
    assert await log.purge("gone", 6_000), "it is gone, however often one asks"


async def test_a_code_of_a_purged_game_can_be_given_again(log: EventLog) -> None:
    await append(log, proposal("gone", code="K7QF-3M"))
    assert await log.purge("gone", 5_000)
    await append(log, proposal("new", code="K7QF-3M"))
    assert await log.resolve("K7QF-3M") == "new"


async def test_cursors_go_on_where_a_purged_game_was(log: EventLog) -> None:
    await append(log, proposal("gone", 0, 2))
    await append(log, proposal("kept", 0, 1))
    await append(log, proposal("gone", 2, 2))
    cursors = [fed.cursor for fed in await scan(log)]
    end = await log.end()
    assert await log.purge("gone", 5_000)
    left = [[fed.game_id for fed in await scan(log, cursor)] for cursor in ["", *cursors]]
    assert left == [["kept"], ["kept"], ["kept"], [], [], []]
    ends = [end, await log.end(), cursors[-1]]
    await append(log, proposal("kept", 1))
    for cursor in ends:
        assert [fed.version for fed in await scan(log, cursor)] == [2]


async def test_a_game_that_went_on_meanwhile_stays(log: EventLog) -> None:
    await append(log, proposal("game", 0, 3))
    await append(log, proposal("game", 3))
    assert not await log.purge("game", 5_000, expected_head=3)
    assert len(await read(log, "game")) == 4
    assert await log.purge("game", 5_000, expected_head=4)


async def test_what_was_purged_is_swept_as_often_as_one_likes(log: EventLog) -> None:
    assert await log.sweep(), "there is nothing to sweep"
    await append(log, proposal("gone", 0, 3))
    await append(log, proposal("kept", 0, 2))
    assert await log.purge("gone", 5_000)
    assert await log.sweep()
    assert await log.sweep()
    assert await read(log, "kept") == records(1, 2, "kept")
    await refuse(log, proposal("gone"), PURGED)


async def test_cursors_stay_where_they_were_after_a_sweep(log: EventLog) -> None:
    await append(log, proposal("gone", 0, 2))
    await append(log, proposal("kept", 0, 2))
    cursors = [fed.cursor for fed in await scan(log)]
    assert await log.purge("gone", 5_000)
    assert await log.sweep()
    assert [fed.cursor for fed in await scan(log)] == cursors[2:]
    await append(log, proposal("new"))
    assert [fed.game_id for fed in await scan(log, cursors[-1])] == ["new"]


async def test_a_game_that_never_was_cannot_go(log: EventLog) -> None:
    assert not await log.purge("game", 5_000)
    await append(log, proposal("game"))
