"""One direction of a connection: bytes that are read, wait, and are written."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from planning_poker_simulator.faults import Faults
from planning_poker_simulator.sockets import CHUNK, reset

_BUFFER: Final = 256 * 1024
"""Read and not written yet, at most."""
_SLICES_PER_SECOND: Final = 20
"""In how many pieces a throttled line passes what it passes in a second."""


class Pipe:
    """Passes bytes from a reader to a writer as its faults let it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        faults: Faults,
        random: Random,
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        """`heard` is told of all that is read, when it is read."""
        self.faults = faults
        self.passed = 0
        """Bytes written so far."""
        self._reader = reader
        self._writer = writer
        self._random = random
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, float, bytes]] = deque()
        self._waiting_bytes = 0
        self._ended = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Pass bytes until the source ends and all of it was passed on, and the end with it.

        Raises ConnectionError when either side breaks, and that, too, only
        once it may get through.
        """
        taking = self._loop.create_task(self._take())
        try:
            await self._give()
            await taking
        finally:
            taking.cancel()
            await asyncio.wait({taking})
        if self._writer.can_write_eof():
            self._writer.write_eof()

    def reset(self) -> None:
        """Tell the side that is written to that the other one broke."""
        reset(self._writer)

    def change(self, **faults: Any) -> None:
        """Set these fields of `faults`, for what waits already, too."""
        self.faults = replace(self.faults, **faults)
        self._changed.set()

    # Taking

    async def _take(self) -> None:
        try:
            while True:
                await self._until(lambda: self._waiting_bytes < _BUFFER and not self.faults.held)
                data = await self._reader.read(CHUNK)
                if not data:
                    return
                if self._heard is not None:
                    self._heard(data)
                self._waiting.append((self._loop.time(), self._random.random(), data))
                self._waiting_bytes += len(data)
                self._changed.set()
        finally:
            self._ended = True
            self._changed.set()

    # Giving

    async def _give(self) -> None:
        while True:
            await self._until(lambda: bool(self._waiting) or self._ended)
            if not self._waiting:
                await self._until(lambda: not self.faults.held)
                return
            await self._until_due(*self._waiting[0][:2])
            await self._write(self._waiting.popleft()[2])

    async def _until_due(self, arrived: float, chance: float) -> None:
        while True:
            faults = self.faults
            late = arrived + faults.delay + faults.jitter * chance - self._loop.time()
            if not faults.held and late <= 0:
                return
            self._changed.clear()
            await self._change_within(None if faults.held else late)

    async def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            await self._until(lambda: not self.faults.held)
            rate = self.faults.bytes_per_second
            size = len(left) if rate is None else max(1, int(rate / _SLICES_PER_SECOND))
            piece, left = left[:size], left[size:]
            self._writer.write(piece)
            await self._writer.drain()
            self.passed += len(piece)
            self._waiting_bytes -= len(piece)
            self._changed.set()
            if rate is not None:
                await self._pause(len(piece) / rate)

    async def _pause(self, seconds: float) -> None:
        """Let this time pass, or less if the line is not throttled any more."""
        until = self._loop.time() + seconds
        while self.faults.bytes_per_second is not None:
            left = until - self._loop.time()
            if left <= 0:
                return
            self._changed.clear()
            await self._change_within(left)

    # Waiting

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _change_within(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
