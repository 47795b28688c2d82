"""What every event log promises of reading."""

import asyncio

import pytest

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import EventLog, GameRow, Summary
from tests.contract.eventlog.conftest import OpenLog
from tests.contract.eventlog.games import append, proposal, read, records, scan

DEADLINE = Timer("deadline", "r1", 1, 9_000)
COUNTDOWN = Timer("countdown", "r1", 2, 5_000)
LIFETIME = Timer("lifetime", "", 1, 7_000)


async def test_a_game_that_does_not_exist_has_nothing(log: EventLog) -> None:
    assert await read(log, "game") == []
    assert await log.head("game") == 0
    assert await log.resolve("K7QF-3M") is None


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_000, 2_345])
async def test_pages_hold_at_most_1000_records_and_leave_none_out(
    log: EventLog, count: int
) -> None:
    await append(log, proposal("game", 0, count))
    pages = [page async for page in log.read("game")]
    assert all(0 < len(page) <= 1_000 for page in pages)
    assert [record for page in pages for record in page] == records(1, count, "game")


@pytest.mark.parametrize("after", [0, 1, 999, 1_000, 1_001, 1_499, 1_500, 1_501, 9_999])
async def test_reading_begins_behind_a_version(log: EventLog, after: int) -> None:
    await append(log, proposal("game", 0, 1_500))
    await append(log, proposal("other", 0, 3))
    expected = records(after + 1, max(0, 1_500 - after), "game")
    assert await read(log, "game", after) == expected


async def test_what_is_appended_between_two_pages_is_read_too(log: EventLog) -> None:
    await append(log, proposal("game", 0, 1_500))
    pages = log.read("game")
    first = await anext(pages)
    await append(log, proposal("game", 1_500, 700))
    rest = [record async for page in pages for record in page]
    assert [*first, *rest] == records(1, 2_200, "game")


async def test_a_reader_that_goes_away_leaves_nothing_behind(log: EventLog) -> None:
    await append(log, proposal("game", 0, 1_500))
    for head in range(1_500, 1_510):
        async for page in log.read("game"):
            assert page
            break
        await append(log, proposal("game", head))


async def test_many_read_at_once(log: EventLog) -> None:
    await append(log, proposal("game", 0, 1_200))
    read_back = await asyncio.gather(*(read(log, "game") for _ in range(20)))
    assert all(found == records(1, 1_200, "game") for found in read_back)


async def test_the_feed_has_all_games_in_the_order_of_the_log(log: EventLog) -> None:
    await append(log, proposal("b", 0, 2))
    await append(log, proposal("a", 0, 1))
    await append(log, proposal("b", 2, 1))
    feed = await scan(log)
    assert [(found.game_id, found.version, found.event) for found in feed] == [
        ("b", 1, b"event 1 b"),
        ("b", 2, b"event 2 b"),
        ("a", 1, b"event 1 a"),
        ("b", 3, b"event 3 b"),
    ]


async def test_the_feed_goes_on_behind_each_cursor(log: EventLog) -> None:
    for number in range(5):
        await append(log, proposal(f"game {number}", 0, 2))
    feed = await scan(log)
    for place, found in enumerate(feed, 1):
        assert await scan(log, found.cursor) == feed[place:]


async def test_a_cursor_at_the_end_finds_what_comes_later(log: EventLog) -> None:
    await append(log, proposal("game"))
    end = (await scan(log))[-1].cursor
    assert await scan(log, end) == []
    await append(log, proposal("game", 1))
    assert [found.version for found in await scan(log, end)] == [2]


async def test_the_feed_of_an_empty_log_ends_at_once(log: EventLog) -> None:
    assert await scan(log) == []


async def test_the_feed_comes_in_pages_and_ends_where_the_log_did(log: EventLog) -> None:
    for number in range(5):
        await append(log, proposal(f"game {number}", 0, 500))
    pages = []
    async for page in log.scan():
        pages.append(page)
        await append(log, proposal("late", len(pages) - 1))
    assert [len(page) for page in pages] == [1_000, 1_000, 500]
    assert "late" not in {found.game_id for page in pages for found in page}


