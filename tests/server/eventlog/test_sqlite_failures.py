"""SQLite when it cannot: locked, full, gone. Nothing is half-written, and it comes back."""

# ruff: noqa: ASYNC240 -- a test has its loop to itself

import asyncio
import resource
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from planning_poker_server.eventlog.port import EventLog, LogUnavailable, Proposal, Record
from tests.contract.eventlog.games import append, proposal, read, records, scan
from tests.server.eventlog.conftest import OpenSqlite


async def unavailable(log: EventLog, wanted: Proposal) -> LogUnavailable:
    with pytest.raises(LogUnavailable) as raised:
        await log.append(wanted)
    return raised.value


async def test_a_locked_database_is_unavailable_until_it_is_released(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    log = await open_sqlite(busy_timeout_ms=20)
    await append(log, proposal("game"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        error = await unavailable(log, proposal("game", 1))
        assert error.definite
    assert await read(log, "game") == records(1, 1, "game")
    await append(log, proposal("game", 1, 0))  # confirmed without the lock
    other.close()
    await append(log, proposal("game", 1))
    assert await read(log, "game") == records(1, 2, "game")


async def test_those_behind_a_locked_batch_do_not_wait_for_the_lock_again(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    log = await open_sqlite(busy_timeout_ms=20, max_batch=2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    loop = asyncio.get_running_loop()
    began = loop.time()
    errors = await asyncio.gather(
        *(log.append(proposal(f"game {n}")) for n in range(1_000)), return_exceptions=True
    )
    other.close()
    assert all(isinstance(error, LogUnavailable) and error.definite for error in errors)
    # One time-out each would be ten seconds.
    assert loop.time() - began < 5


class Full:
    """Lets the writer's database grow no further, as a full disk does."""

    def __init__(self) -> None:
        self.writers: list[sqlite3.Connection] = []
        self._pages = 1 << 30

    def connected(self, driver: sqlite3.Connection, *_: Any) -> None:
        if driver.execute("PRAGMA query_only").fetchone()[0]:
            return
        self.writers.append(driver)
        driver.execute(f"PRAGMA max_page_count = {self._pages}")

    def fill(self) -> None:
        (self._pages,) = self.writers[-1].execute("PRAGMA page_count").fetchone()
        self.writers[-1].execute(f"PRAGMA max_page_count = {self._pages}")

    def clear(self) -> None:
        self._pages = 1 << 30


@pytest.fixture
def full() -> Iterator[Full]:
    full = Full()
    event.listen(Pool, "checkout", full.connected)
    try:
        yield full
    finally:
        event.remove(Pool, "checkout", full.connected)


def large(game_id: str, expected_head: int) -> Proposal:
    wanted = proposal(game_id, expected_head, 3)
    grown = [Record(r.version, r.event, b"canary" * 10_000) for r in wanted.records]
    return Proposal(game_id, expected_head, grown, wanted.timers, wanted.summary)


async def test_a_full_disk_is_unavailable_for_certain_until_there_is_room(
    full: Full, open_sqlite: OpenSqlite
) -> None:
    log = await open_sqlite()
    await append(log, proposal("game"))
    full.fill()
    for game_id, head in (("game", 1), ("other", 0)):
        error = await unavailable(log, large(game_id, head))
        assert error.definite
        assert "canary" not in "".join(traceback.format_exception(error))
        assert "INSERT" not in str(error)
    assert await read(log, "game") == records(1, 1, "game")
    assert [row.game_id for row in await log.games()] == ["game"]
    full.clear()
    await append(log, large("game", 1))
    await append(log, large("other", 0))
    assert len(await read(log, "game")) == 4
    assert len(await scan(log)) == 7


async def test_a_full_disk_writes_nothing_of_any_game_in_the_batch(
    full: Full, open_sqlite: OpenSqlite
) -> None:
    log = await open_sqlite()
    await append(log, proposal("first"))
    full.fill()
    wanted = [proposal("small"), large("large", 0), proposal("first", 1)]
    errors = await asyncio.gather(*map(log.append, wanted), return_exceptions=True)
    assert all(isinstance(error, LogUnavailable) and error.definite for error in errors)
    assert [(row.game_id, row.head) for row in await log.games()] == [("first", 1)]
    assert len(await scan(log)) == 1


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Fails the write that COMMIT makes: until then SQLite keeps a small transaction in memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_fails_is_in_doubt_until_another_succeeds(
    log: EventLog, path: Path
) -> None:
    await append(log, proposal("game"))
    await append(log, proposal("other", 0, 2))
    # With no reader left, the writer would empty the write-ahead log as it goes.
    await read(log, "other")
    wal = path.with_name(path.name + "-wal")
    with no_file_grows_beyond(wal.stat().st_size):
        error = await unavailable(log, proposal("game", 1))
        assert not error.definite
        # Whatever is read of this game now, a crash might prove it wrong.
        with pytest.raises(LogUnavailable):
            await read(log, "game")
        with pytest.raises(LogUnavailable):
            await log.append(proposal("game", 1, 0))
        assert await read(log, "other") == records(1, 2, "other")
    head = await log.head("game")
    assert await read(log, "game") == records(1, head, "game")
    await append(log, proposal("game", head))
    assert await read(log, "game") == records(1, head + 1, "game")


async def test_a_failed_commit_is_overwritten_by_the_first_read_after_it(
    log: EventLog, path: Path, outside: sqlite3.Connection
) -> None:
    await append(log, proposal("game"))
    wal = path.with_name(path.name + "-wal")
    with no_file_grows_beyond(wal.stat().st_size):
        await unavailable(log, proposal("game", 1))
    assert outside.execute("SELECT settled FROM log").fetchone() == (1,)
    await read(log, "game")
    assert outside.execute("SELECT settled FROM log").fetchone() == (2,)
    await read(log, "game")
    await append(log, proposal("game", 1))
    assert outside.execute("SELECT settled FROM log").fetchone() == (2,)


async def test_a_probe_fails_for_as_long_as_nothing_can_be_stored(
    log: EventLog, path: Path
) -> None:
    await append(log, proposal("game"))
    await log.probe()
    await read(log, "game")  # a reader that stays keeps the write-ahead log as it is
    wal = path.with_name(path.name + "-wal")
    with no_file_grows_beyond(wal.stat().st_size):
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                await log.probe()
    await log.probe()
    assert await read(log, "game") == records(1, 1, "game")


async def test_a_file_that_was_moved_away_takes_no_more_appends(
    log: EventLog, path: Path, tmp_path: Path
) -> None:
    await append(log, proposal("game"))
    path.rename(tmp_path / "moved.db")
    error = await unavailable(log, proposal("game", 1))
    assert error.definite
    assert not path.exists(), "a new and empty log must not take its place"
    (tmp_path / "moved.db").rename(path)
    await append(log, proposal("game", 1))
    assert await read(log, "game") == records(1, 2, "game")


async def test_a_file_in_the_place_of_ours_is_left_alone(
    log: EventLog, path: Path, tmp_path: Path
) -> None:
    await append(log, proposal("game"))
    path.rename(tmp_path / "moved.db")
    path.write_bytes(b"")
    error = await unavailable(log, proposal("game", 1))
    assert error.definite
    assert path.read_bytes() == b""


async def test_a_connection_that_broke_is_replaced(full: Full, open_sqlite: OpenSqlite) -> None:
    log = await open_sqlite()
    await append(log, proposal("game"))
    full.writers[-1].close()
    assert (await unavailable(log, proposal("game", 1))).definite
    await append(log, proposal("game", 1))
    assert await read(log, "game") == records(1, 2, "game")
