"""Where a scenario is played: on a server of its own, or on one that runs already."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from planning_poker_simulator.scenarios.model import Scenario
from planning_poker_simulator.server import PokerServer


class House(Protocol):
    """A server, and its time."""

    address: str
    server: PokerServer | None
    """Ours, to be stopped, killed and put forward; None: somebody else's."""

    def now_ms(self) -> int | None:
        """The server's time; None where it is not ours to know."""

    async def pass_time(self, milliseconds: int) -> None:
        """So much time passes."""


class Embedded:
    """A server in this process, whose clock is put forward."""

    def __init__(self, server: PokerServer) -> None:
        self.server: PokerServer | None = server
        self.address = server.address
        self._clock = server.clock

    def now_ms(self) -> int | None:
        return self._clock.now_ms()

    async def pass_time(self, milliseconds: int) -> None:
        self._clock.advance(seconds=milliseconds / 1_000)
        await asyncio.sleep(0)  # what is due is scheduled, not done


class Elsewhere:
    """A server that runs already: time is the real one."""

    def __init__(self, address: str) -> None:
        self.server: PokerServer | None = None
        self.address = address

    def now_ms(self) -> int | None:
        return None

    async def pass_time(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1_000)


@asynccontextmanager
async def open_house(scenario: Scenario, address: str = "") -> AsyncIterator[House]:
    """A house for one scenario; at `address`, where one is given."""
    if address:
        yield Elsewhere(address)
        return
    with TemporaryDirectory(prefix="poker-sim-") as folder:
        async with PokerServer(Path(folder), scenario.server) as server:
            yield Embedded(server)


class TimeLimit:
    """Until when something that must happen may take."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._until - time.monotonic())
