"""A player in a process of its own, which can be frozen, from outside."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.integration.raw import PATIENCE_S
from tests.workspace.tree import ROOT

PROGRAM = Path(__file__).with_name("sitting_player.py")


class Sitting:
    """The program of sitting_player.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[int] = []
        """The versions that it says to be told, once somebody listens."""
        self.detached = ""
        """Why it lost its seat."""

    @property
    def is_there(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def says(self, *words: object) -> list[str]:
        """The first line that begins with these words, and those before it."""
        assert self._process.stdout is not None
        wanted, heard = " ".join(map(str, words)), list[str]()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                async for line in self._process.stdout:
                    heard.append(line.decode().strip())
                    if heard[-1].startswith(wanted):
                        return heard
        raise AssertionError(f"never said {wanted!r}: {heard}")

    async def listen(self) -> None:
        """Note what it is told, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            kind, what = line.decode().split()
            if kind == "change":
                self.told.append(int(what))
            elif kind == "detached":
                self.detached = what

    async def ends(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()


@asynccontextmanager
async def sitting(*arguments: str) -> AsyncIterator[Sitting]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        yield Sitting(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
