"""A table of players, whoever serves them: rounds at an even pace, whatever is answered."""

import asyncio
import random
import time
import uuid
from abc import ABC, abstractmethod

from benchmarks.load.counts import Counts
from benchmarks.load.player import Player
from benchmarks.load.stream import StreamEnded

_KEPT_DUE = 64
_JITTER = 0.3


class Table(ABC):
    """One game. A round is its start and a vote of each player; the last one reveals."""

    def __init__(self, counts: Counts) -> None:
        self.players: list[Player] = []
        self.due: dict[str, float] = {}
        """When the votes of late were due, by correlation id."""
        self._counts = counts

    @abstractmethod
    async def open(self, address: str, name: str, players: int) -> None:
        """Connect everyone and have them sit down."""

    @abstractmethod
    def command(self, number: int, player: int, correlation_id: str, /) -> bytes:
        """What `player` sends as step `number` of a round; the first one starts it."""

    def step(self, number: int, player: int, due: float) -> None:
        """Send a step. It was due at `due`, on the clock of time.perf_counter."""
        correlation_id = str(uuid.uuid4())
        self.due[correlation_id] = due
        if len(self.due) > _KEPT_DUE:
            del self.due[next(iter(self.due))]
        self._counts.commands += 1
        self.players[player].stream.send(self.command(number, player, correlation_id))

    async def play(self, lap_s: float, seed: int) -> None:
        """Round after round, each taking `lap_s`; nothing waits for an answer."""
        rng = random.Random(seed)
        pace_s = lap_s / (len(self.players) + 1)
        begin = time.perf_counter() + rng.uniform(0, lap_s)
        while True:
            voters = rng.sample(range(len(self.players)), len(self.players))
            for number, player in enumerate([0, *voters]):
                due = begin + (number + rng.uniform(0, _JITTER)) * pace_s
                await asyncio.sleep(due - time.perf_counter())
                self._counts.late_ms.append((time.perf_counter() - due) * 1e3)
                self.step(number, player, due)
            begin += lap_s

    async def vote(self, per_s: float, seed: int) -> None:
        """Start a round in which all but one player vote again and again, so that it never ends."""
        rng = random.Random(seed)
        self.step(0, 0, time.perf_counter())
        due = time.perf_counter() + 1 / per_s
        while True:
            await asyncio.sleep(due - time.perf_counter())
            self._counts.late_ms.append((time.perf_counter() - due) * 1e3)
            self.step(1, rng.randrange(1, len(self.players)), due)
            due += rng.uniform(0.5, 1.5) / per_s

    def check(self) -> None:
        """Raise StreamEnded if a player is not connected any more."""
        for player in self.players:
            if player.stream.ended is not None:
                raise StreamEnded(player.stream.ended)

    async def close(self) -> None:
        await asyncio.gather(*[player.close() for player in self.players])
