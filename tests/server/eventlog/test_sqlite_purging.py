"""What is purged is in no file of the database any more, however it came there."""

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog, LogUnavailable, Proposal, Record
from planning_poker_server.settings import DatabaseSettings
from tests.contract.eventlog.games import append, proposal, read
from tests.server.eventlog.conftest import OpenSqlite

CANARY = b"canary-7f3a"
LEAVE_COPIES = [7, 17, 20]
"""Seeds with which SQLite leaves copies of purged rows in the free space of pages."""


def marked(game_id: str, head: int, sizes: list[int], name: str) -> Proposal:
    """Records of these sizes, all full of the canary."""
    wanted = proposal(game_id, head, len(sizes), name=name, labels=((name, name),))
    content = [
        Record(record.version, CANARY * size, (CANARY + game_id.encode()) * size)
        for record, size in zip(wanted.records, sizes, strict=True)
    ]
    timers = [Timer(name, "r1", 1, 9_000)] if head % 2 else []
    return replace(wanted, records=content, timers=timers)


def traces(path: Path) -> dict[str, int]:
    """How often the canary is in each file of the database."""
    files = path.parent.glob(f"{path.name}*")
    counts = {file.name: file.read_bytes().count(CANARY) for file in files}
    return {name: count for name, count in counts.items() if count}


async def played_and_purged(log: EventLog, path: Path, seed: int) -> dict[str, int]:
    """Games that grow beside one another, of which the marked ones go; heads of the others."""
    chance = random.Random(seed)  # noqa: S311
    heads = dict.fromkeys([f"marked {n}" for n in range(5)] + [f"other {n}" for n in range(5)], 0)
    for _ in range(300):
        game_id = chance.choice(list(heads))
        # From rows that share a page to rows that need pages of their own.
        sizes = [chance.choice([0, 1, 5, 40, 400, 2_000]) for _ in range(chance.randint(1, 6))]
        if game_id.startswith("marked"):
            name = CANARY.decode() * chance.randint(1, 30)
            await append(log, marked(game_id, heads[game_id], sizes, name))
        else:
            await append(log, proposal(game_id, heads[game_id], len(sizes)))
        heads[game_id] += len(sizes)
    assert sum(traces(path).values()) > 1_000
    for game_id, head in heads.items():
        if head and game_id.startswith("marked"):
            assert await log.purge(game_id, 5_000)
    return {game_id: head for game_id, head in heads.items() if game_id.startswith("other")}


@pytest.mark.parametrize("seed", [*range(6), *LEAVE_COPIES])
async def test_a_canary_is_nowhere_after_the_purge(
    open_sqlite: OpenSqlite, path: Path, seed: int
) -> None:
    log = await open_sqlite()
    left = await played_and_purged(log, path, seed)
    assert await log.sweep()
    assert traces(path) == {}
    for game_id, head in left.items():
        assert len(await read(log, game_id)) == head
    await log.close()
    assert traces(path) == {}


@pytest.mark.parametrize("seed", LEAVE_COPIES)
async def test_in_a_database_too_large_to_be_rewritten_traces_stay_and_it_says_so(
    open_sqlite: OpenSqlite, path: Path, seed: int
) -> None:
    log = await open_sqlite(sweep_max_mb=0)
    left = await played_and_purged(log, path, seed)
    assert not await log.sweep()
    assert traces(path).keys() == {path.name}, "the write-ahead log is emptied in any case"
    assert not await log.sweep(), "as long as they stay"
    await log.close()
    log = await open_sqlite()
    assert traces(path) == {}, "whoever opens it and may rewrite it does"
    assert {row.game_id: row.head for row in await log.games()} == left


async def test_nothing_is_rewritten_where_nothing_was_purged(
    log: EventLog, outside: sqlite3.Connection, path: Path
) -> None:
    await append(log, proposal("kept", 0, 300))
    outside.execute("CREATE TABLE other AS SELECT randomblob(90000)")
    outside.execute("DROP TABLE other")  # pages that rewriting would give back
    size = outside.execute("PRAGMA page_count").fetchone()
    assert await log.sweep()
    assert outside.execute("PRAGMA page_count").fetchone() == size
    await append(log, proposal("gone"))
    assert await log.purge("gone", 5_000)
    assert await log.sweep()
    assert outside.execute("PRAGMA page_count").fetchone() < size


async def test_a_purge_says_so_while_a_reader_keeps_the_traces(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    log = await open_sqlite(busy_timeout_ms=20)
    await append(log, marked("gone", 0, [5], "x"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        assert await log.purge("gone", 5_000)
        with pytest.raises(LogUnavailable):
            await log.sweep()
        assert traces(path)
        await append(log, proposal("kept"))
    assert await log.sweep()
    assert traces(path) == {}
    assert await read(log, "kept") == proposal("kept").records


async def test_a_purge_that_was_killed_before_its_end_is_finished_at_the_next_start(
    open_sqlite: OpenSqlite, path: Path, tmp_path: Path
) -> None:
    log = await open_sqlite()
    await played_and_purged(log, path, LEAVE_COPIES[0])
    killed = tmp_path / "killed" / path.name
    killed.parent.mkdir()
    for suffix in ("", "-wal"):  # what a crash leaves
        shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    assert traces(killed)
    settings = DatabaseSettings(f"sqlite:///{killed}", 5_000, max_batch=9, max_waiting=9)
    again = await open_log(settings)
    try:
        assert traces(killed) == {}
    finally:
        await again.close()


async def test_what_is_asked_for_beside_a_sweep_waits_and_succeeds(log: EventLog) -> None:
    await append(log, proposal("gone", 0, 300))
    kept = [proposal(f"kept {number}", 0, 3) for number in range(20)]
    before, during = kept[:10], kept[10:]
    await asyncio.gather(*(append(log, wanted) for wanted in before))
    assert await log.purge("gone", 5_000)
    swept, again, *_ = await asyncio.gather(
        log.sweep(), log.sweep(), *(append(log, wanted) for wanted in during)
    )
    assert swept
    assert again
    for wanted in kept:
        assert await read(log, wanted.game_id) == wanted.records
