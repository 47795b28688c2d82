"""Appends to many games until it is killed, and prints what was acknowledged.

Run by test_sqlite_kill.py: appender.py URL GAMES
"""

import asyncio
import sys

from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.settings import DatabaseSettings
from tests.contract.eventlog.games import append, proposal


async def play(log: EventLog, game_id: str) -> None:
    head = await log.head(game_id)
    while True:
        await append(log, proposal(game_id, head, 2))
        head += 2
        sys.stdout.write(f"{game_id} {head}\n")
        sys.stdout.flush()


async def main(url: str, games: int) -> None:
    settings = DatabaseSettings(url, busy_timeout_ms=5_000, max_batch=256, max_waiting=1_000)
    log = await open_log(settings)
    await asyncio.gather(*(play(log, f"game-{number}") for number in range(games)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
