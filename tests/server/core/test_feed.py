"""The feed of all games: every event once to each watcher, whatever happens to log and tail."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

import planningpoker.v1 as pb
from planning_poker_server.bus import LocalBus
from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import (
    Commit,
    FeedRecord,
    GameCorrupt,
    Proposal,
    Record,
    Summary,
)
from planning_poker_server.feed import Feed, FeedReader
from planning_poker_simulator.virtual_time import CLOCK, in_virtual_time, let_pass


class Log(MemoryLog):
    """One in memory, with a record that cannot be read, or a page that takes its time."""

    def __init__(self) -> None:
        super().__init__("test")
        self.corrupt = ""
        self.gate: asyncio.Event | None = None
        self.reading = 0
        """Pages that are waited for."""

    async def scan(self, cursor: str = "") -> AsyncIterator[Sequence[FeedRecord]]:
        async for page in super().scan(cursor):
            if any(record.game_id == self.corrupt for record in page):
                raise GameCorrupt("a record of it is damaged")
            if self.gate is not None:
                self.reading += 1
                await self.gate.wait()
                self.reading -= 1
            yield page


class Desk:
    """A log, its feed, and games that go on."""

    def __init__(self) -> None:
        self.log = Log()
        self.bus = LocalBus()
        self.feed = Feed(self.log, self.bus, CLOCK)
        self._heads: dict[str, int] = {}

    async def append(self, game_id: str, count: int = 1, *, guarded: bool = False) -> None:
        """So many events, the last of which says whether there is a passcode."""
        head = self._heads.get(game_id, 0)
        events = [pb.GameEvent(version=head + 1 + n) for n in range(count)]
        events[-1].game_updated.passcode_required = guarded
        records = [Record(event.version, event.SerializeToString(), b"") for event in events]
        summary = Summary("", game_id, 1, 0, 0, guarded)
        outcome = await self.log.append(Proposal(game_id, head, records, (), summary))
        assert isinstance(outcome, Commit)
        self._heads[game_id] = head + count
        self.bus.announce(game_id)

    async def purge(self, game_id: str) -> None:
        assert await self.log.purge(game_id, 0)
        self.bus.announce(game_id, purged=True)


async def told(reader: FeedReader) -> list[str]:
    """All that there is for a reader now, by game."""
    found: list[str] = []
    while run := await reader.read():
        found += [event.game_id for event in run]
    return found


@in_virtual_time
async def test_nobody_goes_on_behind_what_could_not_be_read() -> None:
    desk = Desk()
    await desk.append("a")
    with desk.feed.watching(lambda: None):
        reader = FeedReader(desk.feed, "")
        await let_pass(100)
        await told(reader)
        await desk.append("a")
        await let_pass(100)
        assert await told(reader) == ["a"]  # it is in the tail now, and has all of it
        desk.log.corrupt = "b"
        await desk.append("b")
        await let_pass(2_000)
        await desk.append("a")
        await let_pass(2_000)
        with pytest.raises(GameCorrupt):
            await reader.read()


@in_virtual_time
async def test_what_is_purged_while_it_is_read_does_not_get_into_the_tail() -> None:
    desk = Desk()
    with desk.feed.watching(lambda: None):
        await let_pass(100)
        await desk.append("kept")
        await let_pass(100)
        reader = FeedReader(desk.feed, "")
        assert await told(reader) == ["kept"]
        desk.log.gate = asyncio.Event()
        await desk.append("gone")
        await desk.append("kept")
        await let_pass(100)
        await desk.purge("gone")
        desk.log.gate.set()
        await let_pass(100)
        assert await told(reader) == ["kept"]


@in_virtual_time
async def test_a_passcode_guards_what_is_in_the_tail_already() -> None:
    desk = Desk()
    with desk.feed.watching(lambda: None):
        await let_pass(100)
        await desk.append("ours")
        await let_pass(100)
        reader = FeedReader(desk.feed, "")
        await told(reader)
        await desk.append("ours", 3)
        await desk.append("other")
        await let_pass(100)
        await desk.append("ours", guarded=True)
        await let_pass(100)
        run = await reader.read()
        assert {(event.game_id, event.guarded) for event in run} == {
            ("ours", True),
            ("other", False),
        }
        assert len(run) == 5


@in_virtual_time
async def test_however_many_are_far_behind_they_read_the_log_one_after_another() -> None:
    desk = Desk()
    await desk.append("a", 5)
    desk.log.gate = asyncio.Event()
    readers = [FeedReader(desk.feed, "") for _ in range(50)]
    behind = [asyncio.create_task(told(reader)) for reader in readers]
    await let_pass(100)
    assert desk.log.reading == 1
    behind.pop(0).cancel()  # whoever goes away lets the others on
    desk.log.gate.set()
    assert await asyncio.gather(*behind) == [["a"] * 5] * 49
