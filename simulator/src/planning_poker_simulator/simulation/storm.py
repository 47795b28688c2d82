"""What goes wrong in a run, and how it is made good again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random

from planning_poker_simulator.simulation.disk import DiskFaults
from planning_poker_simulator.simulation.house import House
from planning_poker_simulator.simulation.network import Network
from planning_poker_simulator.simulation.plan import Plan
from planning_poker_simulator.simulation.processes import NOWHERE
from planning_poker_simulator.simulation.program import Program
from planning_poker_simulator.simulation.wire import Wire


class Storm:
    """Each kind of fault that a plan has, at random times."""

    def __init__(
        self,
        plan: Plan,
        house: House,
        network: Network,
        programs: list[Program],
        chance: Random,
        happened: Callable[[str, str], None],
    ) -> None:
        """`happened` is told which kind of fault there was, and what it was about."""
        self._plan = plan
        self._house = house
        self._network = network
        self._programs = programs
        self._chance = chance
        self._happened = happened
        self._tasks: list[asyncio.Task[None]] = []
        self._losses = plan.faults.get("call_lost", 0.0)
        self._kinds: Mapping[str, Callable[[], Awaitable[str]]] = {
            "cut": self._cut,
            "stale": self._stale,
            "half_open": self._half_open,
            "unreachable": self._unreachable,
            "client_crash": self._client_crash,
            "client_pause": self._client_pause,
            "server_crash": self._server_crash,
            "server_restart": self._server_restart,
            "server_pause": self._server_pause,
            "disk_down": self._disk_down,
            "clock_jump": self._clock_jump,
        }

    def begin(self) -> None:
        """Let it begin."""
        self._house.disk.faults = self._plan.disk
        loop = asyncio.get_running_loop()
        for kind, rate in self._plan.faults.items():
            if kind in self._kinds:
                self._tasks.append(loop.create_task(self._again_and_again(kind, rate)))
        self._network.opened = self._opened

    async def end(self) -> None:
        """Nothing goes wrong any more, and what did is made good."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._house.disk.is_down, self._house.disk.faults = False, DiskFaults()
        self._network.unreachable.clear()
        self._network.opened = lambda _: None
        for wire in self._network.open_wires():
            wire.to_server.release_all()
            wire.to_client.release_all()
        await self._house.stopped()
        await self._house.disk.landed()
        if self._house.process is not None:
            self._house.process.thaw()
            if self._house.disk.knows_more:
                # It would find out with the next command, and nobody gives one any more.
                await self._house.stop()
        if self._house.process is None:
            self._house.start()
        for program in self._programs:
            if program.process is None:
                program.start()
            else:
                program.process.thaw()

    async def _again_and_again(self, kind: str, rate: float) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(rate))
            what = await self._kinds[kind]()
            if what:
                self._happened(kind, what)

    # Connections

    def _wire(self) -> Wire | None:
        wires = self._network.open_wires()
        return self._chance.choice(wires) if wires else None

    async def _cut(self) -> str:
        wire = self._wire()
        if wire is None:
            return ""
        self._network.cut(wire)
        return f"connection {wire.stream.number} of {wire.stream.client}"

    def _opened(self, wire: Wire) -> None:
        # They are over so soon that what comes at random times seldom meets them.
        if wire.stream.method != "Play" and self._chance.random() < self._losses:
            later_s = self._chance.uniform(0.0, 0.3)
            loop = asyncio.get_running_loop()
            loop.call_later(later_s, self._lose_call, wire, context=NOWHERE)

    def _lose_call(self, wire: Wire) -> None:
        if wire.is_open:
            self._network.cut(wire)
            number, method = wire.stream.number, wire.stream.method
            self._happened("call_lost", f"{method} {number} of {wire.stream.client}")

    async def _stale(self) -> str:
        wire = self._wire()
        if wire is None:
            return ""
        client, later_s = self._chance.random() < 0.5, self._chance.uniform(0.2, 10.0)
        self._network.cut_for_one(wire, client=client, later_s=later_s)
        knows = "client" if client else "server"
        return f"connection {wire.stream.number} of {wire.stream.client}, for the {knows} only"

    async def _half_open(self) -> str:
        wire = self._wire()
        if wire is None:
            return ""
        to_server, seconds = self._chance.random() < 0.4, self._chance.uniform(0.5, 20.0)
        self._network.half_open(wire, to_server=to_server, seconds=seconds)
        end = "server" if to_server else "client"
        return f"connection {wire.stream.number}, nothing gets to the {end} for {seconds:.1f} s"

    async def _unreachable(self) -> str:
        program = self._chance.choice(self._programs)
        how = self._chance.choice(("refused", "silent"))
        name = program.plan.name
        self._network.unreachable[name] = how
        for wire in self._network.open_wires(name):
            self._network.cut(wire)
        self._happened("unreachable", f"{name}, {how}")
        await asyncio.sleep(self._chance.uniform(0.5, 8.0))
        self._network.unreachable.pop(name, None)
        return ""

    # Processes

    async def _client_crash(self) -> str:
        program = self._chance.choice(self._programs)
        if program.process is None or not program.process.runs:
            return ""
        program.kill()
        self._network.killed(program.plan.name, silent=self._chance.random() < 0.3)
        self._happened("client_crash", program.plan.name)
        await asyncio.sleep(self._chance.uniform(0.1, 8.0))
        if program.process is None:
            program.start()
        return ""

    async def _client_pause(self) -> str:
        program = self._chance.choice(self._programs)
        process = program.process
        if process is None or not process.runs:
            return ""
        seconds = self._chance.choice((1.0, 6.0, 12.0, 25.0)) * self._chance.uniform(0.5, 1.0)
        process.freeze()
        for wire in self._network.open_wires(program.plan.name):
            self._network.unanswered(wire, seconds)
        self._happened("client_pause", f"{program.plan.name} for {seconds:.1f} s")
        await asyncio.sleep(seconds)
        process.thaw()
        return ""

    async def _server_crash(self) -> str:
        if not self._house.is_up:
            return ""
        self._house.crash(silent=lambda: self._chance.random() < 0.2)
        self._happened("server_crash", "killed")
        await asyncio.sleep(self._chance.uniform(0.1, 6.0))
        if not self._house.is_up:
            self._house.start()
        return ""

    async def _server_restart(self) -> str:
        if not self._house.is_up or not self._house.process.runs:  # type: ignore[union-attr]
            return ""
        self._happened("server_restart", "is drained")
        for wire in self._network.open_wires():
            wire.stream.disturbed = True
        await self._house.stop()
        await asyncio.sleep(self._chance.uniform(0.1, 2.0))
        if not self._house.is_up:
            self._house.start()
        return ""

    async def _server_pause(self) -> str:
        process = self._house.process
        if process is None or not process.runs:
            return ""
        seconds = self._chance.uniform(0.2, 12.0)
        for wire in self._network.open_wires():
            wire.stream.disturbed = True
        process.freeze()
        self._happened("server_pause", f"for {seconds:.1f} s")
        await asyncio.sleep(seconds)
        for wire in self._network.open_wires():  # those that came meanwhile, too
            wire.stream.disturbed = True
        process.thaw()
        return ""

    # The machine

    async def _disk_down(self) -> str:
        self._house.disk.is_down = True
        self._happened("disk_down", "nothing can be read or written")
        await asyncio.sleep(self._chance.uniform(0.5, 6.0))
        self._house.disk.is_down = False
        return ""

    async def _clock_jump(self) -> str:
        seconds = self._chance.choice((1.0, 5.0, 20.0, 120.0))
        for wire in self._network.open_wires():
            wire.stream.disturbed = True
        self._house.clock.advance(seconds=seconds)
        return f"the server's clock goes forward by {seconds:.0f} s"
