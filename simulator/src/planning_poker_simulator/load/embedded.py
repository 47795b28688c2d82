"""A server that is started for one load and ends with it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

_PATIENCE_S: Final = 30.0
_STOP_S: Final = 20.0
_SERVING: Final = "planning_poker_simulator.load.serving"


class ServerFailed(Exception):
    """The server of the load did not start, or ended."""


class Usage(NamedTuple):
    """What the server used over a span of time."""

    cpu: float
    """Share of one core."""
    rss_bytes: int | None
    """At the end of it; None where the system does not tell."""


class Embedded:
    """A server in a process of its own."""

    def __init__(
        self, requests: asyncio.StreamWriter, answers: asyncio.StreamReader, address: str
    ) -> None:
        self.address = address
        self._requests = requests
        self._answers = answers
        self._since: dict[str, Any] = {}

    async def begin(self) -> None:
        """What it uses counts from here. Raises ServerFailed."""
        self._since = await self._ask()

    async def usage(self) -> Usage:
        """What it has used since `begin`. Raises ServerFailed."""
        now = await self._ask()
        wall_s = now["wall_s"] - self._since["wall_s"]
        cpu = (now["cpu_s"] - self._since["cpu_s"]) / max(wall_s, 1e-9)
        return Usage(cpu, now["rss_bytes"])

    async def _ask(self) -> dict[str, Any]:
        with suppress(OSError):  # it ended: there is no answer either
            self._requests.write(b"\n")
            await self._requests.drain()
        return await _answer(self._answers)


async def _answer(answers: asyncio.StreamReader) -> dict[str, Any]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            line = await answers.readline()
    except TimeoutError as error:
        raise ServerFailed("The server that was started for the load says nothing.") from error
    if not line:
        raise ServerFailed("The server that was started for the load has ended.")
    found: dict[str, Any] = json.loads(line)
    return found


@asynccontextmanager
async def embedded(database_url: str) -> AsyncIterator[Embedded]:
    """A server with the shipped settings on a free port. Raises ServerFailed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _SERVING, database_url, stdin=pipe, stdout=pipe
    )
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:
        raise ServerFailed("The server that was started for the load has no pipes.")
    try:
        yield Embedded(requests, answers, (await _answer(answers))["address"])
    finally:
        requests.close()  # asks it to end
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
