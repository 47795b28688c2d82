"""Readers that never read, or never acknowledge: their cost is bounded, and nobody else's."""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from planning_poker_client import Game, PokerClient
from planning_poker_simulator import FaultProxy
from tests.integration.figures import tell
from tests.integration.harness import settings_for
from tests.integration.process import ServerProcess
from tests.integration.raw import Client, Stream

MIB = 1 << 20
DEAF = 20
STORY_BYTES = 4_000
SLACK = 64 * 1024
FULL_TAIL = 1_100
"""Events after which the room keeps as many as it ever does."""
EVENTS = 1_500
PATIENCE_S = 60.0


class Deaf:
    """Apps that follow a game through a way of their own and do not keep up."""

    def __init__(self, address: str, game_id: str) -> None:
        self.proxy = FaultProxy(address)
        self.streams: list[Stream] = []
        self._game_id = game_id
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._exits.enter_async_context(self.proxy)
        for _ in range(DEAF):
            client = await self._exits.enter_async_context(Client(self.proxy.address))
            self.streams.append(await client.stream())
        await asyncio.gather(*(stream.attach(self._game_id) for stream in self.streams))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.proxy.restore()
        await self._exits.aclose()

    @property
    def passed(self) -> int:
        """Bytes that reached them."""
        return sum(link.passed("to_client") for link in self.proxy.connections)


class Table:
    """A player who writes long stories, and one who reads them."""

    def __init__(self, writer: Game, reader: Game, story_id: str) -> None:
        self._writer = writer
        self._reader = reader
        self._story_id = story_id
        self._written = 0

    async def write(self, count: int) -> float:
        """Change the story so often; the median of the seconds until the other one sees it."""
        taken = []
        for _ in range(count):
            self._written += 1
            text = f"{self._written} ".ljust(STORY_BYTES, "x")
            begun = time.perf_counter()
            receipt = await self._writer.update_story(self._story_id, description=text)
            version = receipt.version
            await self._reader.wait_for(lambda view: view.version >= version, timeout=PATIENCE_S)  # noqa: B023
            taken.append(time.perf_counter() - begun)
        return statistics.median(taken)


@pytest.mark.redelivers
@pytest.mark.parametrize("reads", [True, False], ids=["acknowledges nothing", "reads nothing"])
async def test_a_deaf_reader_costs_the_server_its_bound_at_most_and_the_others_nothing(
    tmp_path: Path, reads: bool
) -> None:
    limits = settings_for(tmp_path).stream
    bound = DEAF * (limits.window_bytes + limits.max_outbox_bytes)
    variables = {"STREAM__COMMANDS_PER_SECOND": "100000", "LOGGING__LEVEL": "WARNING"}
    async with (
        ServerProcess(tmp_path, **variables) as server,
        PokerClient(server.address) as ada,
        PokerClient(server.address) as bob,
    ):
        game = await ada.create_game("Sprint 12", player="Ada")
        story_id = await game.add_story("Login")
        table = Table(game, await bob.join(game.join_code, "Bob"), story_id)
        alone = await table.write(FULL_TAIL)
        async with Deaf(server.address, game.game_id) as deaf:
            if not reads:
                deaf.proxy.stop_reading()
            server.forget_peak()
            before, passed = server.resident_bytes, deaf.passed
            crowded = await table.write(EVENTS)
            grown = server.peak_bytes - before
            sent = deaf.passed - passed
            status = [stream.names() for stream in deaf.streams]
    tell(
        {
            "deaf readers": f"{DEAF}, {'acknowledge' if reads else 'read'} nothing",
            "written meanwhile": f"{EVENTS} events, {EVENTS * STORY_BYTES / MIB:.1f} MiB",
            "sent to each": f"{sent / DEAF / MIB:.2f} MiB",
            "let go": sum("detached" in names for names in status),
            "memory grew by": f"{grown / MIB:.1f} MiB, {grown / DEAF / MIB:.2f} MiB each",
            "allowed": f"{bound / MIB:.1f} MiB",
            "seen by others after": f"{alone * 1e3:.2f} ms alone, {crowded * 1e3:.2f} ms beside",
        }
    )
    assert grown <= bound
    # Beside the window only what stands for all the rest: a snapshot, a frame that was begun.
    assert sent <= DEAF * (limits.window_bytes + SLACK)
    # At most doubled, give or take what a busy machine adds by itself.
    assert crowded < 2 * alone + 0.05
