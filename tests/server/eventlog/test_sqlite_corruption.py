"""Damaged records: their game is corrupt, and no other notices."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from planning_poker_server.eventlog.port import (
    EventLog,
    GameCorrupt,
    LogUnavailable,
    Proposal,
    Record,
)
from tests.contract.eventlog.games import append, proposal, read, records, scan
from tests.server.eventlog.conftest import OpenSqlite

Damage: TypeAlias = Callable[[sqlite3.Connection], object]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events WHERE game_id = 'broken' AND version = 3",
        "DELETE FROM events WHERE game_id = 'broken' AND version = 1",
        "DELETE FROM events WHERE game_id = 'broken' AND version = 5",
        "DELETE FROM events WHERE game_id = 'broken'",
        "UPDATE games SET head = 4 WHERE game_id = 'broken'",
        "UPDATE games SET head = 'five' WHERE game_id = 'broken'",
        "UPDATE events SET version = 9 WHERE game_id = 'broken' AND version = 5",
        "UPDATE events SET version = 'x' WHERE game_id = 'broken' AND version = 2",
        "UPDATE events SET event = 'text' WHERE game_id = 'broken' AND version = 2",
        "UPDATE events SET sealed = 7 WHERE game_id = 'broken' AND version = 2",
        "DELETE FROM games WHERE game_id = 'broken'",
    ],
)
async def test_a_game_whose_records_do_not_fit_is_corrupt_and_no_other(
    log: EventLog, outside: sqlite3.Connection, statement: str
) -> None:
    await append(log, proposal("whole", 0, 5))
    await append(log, proposal("broken", 0, 5))
    outside.execute(statement)
    with pytest.raises(GameCorrupt):
        await read(log, "broken")
    assert await read(log, "whole") == records(1, 5, "whole")
    await append(log, proposal("whole", 5))
    await append(log, proposal("new"))


async def test_a_hole_is_found_on_any_page(log: EventLog, outside: sqlite3.Connection) -> None:
    await append(log, proposal("game", 0, 3_500))
    outside.execute("DELETE FROM events WHERE version = 2001")
    pages = log.read("game")
    assert [len(await anext(pages)) for _ in range(2)] == [1_000, 1_000]
    with pytest.raises(GameCorrupt):
        await anext(pages)
    with pytest.raises(GameCorrupt):
        await read(log, "game", 2_000)
    assert await read(log, "game", 2_001) == records(2_002, 1_499, "game")


async def test_a_record_of_the_wrong_type_stops_the_feed_where_it_is(
    log: EventLog, outside: sqlite3.Connection
) -> None:
    await append(log, proposal("whole", 0, 5))
    await append(log, proposal("broken", 0, 5))
    end = (await scan(log))[4].cursor
    outside.execute("UPDATE events SET event = 'text' WHERE game_id = 'broken' AND version = 1")
    with pytest.raises(GameCorrupt, match="Record 1 of broken"):
        await scan(log, end)


def large(game_id: str) -> Proposal:
    """Records too large for a page of the database: the rest is in a chain of others."""
    wanted = proposal(game_id)
    body = game_id.encode() * 4_000
    return Proposal(game_id, 0, [Record(1, body, b"")], wanted.timers, wanted.summary)


def cut_chain(path: Path, mark: bytes) -> None:
    """Let the first overflow page with these bytes lead to a page that does not exist."""
    image = bytearray(path.read_bytes())
    size = int.from_bytes(image[16:18], "big")
    for start in range(size, len(image), size):
        page = image[start : start + size]
        if mark * 10 in page and page[:2] == b"\0\0":
            image[start : start + 4] = b"\x7f\xff\xff\xff"
            path.write_bytes(image)
            return
    raise AssertionError("no such page")


async def test_a_damaged_page_of_the_file_is_the_damage_of_its_game(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    log = await open_sqlite()
    for game_id in ("healthy", "damaged", "sturdy!"):
        await append(log, large(game_id))
    await log.close()
    cut_chain(path, b"damaged")
    again = await open_sqlite()
    with pytest.raises(GameCorrupt) as raised:
        await read(again, "damaged")
    assert "malformed" not in str(raised.value)
    assert str(path) not in str(raised.value)
    for game_id in ("healthy", "sturdy!"):
        assert await read(again, game_id) == large(game_id).records
        await append(again, proposal(game_id, 1))
    with pytest.raises(LogUnavailable):
        await scan(again)


async def test_a_database_whose_tables_are_gone_is_unavailable(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    log = await open_sqlite()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE timers")
        other.execute("DROP TABLE events")
    for ask in (log.append(proposal("game")), read(log, "game"), log.due(1)):
        with pytest.raises(LogUnavailable) as raised:
            await ask
        assert raised.value.definite
        assert "table" not in str(raised.value)
