"""What every event log makes of a cursor whose event is another one by now.

The cursor's mark is all that differs between a log that was restored from a
copy and one that was not. What cannot be done to a log in memory, restoring
it, is done to the cursors here, and to a file in `tests/server/eventlog`.
"""

import pytest

from planning_poker_server.eventlog.port import EventLog
from tests.contract.eventlog.games import append, proposal, scan


async def test_a_cursor_behind_another_event_is_refused(log: EventLog) -> None:
    await append(log, proposal("game", 0, 3))
    first, second, _ = (fed.cursor for fed in await scan(log))
    _, _, mark = first.rpartition("-")
    place, _, _ = second.rpartition("-")
    for forged in (f"{place}-{mark}", f"{place}-", f"{second}0"):
        with pytest.raises(ValueError, match="restored"):
            await scan(log, forged)


async def test_a_mark_tells_no_more_than_that_events_differ(log: EventLog) -> None:
    await append(log, proposal("game", 0, 2))
    one, two = (fed.cursor.rpartition("-")[2] for fed in await scan(log))
    assert one != two
    assert {len(one), len(two)} == {12}


async def test_the_end_is_behind_the_last_event(log: EventLog) -> None:
    await append(log, proposal("game", 0, 3))
    assert await log.end() == (await scan(log))[-1].cursor


async def test_the_end_of_an_empty_log_is_before_all_that_comes(log: EventLog) -> None:
    end = await log.end()
    assert await scan(log, end) == []
    await append(log, proposal("game", 0, 2))
    assert [fed.version for fed in await scan(log, end)] == [1, 2]


async def test_a_cursor_from_when_the_last_event_was_gone_goes_on(log: EventLog) -> None:
    await append(log, proposal("gone"))
    behind = (await scan(log))[0].cursor
    assert await log.purge("gone", 5_000)
    end = await log.end()
    await append(log, proposal("new"))
    for cursor in (behind, end):
        assert [fed.game_id for fed in await scan(log, cursor)] == ["new"]
