"""Opening a log in SQLite: where the file goes, what is refused."""

# ruff: noqa: ASYNC240 -- a test has its loop to itself

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog, LogError, LogUnavailable
from planning_poker_server.settings import DatabaseSettings
from tests.contract.eventlog.games import append, proposal, read, records
from tests.server.eventlog.conftest import OpenSqlite


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(url, busy_timeout_ms=100, max_batch=10, max_waiting=10)


@contextmanager
def every_writer_gets(pragma: str) -> Iterator[None]:
    """As if the operator's system set a pragma behind our back."""

    def weaken(driver: sqlite3.Connection, *_: Any) -> None:
        if not driver.execute("PRAGMA query_only").fetchone()[0]:
            driver.execute(f"PRAGMA {pragma}")

    event.listen(Pool, "checkout", weaken)
    try:
        yield
    finally:
        event.remove(Pool, "checkout", weaken)


async def test_what_was_appended_is_there_after_opening_again(open_sqlite: OpenSqlite) -> None:
    first = await open_sqlite()
    await append(first, proposal("game", 0, 3))
    epoch = first.epoch
    await first.close()
    again = await open_sqlite()
    assert await read(again, "game") == records(1, 3, "game")
    assert again.epoch == epoch


async def test_a_relative_path_is_made_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = await open_log(settings("sqlite:///data/deep/log.db"))
    # The log stays where it was opened.
    monkeypatch.chdir("/")
    await append(log, proposal("game"))
    await log.close()
    assert (tmp_path / "data/deep/log.db").is_file()


async def test_others_can_read_neither_the_files_nor_the_new_folders(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        log = await open_log(settings(f"sqlite:///{tmp_path}/data/deep/log.db"))
        await append(log, proposal("game"))
        files = list((tmp_path / "data/deep").iterdir())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
        await log.close()
    finally:
        os.umask(umask)
    assert modes == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}
    for folder in (tmp_path / "data", tmp_path / "data/deep"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o750


async def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    folder = tmp_path / "50% off? a&b #1"
    log = await open_log(settings(f"sqlite:///{folder}/log ☕.db".replace("?", "%3F")))
    await append(log, proposal("game"))
    await log.close()
    assert len(list(tmp_path.iterdir())) == 1


async def test_the_memory_url_is_a_log_in_memory() -> None:
    log = await open_log(settings("memory:"))
    assert isinstance(log, MemoryLog)
    await log.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "log.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:log.db?uri=true",
        "sqlite:///log.db?mode=memory",
        "sqlite+aiosqlite:///log.db",
        "mysql://user:canary@host/log",
        "postgresql://user:canary@host:port/log",
    ],
)
async def test_a_url_that_is_no_file_of_sqlite_is_refused_without_repeating_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LogError) as raised:
        await open_log(settings(url))
    assert "canary" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("pragma", "told"),
    [
        ("synchronous = NORMAL", "wait for the disk"),
        ("synchronous = OFF", "wait for the disk"),
        ("journal_mode = DELETE", "write-ahead log"),
        ("foreign_keys = OFF", "foreign keys"),
    ],
)
async def test_a_database_that_would_not_keep_what_it_commits_is_refused(
    path: Path, pragma: str, told: str
) -> None:
    with every_writer_gets(pragma), pytest.raises(LogError, match=told):
        await open_log(settings(f"sqlite:///{path}"))


async def test_the_database_is_kept_in_a_write_ahead_log(
    log: EventLog, outside: sqlite3.Connection
) -> None:
    assert outside.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("Dear diary, " * 1_000)
    with pytest.raises(LogError):
        await open_log(settings(f"sqlite:///{path}"))
    assert path.read_text().startswith("Dear diary, ")


async def test_a_path_with_a_file_for_a_folder_is_unavailable(path: Path) -> None:
    path.write_text("")
    with pytest.raises(LogUnavailable) as raised:
        await open_log(settings(f"sqlite:///{path}/log.db"))
    assert str(path) not in str(raised.value)


async def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailable):
        await open_log(settings(f"sqlite:///{tmp_path}"))


async def test_a_database_that_another_holds_is_unavailable(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    await (await open_sqlite()).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable) as raised:
            await open_sqlite(busy_timeout_ms=10)
    assert raised.value.definite
    await open_sqlite(busy_timeout_ms=10)


@contextmanager
def without_privileges() -> Iterator[None]:
    """As an ordinary user: root may write to everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_file_that_may_not_be_written_is_unavailable() -> None:
    # Not in tmp_path: nobody but its owner may look into that.
    with TemporaryDirectory() as folder:
        path = Path(folder, "log.db")
        await (await open_log(settings(f"sqlite:///{path}"))).close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        with without_privileges(), pytest.raises(LogUnavailable) as raised:
            await open_log(settings(f"sqlite:///{path}"))
        Path(folder).chmod(0o700)
    assert raised.value.definite
    assert folder not in str(raised.value)
