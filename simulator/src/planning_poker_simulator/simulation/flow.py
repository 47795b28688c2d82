"""One direction of a connection: messages arrive late, in order, or not at all."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from planning_poker_simulator.simulation.processes import NOWHERE

M = TypeVar("M")


class FlowEnded(Exception):
    """Nothing more comes, or is taken."""


class Flow(Generic[M]):
    """What is put in at one end can be got at the other; both wait, as flow control has it."""

    def __init__(self, delay: Callable[[], float], capacity: int) -> None:
        """`delay` gives the seconds that the next message takes; `capacity` is in messages."""
        self._delay = delay
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._travelling: deque[tuple[float, M]] = deque()
        self._arrived: deque[M] = deque()
        self._last_arrival = 0.0
        self._wake: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._holds = 0
        self._lost = False
        self._ended = False
        self._closes_at: float | None = None

    @property
    def waiting(self) -> int:
        """Messages that were put in and not got."""
        return len(self._travelling) + len(self._arrived)

    async def put(self, message: M) -> None:
        """Send; waits while too much is on its way. What nobody will get is lost silently."""
        while self.waiting >= self._capacity and not self._ended:
            self._room = self._loop.create_future()
            await self._room
        self.send(message)

    def send(self, message: M) -> None:
        """Send without waiting, whatever is on its way."""
        if self._lost or self._ended:
            return
        arrives = max(self._last_arrival, self._loop.time() + self._delay())
        self._last_arrival = arrives
        self._travelling.append((arrives, message))
        self._loop.call_at(arrives, self._look, context=NOWHERE)

    async def get(self) -> M:
        """The next message; raises FlowEnded behind the last one."""
        while not self._arrived:
            if self._ended:
                raise FlowEnded
            self._wake = self._loop.create_future()
            await self._wake
        message = self._arrived.popleft()
        self._done(self._room)
        return message

    def hold(self) -> None:
        """Nothing arrives until a `release` for each hold, and nobody is told."""
        self._holds += 1

    def release(self) -> None:
        """What was held arrives, unless it is held for another reason, too."""
        self._holds = max(0, self._holds - 1)
        self._look()

    def release_all(self) -> None:
        """What was held arrives."""
        self._holds = 0
        self._look()

    def lose(self) -> None:
        """What has not arrived never does."""
        self._lost = True
        self._travelling.clear()
        self._done(self._room)

    def close(self) -> None:
        """Nothing more is put in: the end comes behind what is on its way."""
        self._closes_at = max(self._last_arrival, self._loop.time() + self._delay())
        self._loop.call_at(self._closes_at, self._look, context=NOWHERE)

    def cut(self) -> None:
        """It is over now: what has not arrived is lost."""
        self.lose()
        self._ended = True
        self._done(self._wake)

    def _look(self) -> None:
        now = self._loop.time()
        if self._holds or self._ended:
            return
        while self._travelling and self._travelling[0][0] <= now:
            self._arrived.append(self._travelling.popleft()[1])
        if self._closes_at is not None and self._closes_at <= now and not self._travelling:
            self._ended = True
        if self._arrived or self._ended:
            self._done(self._wake)

    @staticmethod
    def _done(waits: asyncio.Future[None] | None) -> None:
        if waits is not None and not waits.done():
            waits.set_result(None)