async def test_a_cursor_of_another_log_is_refused(log: EventLog, open_another: OpenLog) -> None:
    other = await open_another()
    for opened in (log, other):
        await append(opened, proposal("game"))
    cursor = (await scan(other))[-1].cursor
    with pytest.raises(ValueError, match="not of this log"):
        await scan(log, cursor)


@pytest.mark.parametrize(
    "cursor", ["1", "-", "x-1-", "{epoch}", "{epoch}-", "{epoch}-1", "{epoch}--1-"]
)
async def test_what_is_no_cursor_is_refused(log: EventLog, cursor: str) -> None:
    await append(log, proposal("game"))
    for garbage in (cursor, "{epoch}-1 -", "{epoch}-¹-", "{epoch}-" + 40 * "9" + "-"):
        with pytest.raises(ValueError, match="not of this log"):
            await scan(log, garbage.format(epoch=log.epoch))


async def test_a_cursor_ahead_of_the_log_is_refused(log: EventLog) -> None:
    await append(log, proposal("game", 0, 3))
    last = (await scan(log))[-1].cursor
    ahead = last.replace("-3-", "-4-")
    with pytest.raises(ValueError, match="ahead"):
        await scan(log, ahead)


async def test_each_log_has_an_epoch_of_its_own(log: EventLog, open_another: OpenLog) -> None:
    assert log.epoch
    assert log.epoch != (await open_another()).epoch


async def test_games_are_listed_by_id_with_head_and_summary(log: EventLog) -> None:
    await append(log, proposal("b", 0, 2, code="K7QF-3M", create_ms=1, update_ms=2))
    await append(log, proposal("a", 0, 1, name="Café ☕", phase=4))
    assert await log.games() == [
        GameRow("a", 1, Summary("", "Café ☕", 4, 1_000, 2_000)),
        GameRow("b", 2, Summary("K7QF-3M", "Sprint 12", 1, 1, 2)),
    ]


async def test_the_list_of_games_goes_on_behind_an_id(log: EventLog) -> None:
    for number in range(7):
        await append(log, proposal(f"game {number}"))
    first = await log.games(limit=3)
    assert [row.game_id for row in first] == ["game 0", "game 1", "game 2"]
    rest = await log.games(after="game 2", limit=3)
    assert [row.game_id for row in rest] == ["game 3", "game 4", "game 5"]
    assert await log.games(after="game 6") == []


async def test_the_summary_follows_but_for_join_code_and_creation(log: EventLog) -> None:
    await append(log, proposal("game", code="K7QF-3M", create_ms=1))
    await append(
        log,
        proposal("game", 1, code="AAAA-AA", name="New", phase=2, create_ms=5, update_ms=6),
    )
    assert await log.games() == [GameRow("game", 2, Summary("K7QF-3M", "New", 2, 1, 6))]
    assert await log.resolve("K7QF-3M") == "game"
    assert await log.resolve("AAAA-AA") is None


async def test_due_timers_come_earliest_first(log: EventLog) -> None:
    await append(log, proposal("one", timers=[DEADLINE, COUNTDOWN]))
    await append(log, proposal("two", timers=[LIFETIME]))
    assert await log.due(9_000) == [("one", COUNTDOWN), ("two", LIFETIME), ("one", DEADLINE)]
    assert await log.due(8_999) == [("one", COUNTDOWN), ("two", LIFETIME)]
    assert await log.due(4_999) == []
    assert await log.due(9_000, limit=1) == [("one", COUNTDOWN)]


async def test_an_append_replaces_all_timers_of_its_game(log: EventLog) -> None:
    await append(log, proposal("other", timers=[LIFETIME]))
    await append(log, proposal("game", timers=[DEADLINE, COUNTDOWN]))
    moved = DEADLINE._replace(set_version=2, due_ms=9_500)
    await append(log, proposal("game", 1, timers=[moved]))
    assert await log.due(10_000) == [("other", LIFETIME), ("game", moved)]
    await append(log, proposal("game", 2, timers=[moved]))
    assert await log.due(10_000) == [("other", LIFETIME), ("game", moved)]
    await append(log, proposal("game", 3))
    assert await log.due(10_000) == [("other", LIFETIME)]
    await append(log, proposal("game", 4, timers=[COUNTDOWN]))
    assert await log.due(10_000) == [("game", COUNTDOWN), ("other", LIFETIME)]
