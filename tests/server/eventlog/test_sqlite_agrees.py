"""Whatever is appended, SQLite and memory decide and keep the same."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import EventLog, Proposal
from tests.contract.eventlog.games import proposal, read, scan
from tests.server.eventlog.conftest import OpenSqlite

GAMES = ("a", "b", "c", "d")
CODES = ("", "", "K7QF-3M", "AAAA-AA")
TIMERS = (
    Timer("deadline", "r1", 1, 9_000),
    Timer("countdown", "r1", 2, 5_000),
    Timer("lifetime", "", 1, 7_000),
)


def batch(dice: random.Random, heads: dict[str, int]) -> list[Proposal]:
    """Proposals as several nodes could make them at once: most of them up to date."""
    wanted = []
    for number in range(dice.randint(1, 6)):
        game_id = dice.choice(GAMES)
        head = max(0, heads[game_id] + dice.choice((0, 0, 0, 0, 1, -1)))
        wanted.append(
            proposal(
                game_id,
                head,
                dice.randint(1, 3),
                timers=[timer for timer in TIMERS if dice.random() < 0.4],
                code=dice.choice(CODES),
                name=f"Sprint {number}",
                phase=dice.randint(1, 4),
                update_ms=dice.randint(0, 10_000),
            )
        )
    return wanted


async def contents(log: EventLog) -> Sequence[object]:
    """All that can be read, but for the epoch."""
    return [
        await log.games(),
        await log.due(10_000),
        [await read(log, game_id) for game_id in GAMES],
        [await log.resolve(code) for code in CODES],
        [found._replace(cursor="") for found in await scan(log)],
    ]


@pytest.mark.parametrize("seed", range(12))
async def test_two_adapters_decide_and_keep_the_same(open_sqlite: OpenSqlite, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    logs: list[EventLog] = [MemoryLog(), await open_sqlite(max_batch=4)]
    heads = dict.fromkeys(GAMES, 0)
    for _ in range(25):
        wanted = batch(dice, heads)
        one, two = [await asyncio.gather(*map(log.append, wanted)) for log in logs]
        assert one == two
        unchanged = [proposal(game_id, dice.randint(0, 9), 0) for game_id in GAMES]
        one, two = [await asyncio.gather(*map(log.append, unchanged)) for log in logs]
        assert one == two
        heads = {game_id: await logs[0].head(game_id) for game_id in GAMES}
    assert max(heads.values()) > 5
    assert await contents(logs[0]) == await contents(logs[1])
