"""A real server that is killed, frozen and starved, clients too, on a bad network.

CHAOS_SECONDS=60 goes on for longer, CHAOS_SEED=17 draws other troubles: `make chaos`.
The seed fixes what is done and in which order; which command it hits is up to the machine.
"""

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path
from random import Random

import pytest

import planningpoker.v1 as pb
from planning_poker_client import ClientOptions, Degraded, PokerClient, Receipt, Watch, Watched
from planning_poker_simulator import FaultProxy
from tests.chaos.troubles import Troubles
from tests.integration.crowd import CARDS, Player, agree_with_the_log, seated, stored_events
from tests.integration.figures import tell
from tests.integration.process import ServerProcess
from tests.integration.raw import eventually
from tests.integration.sitting import sitting

SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))
SEED = os.environ.get("CHAOS_SEED", "1")
GAMES, PLAYERS, STORIES = 4, 4, 5
PROGRAMS = 2
"""Players in processes of their own, in the first games."""
PATIENCE_S = 60.0
SHORT_S = 0.05
"""How long an answer is waited for by those who do not ask again."""
LONGEST_THOUGHT_S = 0.1
EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.3)
IDLE = ("retract_vote", "accept_estimate")
"""What may be accepted without an event: there is no card, or this estimate already."""


class Crowd:
    """Everybody asks for anything, whether it fits or not."""

    def __init__(self, tables: Sequence[Sequence[Player]]) -> None:
        self.tables = tables
        self.players = [player for table in tables for player in table]
        self._over = False

    async def begin(self) -> None:
        """Open a round at each table."""
        for table in self.tables:
            stories = [pb.NewStory(title=f"Story {number}") for number in range(STORIES)]
            await table[0].game.add_stories(stories)
            await table[0].ask(partial(table[0].game.start_round, "s1"))

    async def play(self) -> None:
        """Until `stop`."""
        async with asyncio.TaskGroup() as group:
            for player in self.players:
                group.create_task(self._ask(player))

    def stop(self) -> None:
        self._over = True

    async def _ask(self, player: Player) -> None:
        random = player.random
        while not self._over:
            wanted = self._anything(player)
            if random.random() < 0.1:
                await player.ask_once(partial(wanted, timeout=SHORT_S))
            else:
                await player.ask(wanted)
            await asyncio.sleep(random.uniform(0, LONGEST_THOUGHT_S))

    def _anything(self, player: Player) -> Callable[..., Awaitable[Receipt]]:
        random, game = player.random, player.game
        card = random.choice(CARDS)
        commands: list[Callable[..., Awaitable[Receipt]]] = [
            # With a comment that no other vote has, so that each has an event.
            partial(game.vote, card, comment=f"{random.getrandbits(64):x}"),
            game.retract,
            partial(game.start_round, f"s{random.randint(1, STORIES)}"),
            partial(game.reveal, force=True),
            partial(game.accept, card),
        ]
        return random.choices(commands, weights=[10, 2, 1, 1, 1])[0]

    def is_told_of_a_loss(self) -> bool:
        """Whether anybody is told that the server cannot do all of its work."""
        return any(isinstance(player.client.service, Degraded) for player in self.players)

    async def end(self) -> None:
        """End each game, by whoever facilitates it by now."""
        for table in self.tables:
            while table[0].game.view.phase != pb.GAME_PHASE_ENDED:
                for player in table:
                    await player.ask(player.game.end)


class Watcher:
    """What a bot is told of all games."""

    def __init__(self, watch: Watch) -> None:
        self.told: list[tuple[str, int]] = []
        self._watch = watch

    async def listen(self) -> None:
        async for item in self._watch:
            if isinstance(item, Watched):
                self.told.append((item.game_id, item.version))


def stored(database: Path) -> list[tuple[str, int]]:
    """All events, in the order of the log."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(
            "SELECT game_id, version FROM events ORDER BY position"
        ).fetchall()


async def verified(database: Path) -> str:
    """What `planning-poker games verify` says of a log that is in order."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("planning-poker"),
        *("games", "verify", "--database", f"sqlite:///{database}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode().strip().splitlines()[-1]


@pytest.mark.alone
@pytest.mark.redelivers
@pytest.mark.usefixtures("only_warnings")
async def test_whatever_is_done_to_everyone_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            ServerProcess(tmp_path, LOGGING__LEVEL="ERROR", SERVER__OPEN_FEED="true")
        )
        network = await stack.enter_async_context(FaultProxy(server.address))

        async def client() -> PokerClient:
            return await stack.enter_async_context(PokerClient(network.address, options=EAGER))

        tables = [await seated(client, PLAYERS, Random(f"{SEED} {n}")) for n in range(GAMES)]  # noqa: S311
        programs = [
            await stack.enter_async_context(
                sitting(network.address, table[0].game.join_code, "Program")
            )
            for table in tables[:PROGRAMS]
        ]
        for program in programs:
            await program.says("seat")
        crowd = Crowd(tables)
        await crowd.begin()
        watcher = Watcher((await client()).watch())
        random = Random(f"troubles {SEED}")  # noqa: S311
        troubles = Troubles(server, network, programs, random, is_noticed=crowd.is_told_of_a_loss)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watcher.listen())
            listening = [group.create_task(player.listen()) for player in crowd.players]
            heard = [group.create_task(program.changes()) for program in programs]
            playing = group.create_task(crowd.play())
            await troubles.stir(SECONDS)
            crowd.stop()
            async with asyncio.timeout(PATIENCE_S):
                await playing
                await crowd.end()
                await asyncio.gather(*listening, *heard)
                log = stored(server.database)
                await eventually(lambda: len(watcher.told) >= len(log))
            watching.cancel()
        logs = [stored_events(server.database, table[0].game.game_id) for table in tables]
        await server.kill()
        verdict = await verified(server.database)
    report(crowd, troubles, len(log), len(watcher.told), verdict)
    for table, events in zip(tables, logs, strict=True):
        agree_with_the_log(table, events, idle=IDLE)
        for player in table:
            player.was_told_everything(len(events))
    for task, events in zip(heard, logs, strict=False):
        versions = task.result()
        assert versions == list(range(versions[0], len(events) + 1))
    assert watcher.told == log
    assert all(troubles.happened[kind] for kind in troubles.kinds)


def refusals(crowd: Crowd) -> Counter[str]:
    return Counter(reason for player in crowd.players for reason in player.refused.values())


def report(crowd: Crowd, troubles: Troubles, events: int, watched: int, verdict: str) -> None:
    """Print what was done, and what became of it."""
    players = crowd.players
    tell(
        {
            "seed, seconds of trouble": f"{SEED}, {SECONDS:g}",
            **troubles.happened,
            "commands accepted": sum(len(player.accepted) for player in players),
            "of them told as duplicates": sum(
                receipt.duplicate for player in players for receipt in player.accepted.values()
            ),
            "commands refused": dict(refusals(crowd)),
            "outcomes unknown, asked again": sum(player.unknown for player in players),
            "outcomes unknown, given up": sum(len(player.given_up) for player in players),
            "events in the log": events,
            "events told to the watcher": watched,
            "events told to players": sum(len(player.told) for player in players),
            "games verify": verdict,
        }
    )
