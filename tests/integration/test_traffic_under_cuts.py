"""Fifty tables play on while connections are cut each second: nothing lost, nothing doubled.

TRAFFIC_SECONDS=600 plays for longer (`make test-long`).
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

import planningpoker.v1 as pb
from planning_poker_client import PokerClient
from planning_poker_model.view import GameView
from planning_poker_simulator import FaultProxy, PokerServer
from tests.integration.crowd import CARDS, Player, agree_with_the_log, seated, stored_events
from tests.integration.figures import tell
from tests.integration.wiretap import Wiretap

SECONDS = float(os.environ.get("TRAFFIC_SECONDS", "60"))
SEED = os.environ.get("TRAFFIC_SEED", "1")
GAMES, PLAYERS, STORIES = 50, 8, 10
MOST_CUTS = 8
"""At once."""
LONGEST_THOUGHT_S = 5.0
PATIENCE_S = 60.0


class Table:
    """One game, played round after round."""

    def __init__(self, players: Sequence[Player], is_over: Callable[[], bool]) -> None:
        self.players = players
        self.rounds = 0
        self._is_over = is_over

    async def play(self) -> None:
        """Play rounds until time is over, then end the game."""
        host = self.players[0]
        await host.game.add_stories([pb.NewStory(title=f"Story {n}") for n in range(STORIES)])
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(player.listen()) for player in self.players]
            voting = [group.create_task(self._vote(player)) for player in self.players]
            while not self._is_over():
                await self._round(host)
            await host.ask(host.game.end)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*listening, *voting)

    async def _round(self, host: Player) -> None:
        story_id = f"s{self.rounds % STORIES + 1}"
        await host.ask(partial(host.game.start_round, story_id))
        everyone = len(self.players)
        await host.game.wait_for(lambda view: len(view.voted) == everyone, timeout=PATIENCE_S)
        await host.ask(host.game.reveal)
        await host.ask(partial(host.game.accept, host.random.choice(CARDS)))
        self.rounds += 1

    async def _vote(self, player: Player) -> None:
        """Vote in each round after some thought, change one's mind now and then."""
        last = ""
        while True:
            await player.game.wait_for(partial(goes_on, last))
            if player.game.view.phase == pb.GAME_PHASE_ENDED:
                return
            last = open_round(player.game.view)
            await asyncio.sleep(player.random.uniform(0, LONGEST_THOUGHT_S))
            if player.random.random() < 0.2:
                await player.ask(partial(player.game.vote, player.random.choice(CARDS)))
                if player.random.random() < 0.5:
                    await player.ask(player.game.retract)
            await player.ask(partial(player.game.vote, player.random.choice(CARDS)))


def goes_on(last: str, view: GameView) -> bool:
    """Whether another round is open than the last one, or the game has ended."""
    return view.phase == pb.GAME_PHASE_ENDED or open_round(view) not in ("", last)


def open_round(view: GameView) -> str:
    """Id of the round that is open; empty where none is."""
    return view.round.round_id if view.round and view.phase == pb.GAME_PHASE_VOTING else ""


async def cut_each_second(network: FaultProxy, random: Random) -> int:
    """Cut some connections each second, by reset or in order, until cancelled."""
    cuts = 0
    try:
        while True:
            await asyncio.sleep(1)
            links = network.connections
            for link in random.sample(links, min(len(links), random.randint(1, MOST_CUTS))):
                link.cut(random.choice(["rst", "fin"]))
                cuts += 1
    except asyncio.CancelledError:
        return cuts


@pytest.mark.traffic
@pytest.mark.redelivers
@pytest.mark.usefixtures("only_warnings")
async def test_fifty_tables_whose_lines_are_cut_each_second_lose_and_double_nothing(
    tmp_path: Path, wiretap: Wiretap
) -> None:
    random = Random(SEED)  # noqa: S311
    async with PokerServer(tmp_path) as server:
        async with AsyncExitStack() as clients:

            async def client() -> PokerClient:
                return await clients.enter_async_context(PokerClient(server.address))

            seats = await asyncio.gather(
                *(seated(client, PLAYERS, Random(random.random())) for _ in range(GAMES))  # noqa: S311
            )
            players = [player for seat in seats for player in seat]
            lines = [asyncio.create_task(player.watch_the_line()) for player in players]
            until = time.monotonic() + SECONDS
            tables = [Table(seat, lambda: time.monotonic() > until) for seat in seats]
            cutting = asyncio.create_task(cut_each_second(server.network, random))
            await asyncio.gather(*(table.play() for table in tables))
            cutting.cancel()
            cuts = await cutting
        await asyncio.gather(*lines)
        logs = [stored_events(server.database, seat[0].game.game_id) for seat in seats]
    for seat, events in zip(seats, logs, strict=True):
        agree_with_the_log(seat, events)
        for player in seat:
            player.was_told_everything(len(events))
    report(tables, logs, cuts, wiretap)
    assert cuts >= SECONDS - 5
    assert sum(player.losses for player in players) >= cuts / 2
    assert wiretap.attached["RESUMED"] >= cuts / 2


def report(
    tables: Sequence[Table], logs: Sequence[Sequence[pb.GameEvent]], cuts: int, wiretap: Wiretap
) -> None:
    """Print what was played and what became of it."""
    players = [player for table in tables for player in table.players]
    refused = Counter(reason for player in players for reason in player.refused.values())
    figures = {
        "games × players": f"{GAMES} × {PLAYERS}, {SECONDS:g} s, seed {SEED}",
        "rounds played": sum(table.rounds for table in tables),
        "commands accepted": sum(len(player.accepted) for player in players),
        "of them told as duplicates": sum(
            receipt.duplicate for player in players for receipt in player.accepted.values()
        ),
        "commands refused": dict(refused),
        "outcomes unknown, asked again": sum(player.unknown for player in players),
        "connections cut": cuts,
        "losses noticed, returns": (
            sum(player.losses for player in players),
            sum(player.returns for player in players),
        ),
        "games followed": dict(wiretap.attached),
        "events in the logs": sum(map(len, logs)),
        "events delivered": wiretap.events,
        "events told to players": sum(len(player.told) for player in players),
        "batches sent again": len(wiretap.redelivered),
    }
    tell(figures)
