"""A log in a file, and ways to look at it and to disturb it from outside."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest

from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.settings import DatabaseSettings


class OpenSqlite(Protocol):
    """Opens the log in a file; closed at the end of the test."""

    async def __call__(
        self,
        *,
        busy_timeout_ms: int = ...,
        max_batch: int = ...,
        max_waiting: int = ...,
        sweep_max_mb: int = ...,
    ) -> EventLog: ...


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "log.db"


@pytest.fixture
async def open_sqlite(path: Path) -> AsyncIterator[OpenSqlite]:
    async with AsyncExitStack() as opened:

        async def open_sqlite(
            *,
            busy_timeout_ms: int = 5_000,
            max_batch: int = 256,
            max_waiting: int = 10_000,
            sweep_max_mb: int = 256,
        ) -> EventLog:
            url = f"sqlite:///{path}"
            settings = DatabaseSettings(url, busy_timeout_ms, max_batch, max_waiting, sweep_max_mb)
            log = await open_log(settings)
            opened.push_async_callback(log.close)
            return log

        yield open_sqlite


@pytest.fixture
async def log(open_sqlite: OpenSqlite) -> EventLog:
    return await open_sqlite()


@pytest.fixture
def outside(log: EventLog, path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that has the same database open."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
        yield connection
