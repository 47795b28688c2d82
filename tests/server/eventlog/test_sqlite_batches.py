"""How appends share transactions in SQLite, and how one that stands out is told apart."""

import asyncio
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    EventLog,
    LogError,
    LogUnavailable,
    Record,
)
from tests.contract.eventlog.games import append, proposal, read, records, refuse, scan
from tests.server.eventlog.conftest import OpenSqlite

DEADLINE = Timer("deadline", "r1", 1, 9_000)


@contextmanager
def counted_commits() -> Iterator[list[object]]:
    commits: list[object] = []

    def count(connection: object) -> None:
        commits.append(connection)

    event.listen(Engine, "commit", count)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", count)


@contextmanager
def statements_run() -> Iterator[list[str]]:
    statements: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", remember)


async def test_a_hundred_appends_at_once_share_one_commit(log: EventLog) -> None:
    with counted_commits() as commits:
        await asyncio.gather(*(append(log, proposal(f"game {n}")) for n in range(100)))
        assert len(commits) == 1
        await asyncio.gather(*(append(log, proposal(f"game {n}", 1)) for n in range(100)))
        assert len(commits) == 2


async def test_no_transaction_has_more_appends_than_configured(open_sqlite: OpenSqlite) -> None:
    log = await open_sqlite(max_batch=10)
    with counted_commits() as commits:
        await asyncio.gather(*(append(log, proposal(f"game {n}")) for n in range(100)))
    assert len(commits) == 10


async def test_appends_to_one_game_in_one_transaction_are_decided_in_their_order(
    log: EventLog,
) -> None:
    wanted = [
        proposal("game", 0, 2, timers=[DEADLINE]),
        proposal("game", 0, 1),
        proposal("other"),
        proposal("game", 2, 1, timers=[DEADLINE._replace(kind="countdown")]),
        proposal("game", 2, 1),
    ]
    outcomes = await asyncio.gather(*map(log.append, wanted))
    assert [type(outcome) for outcome in outcomes] == [Commit, Conflict, Commit, Commit, Conflict]
    assert outcomes[1] == Conflict(2)
    assert outcomes[4] == Conflict(3)
    assert await read(log, "game") == records(1, 3, "game")
    assert await log.due(10_000) == [("game", DEADLINE._replace(kind="countdown"))]


async def test_the_last_of_several_appends_in_one_transaction_sets_the_timers(
    log: EventLog,
) -> None:
    wanted = [
        proposal("game", 0, 1, timers=[DEADLINE]),
        proposal("game", 1, 1),
        proposal("other", 0, 1),
        proposal("other", 1, 1, timers=[DEADLINE]),
    ]
    assert await asyncio.gather(*map(log.append, wanted)) == list(map(Commit, wanted))
    assert await log.due(10_000) == [("other", DEADLINE)]


async def test_a_conflict_in_a_batch_leaves_no_trace_and_no_gap(log: EventLog) -> None:
    await append(log, proposal("stale", 0, 2, timers=[DEADLINE]))
    await append(log, proposal("taken", code="K7QF-3M"))
    before = await log.due(10_000)
    wanted = [
        proposal("one", 0, 2),
        proposal("stale", 1, 3, name="Other"),
        proposal("new", 0, 1, code="K7QF-3M"),
        proposal("absent", 4),
        proposal("two", 0, 2, code="AAAA-AA"),
    ]
    outcomes = await asyncio.gather(*map(log.append, wanted))
    assert outcomes[1:4] == [Conflict(2), Conflict(0), Conflict(0)]
    assert outcomes[0] == Commit(wanted[0])
    assert outcomes[4] == Commit(wanted[4])
    assert [row.game_id for row in await log.games()] == ["one", "stale", "taken", "two"]
    assert await log.due(10_000) == before
    assert await read(log, "stale") == records(1, 2, "stale")
    assert [found.game_id for found in await scan(log)][3:] == ["one", "one", "two", "two"]


async def test_what_cannot_be_stored_fails_alone_and_tells_no_card(log: EventLog) -> None:
    card = b"canary-card"
    unstorable: Any = object()
    broken = replace(
        proposal("broken"), records=[Record(1, b"event", card), Record(2, b"event", unstorable)]
    )
    too_large = replace(proposal("large"), timers=[DEADLINE._replace(due_ms=1 << 70)])
    not_text = proposal("surrogate", name="\ud800")
    wanted = [proposal("one"), broken, too_large, not_text, proposal("two")]
    outcomes = await asyncio.gather(*map(log.append, wanted), return_exceptions=True)
    assert outcomes[0] == Commit(wanted[0])
    assert outcomes[4] == Commit(wanted[4])
    for outcome in outcomes[1:4]:
        assert isinstance(outcome, LogError)
        assert not isinstance(outcome, LogUnavailable)
        text = "".join(traceback.format_exception(outcome))
        assert "canary" not in text
        assert "INSERT" not in str(outcome)
    assert [row.game_id for row in await log.games()] == ["one", "two"]


