"""Keeps every event of every game in a database of its own, each once, however often it is killed.

python archive.py HOST:PORT FILE
"""

import asyncio
import sqlite3
import sys
from contextlib import closing

from planning_poker_client import CaughtUp, PokerClient

TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS events (game_id TEXT, version INTEGER, name TEXT, event BLOB);
CREATE TABLE IF NOT EXISTS place (only INTEGER PRIMARY KEY CHECK (only = 1), cursor TEXT);
"""


async def archive(address: str, file: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(TABLES)
        stored = database.execute("SELECT cursor FROM place").fetchone()
        cursor = stored[0] if stored else ""
        async with (
            PokerClient(address, connect=False) as client,
            client.watch(cursor=cursor) as watch,
        ):
            async for item in watch:
                if isinstance(item, CaughtUp):
                    continue
                event = (
                    item.game_id,
                    item.version,
                    item.name,
                    item.change.event.SerializeToString(),
                )
                with database:  # one transaction: both, or neither
                    database.execute("INSERT INTO events VALUES (?, ?, ?, ?)", event)
                    database.execute("REPLACE INTO place VALUES (1, ?)", (item.cursor,))
                print(item.game_id, item.version, item.name, flush=True)


if __name__ == "__main__":
    asyncio.run(archive(*sys.argv[1:]))
