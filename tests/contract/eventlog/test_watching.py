"""Watchers of a log that grows and shrinks, with a tail that is too short for most of them."""

import asyncio
from random import Random

import pytest

import planningpoker.v1 as pb
from planning_poker_server.bus import LocalBus
from planning_poker_server.clock import SteadyClock
from planning_poker_server.eventlog.port import Commit, EventLog, Proposal, Record, Summary
from planning_poker_server.feed import FedEvent, Feed, FeedReader

STEPS = 250
WATCHERS = 6


class World:
    """The log, and what it should have told."""

    def __init__(self, log: EventLog, chance: Random) -> None:
        self.log = log
        self.bus = LocalBus()
        self.feed = Feed(log, self.bus, SteadyClock())
        self.purged: set[str] = set()
        self.events: list[tuple[str, int]] = []
        """Game and version of each, in the order of the log."""
        self.over = False
        self._chance = chance
        self._heads: dict[str, int] = {}

    async def step(self) -> None:
        """Something happens in a game, or it goes."""
        living = sorted(self._heads.keys() - self.purged)
        if living and self._chance.random() < 0.07:
            game_id = self._chance.choice(living)
            assert await self.log.purge(game_id, 1)
            self.purged.add(game_id)
            self.bus.announce(game_id, purged=True)
            return
        new = f"game {len(self._heads)}"
        await self.append(self._chance.choice([*living, new] if len(living) < 5 else living))

    async def append(self, game_id: str) -> None:
        head = self._heads.get(game_id, 0)
        versions = range(head + 1, head + 1 + self._chance.randint(1, 4))
        records = [
            Record(version, pb.GameEvent(version=version).SerializeToString(), b"")
            for version in versions
        ]
        outcome = await self.log.append(
            Proposal(game_id, head, records, (), Summary("", "", 1, 1, 1))
        )
        assert isinstance(outcome, Commit)
        self._heads[game_id] = versions[-1]
        self.events += [(game_id, version) for version in versions]
        self.bus.announce(game_id)

    async def go_on(self) -> None:
        for _ in range(STEPS):
            await self.step()
            for _ in range(self._chance.choice([0, 0, 1, 3, 10])):
                await asyncio.sleep(0)
            if self._chance.random() < 0.1:
                await asyncio.sleep(0.002)
        await self.append("the last one")
        self.over = True


async def watch(world: World, chance: Random) -> list[tuple[str, int]]:
    """Watch to the end, with breaks, from the cursors that an interrupted program has left."""
    seen: list[tuple[str, int]] = []
    cursor = ""
    while True:
        news = asyncio.Event()
        with world.feed.watching(news.set):
            reader = FeedReader(world.feed, cursor)
            for _ in range(chance.randint(1, 30)):
                news.clear()
                was_over, gone = world.over, set(world.purged)
                run = await reader.read()
                # Interrupted in the middle, a program goes on behind what it has stored.
                kept = run[: chance.randint(0, len(run))] if chance.random() < 0.1 else run
                told = [_of(event) for event in kept]
                assert not gone.intersection(game_id for game_id, _ in told)
                seen += told
                cursor = kept[-1].cursor if kept else cursor if run else reader.cursor
                if len(kept) < len(run):
                    break
                if not run and was_over:
                    # The tail may be some milliseconds behind the log.
                    return seen + [_of(e) for e in await _rest(world.feed, cursor)]
                if not run and ("the last one", 1) not in world.events:
                    await news.wait()
                for _ in range(chance.choice([0, 0, 1, 2, 20])):
                    await asyncio.sleep(0)


async def _rest(feed: Feed, cursor: str) -> list[FedEvent]:
    rest: list[FedEvent] = []
    while run := await feed.read(rest[-1].cursor if rest else cursor):
        rest += run
    return rest


def _of(event: FedEvent) -> tuple[str, int]:
    found = pb.WatchedEvent.FromString(event.encoded)
    return found.game_id, found.event.version


@pytest.mark.parametrize("seed", range(5))
async def test_each_watcher_is_told_every_event_once_and_in_order(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    for name, value in {"_MAX_EVENTS": 7, "RUN": 4, "_PACE_MS": 1, "_POLL_MS": 20}.items():
        monkeypatch.setattr(f"planning_poker_server.feed.{name}", value)
    monkeypatch.setattr("planning_poker_server.eventlog.memory._PAGE", 5)
    chance = Random(seed)  # noqa: S311
    world = World(log, chance)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(world.go_on())
        watching = [
            group.create_task(watch(world, Random(f"{seed} {number}")))  # noqa: S311
            for number in range(WATCHERS)
        ]
    assert world.purged
    places = {event: place for place, event in enumerate(world.events)}
    for watcher in watching:
        seen = [places[event] for event in watcher.result()]
        assert seen == sorted(set(seen))
        lasting = [place for event, place in places.items() if event[0] not in world.purged]
        assert set(lasting) <= set(seen)
