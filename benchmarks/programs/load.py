"""The load of many games at our server or at the bare peer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.load.bare import BareTable
from benchmarks.load.counts import Counts
from benchmarks.load.lap import Step
from benchmarks.load.poker import PokerTable
from benchmarks.load.table import Table
from benchmarks.programs.answering import answer, run

# Tables that are opened at the same time.
_AT_ONCE = 10


class Games:
    """All tables of the load, and what they have counted."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._tables: list[Table] = []
        self._playing: list[asyncio.Task[None]] = []

    async def record(self, address: str, players: int) -> Mapping[str, Any]:
        """Play one round at our server; what each of its steps brings about."""
        table = PokerTable(self._counts)
        await table.open(address, "Rehearsal", players)
        steps = await table.record()
        await table.close()
        return {"lap": [step.to_json() for step in steps]}

    async def open(
        self, address: str, games: int, players: int, lap: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, Any]:
        """Open more tables: at our server, or at the peer that plays a recorded round."""
        steps = [Step.from_json(step) for step in lap]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def open_one(number: int) -> Table:
            table = BareTable(self._counts, steps) if steps else PokerTable(self._counts)
            async with gate:
                await table.open(address, f"Game {number + 1}", players)
            return table

        first = len(self._tables)
        self._tables += await asyncio.gather(*map(open_one, range(first, first + games)))
        return {}

    async def play(self, lap_s: float, seed: int) -> Mapping[str, Any]:
        """Begin to play at all tables, each in its own time."""
        create_task = asyncio.get_running_loop().create_task
        self._playing = [
            create_task(table.play(lap_s, seed + number))
            for number, table in enumerate(self._tables)
        ]
        return {}

    async def vote(self, per_s: float, seed: int) -> Mapping[str, Any]:
        """Begin to vote at all tables, at this rate at each."""
        create_task = asyncio.get_running_loop().create_task
        self._playing = [create_task(table.vote(per_s, seed)) for table in self._tables]
        return {}

    async def measure(self, seconds: float) -> Mapping[str, Any]:
        """What is seen from now on."""
        self._counts.begin()
        await asyncio.sleep(seconds)
        found = self._counts.report()
        for table in self._tables:
            table.check()
        return found

    async def close(self) -> None:
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        await asyncio.gather(*[table.close() for table in self._tables])


async def main() -> None:
    games = Games()
    try:
        await answer(
            {
                "record": games.record,
                "open": games.open,
                "play": games.play,
                "vote": games.vote,
                "measure": games.measure,
            }
        )
    finally:
        await games.close()


if __name__ == "__main__":
    run(main)
