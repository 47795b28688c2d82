"""A log that was restored from a backup, and cursors from after it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from planning_poker_server.eventlog.port import EventLog
from tests.contract.eventlog.games import append, proposal, scan
from tests.server.eventlog.conftest import OpenSqlite


async def restored(log: EventLog, path: Path, open_sqlite: OpenSqlite) -> tuple[EventLog, str, str]:
    """The log as its backup was, and cursors from before the backup and from after it."""
    copy = path.with_name("backup.db")
    await append(log, proposal("game", 0, 3))
    before = await log.end()
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    await append(log, proposal("lost", 0, 2))
    after = await log.end()
    await log.close()
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return await open_sqlite(), before, after


async def test_a_cursor_of_what_was_lost_is_refused_however_far_the_log_has_grown(
    log: EventLog, path: Path, open_sqlite: OpenSqlite
) -> None:
    again, before, after = await restored(log, path, open_sqlite)
    with pytest.raises(ValueError, match="ahead"):
        await scan(again, after)
    await append(again, proposal("new", 0, 5))
    with pytest.raises(ValueError, match="restored"):
        await scan(again, after)
    assert [fed.version for fed in await scan(again, before)] == [1, 2, 3, 4, 5]


async def test_a_cursor_of_before_the_backup_goes_on_where_its_event_was_purged(
    log: EventLog, path: Path, open_sqlite: OpenSqlite
) -> None:
    again, before, _ = await restored(log, path, open_sqlite)
    assert await again.purge("game", 5_000)
    await append(again, proposal("new"))
    assert [fed.game_id for fed in await scan(again, before)] == ["new"]
