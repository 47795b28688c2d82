"""Programs of the SDK that ask for anything, whether it fits or not, and what they come to."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

from planning_poker_client import ClientOptions, Connected, Degraded
from planning_poker_client.logs import LOG
from planning_poker_simulator.checking.history import Accepted, Shown
from planning_poker_simulator.simulation.bot import Bot
from planning_poker_simulator.simulation.plan import ProgramPlan
from planning_poker_simulator.simulation.player import Player
from planning_poker_simulator.simulation.program import Program, Tables
from tests.chaos.recording import Recorder

EAGER = ClientOptions(backoff_first=0.02, backoff_longest=0.3, offline_votes_for=15.0)
HASTY = ClientOptions(backoff_first=0.02, backoff_longest=0.3, command_timeout=0.2, change_buffer=8)
"""Whose commands often are of unknown outcome, and who does not care for every change."""
NEVER_IN_VAIN = "add_stories"
"""A command that changes something whenever it is accepted."""
THOUGHT_S = 0.05
"""About how long each thinks between two commands."""
MEASURED_EVERY_S = 0.1
SLOW_READER_S = 0.05
PEOPLE = (
    ("player 1", "player", "", "voter", EAGER, 0.0),
    ("player 2", "player", "", "voter", EAGER, 0.0),
    ("player 3", "player", "", "voter", HASTY, SLOW_READER_S),
    ("player 4", "player", "", "voter", HASTY, 0.0),
    ("player 5", "player", "", "observer", EAGER, 0.0),
    ("second 1", "second", "player 2", "voter", EAGER, 0.0),
    ("watcher 1", "watcher", "", "voter", EAGER, 0.0),
)
"""The programs of a crowd; see ProgramPlan."""


P = TypeVar("P", bound=Program)


class InRealTime(Program):
    """A program of the simulation, in this process and in real time."""

    async def live(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            try:
                await self._live()
            finally:
                if self.client is not None:
                    await self.client.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.create_task(work)


class RealBot(InRealTime, Bot):
    """A bot."""


class Guest(InRealTime, Player):
    """Who sits at the tables."""

    @property
    def connected(self) -> bool:
        """Whether it takes itself for connected."""
        return self.client is not None and isinstance(self.client.state, Connected)

    async def use_an_id_again(self) -> None:
        """Use that of a command which was accepted for another one, if there is one."""
        for asked, table, _ in self._commands.values():
            game = self.games.get(table)
            is_done = any(isinstance(outcome, Accepted) for outcome in asked.outcomes)
            is_own = game is not None and game.player_id == asked.actor
            if game is not None and is_own and is_done and asked.name == NEVER_IN_VAIN:
                await self._reuse(game, asked)
                return

    def shown(self) -> Iterator[Shown]:
        """How its games stand with it."""
        for table, game in self.games.items():
            yield Shown(
                self.plan.name,
                game.game_id,
                game.player_id,
                game._inbox.view.copy(),
                game.seat,
                game.presence,
                stale=game.stale or not self.connected,
                pending=len(game.pending) + self.waiting,
                table=table,
            )


def versions_of(program: Program) -> dict[str, int]:
    """The versions of the games that it shows."""
    if program.client is None:
        return {}
    games = program.client._exchange._connection.games
    return {game_id: inbox.view.version for game_id, inbox in games.items()}


class Crowd:
    """Everybody, at all tables."""

    def __init__(self, games: int, address: str, recorder: Recorder, seed: str) -> None:
        self.history = recorder.history
        self.tables = Tables(games, Random(f"tables {seed}"))  # noqa: S311
        self.guests = [
            self._program(Guest, ProgramPlan(*person, THOUGHT_S), address, recorder, seed)
            for person in PEOPLE
        ]
        bot = ProgramPlan("bot 1", "bot", "", "voter", EAGER, 0.0, THOUGHT_S, watches="all")
        self.bot = self._program(RealBot, bot, address, recorder, seed)
        by_name = {guest.plan.name: guest for guest in self.guests}
        for guest in self.guests:
            guest.partner = by_name.get(guest.plan.shares)

    def _program(
        self, kind: type[P], plan: ProgramPlan, address: str, recorder: Recorder, seed: str
    ) -> P:
        return kind(
            plan,
            self.tables,
            self.history,
            lambda guest: recorder.dial(
                address, plan.options, plan.name, lambda: versions_of(guest)
            ),
            lambda _who, _what: None,
            self._sometimes,
            Random(f"{plan.name} {seed}"),  # noqa: S311
        )

    def _sometimes(self, what: str) -> None:
        self.history.sometimes[what] += 1

    async def play(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for program in (*self.guests, self.bot):
                group.create_task(program.live())

    @property
    def all_sit(self) -> bool:
        """Whether everybody has found all tables."""
        return all(len(guest.games) == len(self.tables.codes) for guest in self.guests)

    @property
    def connected(self) -> bool:
        """Whether everybody is."""
        return all(guest.connected for guest in self.guests)

    def is_told_of_a_loss(self) -> bool:
        """Whether anybody is told that the server cannot do all of its work."""
        return any(
            guest.client is not None and isinstance(guest.client.service, Degraded)
            for guest in self.guests
        )

    async def measure(self) -> None:
        """Until cancelled: note how many requests wait with each."""
        while True:
            await asyncio.sleep(MEASURED_EVERY_S)
            for guest in self.guests:
                if guest.client is not None:
                    requests = guest.client._exchange._connection._requests._requests
                    limit = guest.plan.options.max_waiting
                    self.history.measure("requests of a client", len(requests), limit)

    def game_id(self, table: int) -> str:
        """Of the game at this table."""
        return self.guests[0].seated[table][0]

    async def use_ids_again(self) -> None:
        """Everybody once."""
        for guest in self.guests:
            await guest.use_an_id_again()

    # The end

    def look(self) -> list[Shown]:
        """How everything stands with everyone."""
        return [shown for guest in self.guests for shown in guest.shown()]

    @property
    def expected(self) -> list[tuple[str, int]]:
        """Who must be at which table; not who shares a seat, which may be no more."""
        names = [guest.plan.name for guest in self.guests if guest.plan.kind != "second"]
        return [(name, table) for name in names for table in range(len(self.tables.codes))]


@contextmanager
def errors_of_clients() -> Iterator[list[str]]:
    """What the SDK logs as an error: that it met a bug."""
    found: list[str] = []

    class Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(f"client: {record.getMessage()} {record.exc_info}")

    handler = Noted(logging.ERROR)
    LOG.addHandler(handler)
    try:
        yield found
    finally:
        LOG.removeHandler(handler)
