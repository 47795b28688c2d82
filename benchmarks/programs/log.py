"""The event log alone, and raw sqlite3 that stores the same bytes."""

import asyncio
import hashlib
import sqlite3
import time
import uuid
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from benchmarks.load.counts import percentile
from benchmarks.machine import ROOT
from benchmarks.programs.answering import answer, run
from planning_poker_server.config_loader import load_settings
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import Commit, EventLog, Proposal, Record, Summary

_CREATE: Final = """
CREATE TABLE events (
    position INTEGER PRIMARY KEY, game_id TEXT, version INTEGER, event BLOB, sealed BLOB,
    UNIQUE (game_id, version)
)
"""
_INSERT: Final = "INSERT INTO events (game_id, version, event, sealed) VALUES (?, ?, ?, ?)"


def _vote() -> tuple[bytes, bytes]:
    """A vote's two parts as our server stores them."""
    event = pb.GameEvent(
        version=120,
        correlation_id=str(uuid.UUID(int=1)),
        actor_id="p3",
        vote_submitted=pb.VoteSubmitted(round_id="r17", player_id="p3"),
    )
    event.event_time.FromMilliseconds(1_700_000_000_000)
    sealed = storage.Sealed(vote=storage.SealedVote(card="8"), digest=hashlib.sha256().digest())
    return event.SerializeToString(), sealed.SerializeToString()


_PARTS: Final = _vote()


async def ours(folder: str, callers: int, seconds: float) -> Mapping[str, Any]:
    """Callers that each append to a game of their own, one command after another."""
    url = f"sqlite:///{Path(folder) / 'log.db'}"
    environ = {"PLANNING_POKER_DATABASE__URL": url}
    settings = load_settings(ROOT / "config", environ, environment="production")
    log = await open_log(settings.database)
    waited_ms = array("d")
    began, began_cpu = time.perf_counter(), time.process_time()
    try:
        until = began + seconds
        await asyncio.gather(*[_append(log, n, until, waited_ms) for n in range(callers)])
    finally:
        await log.close()
    took = time.perf_counter() - began
    return {
        "per_s": len(waited_ms) / took,
        "cpu": (time.process_time() - began_cpu) / took,
        "p50_ms": percentile(waited_ms, 50),
        "p99_ms": percentile(waited_ms, 99),
    }


async def _append(log: EventLog, caller: int, until: float, waited_ms: "array[float]") -> None:
    game_id, version, now = f"{caller:032x}", 0, 0.0
    summary = Summary("", "Sprint 12", pb.GAME_PHASE_VOTING, 1, 1)
    while now < until:
        asked = time.perf_counter()
        records = (Record(version + 1, *_PARTS),)
        outcome = await log.append(Proposal(game_id, version, records, (), summary))
        assert isinstance(outcome, Commit), outcome
        now, version = time.perf_counter(), version + 1
        waited_ms.append((now - asked) * 1e3)


async def raw(folder: str, games: int, batch: int, seconds: float) -> Mapping[str, Any]:
    """Inserts by sqlite3 itself into as many games: no head to compare, nobody waiting."""
    connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_CREATE)
        began, began_cpu = time.perf_counter(), time.process_time()
        game_ids, stored = [f"{number:032x}" for number in range(games)], 0
        while time.perf_counter() < began + seconds:
            rows = [
                (game_ids[n % games], n // games + 1, *_PARTS)
                for n in range(stored, stored + batch)
            ]
            stored += batch
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows)
            connection.execute("COMMIT")
        took = time.perf_counter() - began
    finally:
        connection.close()
    return {"per_s": stored / took, "cpu": (time.process_time() - began_cpu) / took}


async def main() -> None:
    await answer({"ours": ours, "raw": raw})


if __name__ == "__main__":
    run(main)