async def test_a_head_that_cannot_be_read_fails_its_own_game_only(
    log: EventLog, outside: sqlite3.Connection
) -> None:
    await append(log, proposal("broken"))
    outside.execute("UPDATE games SET head = 'x' WHERE game_id = 'broken'")
    wanted = [proposal("one"), proposal("broken", 1), proposal("two")]
    outcomes = await asyncio.gather(*map(log.append, wanted), return_exceptions=True)
    assert isinstance(outcomes[1], LogError)
    assert outcomes[::2] == [Commit(wanted[0]), Commit(wanted[2])]


async def test_an_append_that_changes_no_timer_leaves_the_timers_alone(log: EventLog) -> None:
    await append(log, proposal("game", timers=[DEADLINE]))
    with statements_run() as statements:
        for head in range(1, 6):
            await append(log, proposal("game", head, timers=[DEADLINE]))
        assert not [text for text in statements if "timers" in text]
        await append(log, proposal("game", 6))
        assert [text for text in statements if text.startswith("DELETE FROM timers")]


async def test_another_writer_is_noticed(open_sqlite: OpenSqlite) -> None:
    one, two = await open_sqlite(), await open_sqlite()
    await append(one, proposal("game", timers=[DEADLINE]))
    await append(two, proposal("game", 1))
    await refuse(one, proposal("game", 1), head=2)
    # What `one` remembers of the timers is of another version.
    await append(one, proposal("game", 2, timers=[DEADLINE]))
    assert await two.due(10_000) == [("game", DEADLINE)]
    assert one.epoch == two.epoch


async def test_positions_are_never_given_twice(log: EventLog, outside: sqlite3.Connection) -> None:
    await append(log, proposal("kept"))
    await append(log, proposal("purged", 0, 2))
    cursor = (await scan(log))[-1].cursor
    outside.execute("DELETE FROM events WHERE game_id = 'purged'")
    await append(log, proposal("kept", 1))
    assert [found.event for found in await scan(log, cursor)] == [b"event 2 kept"]


async def test_the_loop_goes_on_while_an_append_waits_for_the_disk(
    log: EventLog, outside: sqlite3.Connection
) -> None:
    await append(log, proposal("read", 0, 3_000))
    outside.execute("BEGIN IMMEDIATE")
    appending = asyncio.create_task(log.append(proposal("game")))
    # Reading neither waits for the writer nor keeps the loop to itself.
    for _ in range(3):
        assert len(await read(log, "read")) == 3_000
    assert not appending.done()
    outside.execute("ROLLBACK")
    async with asyncio.timeout(30):
        assert await appending == Commit(proposal("game"))


async def test_appends_go_on_while_a_reader_is_between_pages(log: EventLog) -> None:
    await append(log, proposal("game", 0, 2_500))
    pages = log.read("game")
    await anext(pages)
    with counted_commits() as commits:
        for head in range(10):
            await append(log, proposal("other", head))
    assert len(commits) == 10
    assert [len(page) async for page in pages] == [1_000, 500]


async def test_a_page_and_the_head_it_must_reach_are_of_one_moment(
    log: EventLog, path: Path
) -> None:
    await append(log, proposal("game"))
    later: list[str] = []

    def append_behind_the_page(_connection: object, _cursor: object, sql: str, *_: Any) -> None:
        if not sql.startswith("SELECT events.version") or later:
            return
        later.append(sql)
        with closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE games SET head = 2")
            other.execute(
                "INSERT INTO events (game_id, version, event, sealed) VALUES ('game', 2, x'', x'')"
            )
            other.commit()

    event.listen(Engine, "after_cursor_execute", append_behind_the_page)
    try:
        assert await read(log, "game") == records(1, 1, "game")
    finally:
        event.remove(Engine, "after_cursor_execute", append_behind_the_page)
    assert later
    assert await log.head("game") == 2


async def test_too_many_readers_are_refused(open_sqlite: OpenSqlite) -> None:
    log = await open_sqlite(max_waiting=5)
    outcomes = await asyncio.gather(*(log.head("game") for _ in range(8)), return_exceptions=True)
    assert outcomes[:5] == [0] * 5
    assert all(isinstance(outcome, LogUnavailable) for outcome in outcomes[5:])
    assert await log.head("game") == 0


@pytest.mark.parametrize("rows", [1, 2])
async def test_a_new_game_whose_id_and_code_are_taken_conflicts_with_its_head(
    log: EventLog, rows: int
) -> None:
    await append(log, proposal("game", 0, rows, code="K7QF-3M"))
    await refuse(log, proposal("game", 0, 1, code="K7QF-3M"), head=rows)
