"""How fast a log is: what the benchmarks and the tests measure, against bare sqlite3."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from planning_poker_server.eventlog.port import Commit, EventLog, Proposal, Record, Summary

# As large as a vote in a game of eight.
EVENT = bytes(range(120))
SEALED = bytes(range(60))


def proposal(game_id: str, expected_head: int, count: int = 1) -> Proposal:
    """The next `count` records of a game."""
    versions = range(expected_head + 1, expected_head + 1 + count)
    return Proposal(
        game_id=game_id,
        expected_head=expected_head,
        records=[Record(version, EVENT, SEALED) for version in versions],
        timers=(),
        summary=Summary("", "Sprint 12", 2, 0, expected_head),
    )


async def appends_per_second(
    log: EventLog, *, callers: int, rounds: int, run: str
) -> tuple[float, list[float]]:
    """Durable appends a second of `callers` that each wait for their own, and all latencies.

    Each caller has a game of its own; `run` tells its games from those of
    earlier measurements in the same log.
    """
    latencies: list[float] = []

    async def one(caller: int) -> None:
        game_id = f"{run}-{caller:026x}"
        for head in range(1, rounds + 1):
            began = time.perf_counter()
            outcome = await log.append(proposal(game_id, head))
            latencies.append(time.perf_counter() - began)
            if not isinstance(outcome, Commit):
                raise TypeError("nobody else writes to these games")

    for caller in range(callers):
        await log.append(proposal(f"{run}-{caller:026x}", 0))
    began = time.perf_counter()
    await asyncio.gather(*map(one, range(callers)))
    return callers * rounds / (time.perf_counter() - began), latencies


def bare_rows_per_second(path: Path, *, batch: int, rounds: int) -> float:
    """Rows a second of bare sqlite3: executemany in batches, each committed to the disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE events (position INTEGER PRIMARY KEY AUTOINCREMENT, game_id TEXT,"
            " version INTEGER, event BLOB, sealed BLOB, UNIQUE (game_id, version))"
        )
        statement = "INSERT INTO events (game_id, version, event, sealed) VALUES (?, ?, ?, ?)"
        ids = [f"bare-{number:026x}" for number in range(batch)]
        began = time.perf_counter()
        for version in range(rounds):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, [(name, version, EVENT, SEALED) for name in ids])
            connection.execute("COMMIT")
        return batch * rounds / (time.perf_counter() - began)


async def fill(log: EventLog, game_id: str, count: int, batch: int = 1_000) -> None:
    """Bring a new game to version `count`."""
    for head in range(0, count, batch):
        await log.append(proposal(game_id, head, min(batch, count - head)))


async def reads_per_second(log: EventLog, game_id: str) -> tuple[float, int]:
    """Records of one game read a second, and how many there were."""
    count = 0
    began = time.perf_counter()
    async for page in log.read(game_id):
        count += len(page)
    return count / (time.perf_counter() - began), count


async def scans_per_second(log: EventLog) -> tuple[float, int]:
    """Records of the whole feed read a second, and how many there were."""
    count = 0
    began = time.perf_counter()
    async for page in log.scan():
        count += len(page)
    return count / (time.perf_counter() - began), count
