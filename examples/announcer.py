"""Tells a chat of each reveal, by a web hook: python announcer.py HOST:PORT FILE URL

What is to be said is stored together with the cursor, and sent from there. However often it is
killed, each reveal is said; one may be said twice, under the same key.
"""

import asyncio
import http.client
import json
import sqlite3
import sys
import urllib.request
from contextlib import closing

import planningpoker.v1 as pb
from planning_poker_client import PokerClient, Watched

TABLES = """
CREATE TABLE IF NOT EXISTS outbox (key TEXT PRIMARY KEY, text TEXT, sent INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS place (only INTEGER PRIMARY KEY CHECK (only = 1), cursor TEXT);
"""


def said(revealed: pb.VotesRevealed) -> str:
    """A reveal in a line."""
    votes = ", ".join(f"{vote.display_name} {vote.card}" for vote in revealed.round.votes)
    found = revealed.round.statistics
    end = f"all agree on {found.consensus_card}" if found.consensus_card else votes
    return f"{revealed.story.title or 'A vote'}: {end}"


async def collect(client: PokerClient, database: sqlite3.Connection, news: asyncio.Event) -> None:
    """Store what is to be said, and how far that is."""
    stored = database.execute("SELECT cursor FROM place").fetchone()
    cursor = stored[0] if stored else ""
    async with client.watch(cursor=cursor, event_types="votes_revealed") as watch:
        async for item in watch:
            with database:  # one transaction: both, or neither
                if isinstance(item, Watched) and isinstance(item.body, pb.VotesRevealed):
                    row = f"{item.game_id}/{item.version}", said(item.body)
                    database.execute("INSERT INTO outbox (key, text) VALUES (?, ?)", row)
                database.execute("REPLACE INTO place VALUES (1, ?)", (item.cursor,))
            news.set()


async def send(url: str, database: sqlite3.Connection, news: asyncio.Event) -> None:
    """Say what was not said yet, in order; after a failure, again a little later."""
    while True:
        news.clear()
        waiting = database.execute("SELECT key, text FROM outbox WHERE NOT sent ORDER BY rowid")
        for key, text in waiting.fetchall():
            while not await asyncio.to_thread(post, url, key, text):
                await asyncio.sleep(1)
            with database:
                database.execute("UPDATE outbox SET sent = 1 WHERE key = ?", (key,))
        await news.wait()


def post(url: str, key: str, text: str) -> bool:
    """Whether the web hook took it; it may know by the key that it has it already."""
    body = json.dumps({"text": text}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10):
            return True
    except (OSError, http.client.HTTPException) as error:
        print(f"{url}: {error}", file=sys.stderr, flush=True)
        return False


async def announce(address: str, file: str, url: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(TABLES)
        news = asyncio.Event()
        async with PokerClient(address, connect=False) as client, asyncio.TaskGroup() as group:
            group.create_task(collect(client, database, news))
            group.create_task(send(url, database, news))


if __name__ == "__main__":
    asyncio.run(announce(*sys.argv[1:]))
