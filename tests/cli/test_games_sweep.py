"""`games sweep`: what purges had to leave in a large database goes while its server is away."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from planning_poker_server.cli import main
from planning_poker_server.eventlog.claim import Claim
from planning_poker_server.eventlog.open import open_log
from tests.server.eventlog.test_sqlite_purging import LEAVE_COPIES, played_and_purged, traces
from tests.server.transfer.played import database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with traces of purged games."""
    path = tmp_path / "games.db"

    async def fill() -> None:
        log = await open_log(replace(database(path), sweep_max_mb=0))
        await played_and_purged(log, path, LEAVE_COPIES[0])
        await log.close()

    asyncio.run(fill())
    assert traces(path)
    return path


def sweep(path: Path) -> int:
    return main(["games", "sweep", "--database", f"sqlite:///{path}"])


def test_traces_are_gone_however_large_the_database_is(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNING_POKER_DATABASE__SWEEP_MAX_MB", "0")
    assert sweep(path) == 0
    assert "No trace of purged games is left" in capsys.readouterr().out
    assert traces(path) == {}
    assert sweep(path) == 0, "as often as one likes"


def test_a_server_that_has_the_database_keeps_it(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = Claim.on(f"sqlite:///{path}")
    assert sweep(path) == 1
    claim.release()
    assert "another server uses it" in capsys.readouterr().err
    assert traces(path)


def test_a_database_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path / "none.db") == 1
    assert "there is no such file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
