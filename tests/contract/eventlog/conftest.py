"""The adapters that the suite is run against."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.settings import DatabaseSettings

OpenLog: TypeAlias = Callable[[], Awaitable[EventLog]]


@pytest.fixture(params=["memory:", "sqlite:///{folder}/log-{number}.db"], ids=["memory", "sqlite"])
async def open_another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenLog]:
    """Opens an empty log of its own at each call; all are closed in the end."""
    async with AsyncExitStack() as opened:
        number = 0

        async def open_another() -> EventLog:
            nonlocal number
            number += 1
            url = request.param.format(folder=tmp_path, number=number)
            settings = DatabaseSettings(url, busy_timeout_ms=5_000, max_batch=50, max_waiting=500)
            log = await open_log(settings)
            opened.push_async_callback(log.close)
            return log

        yield open_another


@pytest.fixture
async def log(open_another: OpenLog) -> EventLog:
    """An empty log."""
    return await open_another()
