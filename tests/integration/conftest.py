import logging
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from loguru import logger

from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings
from tests.integration.harness import Host, Lines
from tests.integration.wiretap import wiretap as wiretap


@pytest.fixture
def lines() -> Iterator[Lines]:
    """All that the process logs, down to the finest level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    sink = Lines()
    configure_logging(LoggingSettings(level="TRACE", format="json"), sink)
    yield sink
    logger.remove()
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level


@pytest.fixture
def only_warnings() -> Iterator[None]:
    """For much traffic: writing a line about each command costs more than the command."""
    logger.remove()
    warnings = logger.add(sys.stderr, level="WARNING")
    yield
    logger.remove(warnings)


@pytest_asyncio.fixture
async def host(
    tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Host]:
    """A machine for servers. Afterwards nothing may have gone wrong unnoticed."""
    machine = Host(tmp_path, lines, monkeypatch)
    yield machine
    await machine.close()
    assert lines.unexpected() == []
