"""What was acknowledged survives `kill -9`."""

import os
import subprocess
import sys
from pathlib import Path

from tests.contract.eventlog.games import append, proposal, read, records
from tests.server.eventlog.conftest import OpenSqlite

ROOT = Path(__file__).parents[3]


def append_until_killed(path: Path, lines: int) -> dict[str, int]:
    """The heads that a process printed, killed while it was appending."""
    heads: dict[str, int] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.server.eventlog.appender", f"sqlite:///{path}", "20"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        printed += process.stdout.readlines()
    for line in printed:
        if line.endswith("\n"):
            game_id, head = line.split()
            heads[game_id] = int(head)
    return heads


async def test_every_acknowledged_append_is_there_after_kill_9(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    acknowledged: dict[str, int] = {}
    for lines in (1, 7, 100, 500):
        heads = append_until_killed(path, lines)
        assert all(heads[game_id] > acknowledged.get(game_id, 0) for game_id in heads)
        acknowledged |= heads
        log = await open_sqlite()
        for game_id, head in acknowledged.items():
            found = await log.head(game_id)
            assert found >= head
            assert found % 2 == 0, "half an append"
            assert await read(log, game_id) == records(1, found, game_id)
            await append(log, proposal(game_id, found, 2))
            acknowledged[game_id] = found + 2
        await log.close()
