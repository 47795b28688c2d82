"""One run: a server, its clients and all that goes wrong, from one seed."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final

from loguru import logger

from planning_poker_client import Connected
from planning_poker_client.logs import LOG
from planning_poker_simulator.checking.history import History, Shown
from planning_poker_simulator.simulation.bot import Bot
from planning_poker_simulator.simulation.disk import Disk
from planning_poker_simulator.simulation.house import House
from planning_poker_simulator.simulation.network import Network
from planning_poker_simulator.simulation.plan import STORM_S, Plan, plan_of
from planning_poker_simulator.simulation.player import Player
from planning_poker_simulator.simulation.processes import ProcessLoop
from planning_poker_simulator.simulation.program import Program, Tables
from planning_poker_simulator.simulation.storm import Storm

CURRENT_WITHIN_S: Final = 45.0
"""When all faults are over, everybody shows the same within this time, and nothing is pending."""
_MEASURED_EVERY_S: Final = 0.25
_BEGIN_S: Final = 2.0


class World:
    """Everything there is in one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.history = history = History(plan.seed)
        chance = Random(f"world {plan.seed}")  # noqa: S311
        self.house = House(plan.settings, chance, history)
        self.house.disk = Disk(chance, history, self._sometimes, self.house.clock.now_ms)
        self.network = Network(self.house, plan, chance, history)
        tables = self.tables = Tables(plan.games, chance)
        self.programs: list[Program] = [
            (Bot if each.kind == "bot" else Player)(
                each, tables, history, self.network.dial, self.say, self._sometimes,
                Random(f"{each.name} {plan.seed}"),  # noqa: S311
            )
            for each in plan.programs
        ]  # fmt: skip
        self.players = [program for program in self.programs if isinstance(program, Player)]
        by_name = {player.plan.name: player for player in self.players}
        for player in self.players:
            player.partner = by_name.get(player.plan.shares)
        self.storm = Storm(plan, self.house, self.network, self.programs, chance, self._fault)

    def say(self, who: str, what: str) -> None:
        """Note something for people."""
        self.history.trace.append((asyncio.get_running_loop().time(), who, what))

    def _sometimes(self, what: str) -> None:
        self.history.sometimes[what] += 1

    def _fault(self, kind: str, what: str) -> None:
        self._sometimes(f"fault: {kind}")
        self.say("FAULT", f"{kind}: {what}")

    # From the beginning to the end

    async def run(self) -> None:
        """Play, in storm and calm; the history has what came of it."""
        measuring = asyncio.get_running_loop().create_task(self._measure())
        self.house.start()
        for program in self.programs:
            program.start()
        await asyncio.sleep(_BEGIN_S)
        self.storm.begin()
        await asyncio.sleep(STORM_S)
        await self.storm.end()
        self.tables.calm = True
        self.say("WORLD", "all faults are over, and nobody asks for anything any more")
        await asyncio.sleep(CURRENT_WITHIN_S)
        measuring.cancel()
        await self._look()
        await self._bury()

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(_MEASURED_EVERY_S)
            self.house.measure()
            for program in self.programs:
                client = program.client
                if client is not None:
                    requests = client._exchange._connection._requests
                    limit = program.plan.options.max_waiting
                    self.history.measure("requests of a client", len(requests._requests), limit)

    async def _look(self) -> None:
        """How everything stands with everyone."""
        for program in self.players:
            if program.plan.kind != "second":  # whose seat may be no more
                tables = range(self.plan.games)
                self.history.expected += [(program.plan.name, table) for table in tables]
            for table, game in program.games.items():
                room = await self.house.rooms.room(game.game_id)
                served = getattr(getattr(room, "state", None), "view", None)
                client = program.client
                there = client is not None and isinstance(client.state, Connected)
                self.history.shown.append(
                    Shown(
                        program.plan.name,
                        game.game_id,
                        game.player_id,
                        game._inbox.view,
                        game.seat,
                        game.presence,
                        stale=game.stale or not there,
                        pending=len(game.pending) + program.waiting,
                        table=table,
                        served=served,
                    )
                )

    async def _bury(self) -> None:
        """Let every task come to an end, so that nothing is left behind."""
        self.house.forget()
        for wire in [*self.network.wires]:
            wire.client_gone = wire.server_gone = True
            wire.to_client.cut()
            wire.to_server.cut()
        processes = [process for program in self.programs for process in program.processes]
        for process in (*processes, *self.house.processes):
            process.bury()
        await asyncio.sleep(0)


@contextmanager
def _listening(history: History) -> Iterator[None]:
    """Have what should never be logged noted, and nothing else logged."""

    def of_the_server(message: Any) -> None:
        record = message.record
        if record["exception"] is not None or record["level"].name == "CRITICAL":
            history.incidents.append(f"server: {record['message']}: {record['exception']}")

    class OfTheClients(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            history.incidents.append(f"client: {record.getMessage()} {record.exc_info}")

    logger.remove()
    number = logger.add(of_the_server, level="ERROR", format="{message}", catch=False)
    handler, level = OfTheClients(logging.ERROR), LOG.level
    propagate, LOG.propagate = LOG.propagate, False
    LOG.addHandler(handler)
    LOG.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)
        LOG.propagate = propagate
        logger.remove(number)


def simulate(seed: int) -> History:
    """Run a seed and say what happened; the same each time."""
    plan = plan_of(seed)
    # Whether and when garbage is collected must not matter.
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=ProcessLoop) as runner:
            return runner.run(_run(plan))
    finally:
        gc.enable()


async def _run(plan: Plan) -> History:
    world = World(plan)
    with _listening(world.history):
        await world.run()
    return world.history
