"""Between the programs and the server: connections, and what goes wrong with them."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final, cast

import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client.endpoint import Dial
from planning_poker_simulator.checking.history import Frame, History, Stream
from planning_poker_simulator.simulation.channel import SimulatedChannel
from planning_poker_simulator.simulation.house import House
from planning_poker_simulator.simulation.plan import Plan
from planning_poker_simulator.simulation.processes import NOWHERE
from planning_poker_simulator.simulation.program import Program
from planning_poker_simulator.simulation.wire import Metadata, Wire

SERVER_KEEPALIVE_S: Final = 13.0
"""After this time without a sign of life the server's gRPC gives a connection up."""
CLIENT_KEEPALIVE_S: Final = 40.0
_TRIED_EVERY_S: Final = 0.2


class Network:
    """All connections that there are, and new ones."""

    def __init__(self, house: House, plan: Plan, chance: Random, history: History) -> None:
        self.wires: dict[Wire, None] = {}
        self.unreachable: dict[str, str] = {}
        """Programs whose new connections fail: "refused", or "silent" where nothing says so."""
        self.opened: Callable[[Wire], None] = lambda _: None
        """Told of each connection."""
        self._house = house
        self._delays = plan.delays
        redelivered_s = plan.settings.stream.redelivery_ms / 1_000
        # There, until it is acknowledged, and back.
        self._prompt_s = (redelivered_s - plan.settings.stream.ack_within_ms / 1_000) / 2
        self._chance = chance
        self._history = history
        self._count = 0

    # New ones

    def dial(self, program: Program) -> Dial:
        """How this program opens connections; each call on them is cut by itself."""
        return lambda: cast(
            "grpc.aio.Channel",
            SimulatedChannel(
                lambda method, metadata: self._open(program, method, metadata),
                lambda: self._ready(program),
                lambda: _versions(program),
            ),
        )

    async def _ready(self, program: Program) -> None:
        while True:
            if self._house.is_up and program.plan.name not in self.unreachable:
                return
            await asyncio.sleep(_TRIED_EVERY_S)

    def _open(self, program: Program, method: str, metadata: Metadata) -> Wire:
        if program.process is None:
            raise AssertionError("a process that is gone opens nothing")
        streams = self._history.streams if method == "Play" else self._history.calls
        loop = asyncio.get_running_loop()
        self._count += 1
        stream = Stream(self._count, program.plan.name, method, opened=loop.time())
        streams.append(stream)
        longest, chance = self._chance.choice(self._delays), self._chance
        stream.disturbed = longest >= self._prompt_s
        wire = Wire(
            stream,
            program.process,
            lambda: chance.uniform(0.0, longest),
            self._house.clock.now_ms,
            self._note,
            metadata,
        )
        self.wires[wire] = None
        how = self.unreachable.get(program.plan.name, "")
        loop.call_later(chance.uniform(0, longest), self._arrive, wire, how, context=NOWHERE)
        self.opened(wire)
        return wire

    def _note(self, who: str, message: Frame | pb.ClientEnvelope) -> None:
        self._history.trace.append((asyncio.get_running_loop().time(), who, message))

    def _arrive(self, wire: Wire, how: str) -> None:
        if how == "silent":
            return
        if how == "refused" or not self._house.is_up:
            wire.refuse()
        else:
            self._house.serve(wire)

    def open_wires(self, of: str | None = None) -> list[Wire]:
        """The connections that are open, of one program or of all."""
        self.wires = {wire: None for wire in self.wires if wire.is_open}
        return [wire for wire in self.wires if of in (None, wire.stream.client)]

    # What goes wrong

    def cut(self, wire: Wire) -> None:
        """It breaks, for both ends; what is on its way is lost."""
        wire.stream.disturbed = True
        wire.to_server.lose()
        wire.to_client.lose()
        wire.break_client()
        wire.break_server(self._chance.uniform(0.0, 0.1))

    def cut_for_one(self, wire: Wire, *, client: bool, later_s: float) -> None:
        """One end finds it broken, the other one later: what is on its way there still arrives."""
        wire.stream.disturbed = True
        if client:
            wire.break_client()
            wire.break_server(later_s)
        else:
            wire.break_server()
            wire.break_client(later_s)

    def half_open(self, wire: Wire, *, to_server: bool, seconds: float) -> None:
        """Nothing arrives in one direction for a time, unless keepalive ends it before."""
        wire.stream.disturbed = True
        flow = wire.to_server if to_server else wire.to_client
        flow.hold()
        asyncio.get_running_loop().call_later(seconds, flow.release, context=NOWHERE)
        self.unanswered(wire, seconds)

    def unanswered(self, wire: Wire, seconds: float) -> None:
        """No answer comes from one end of it for so long: what keepalive makes of that."""
        wire.stream.disturbed = True
        if seconds > SERVER_KEEPALIVE_S:
            wire.break_server(SERVER_KEEPALIVE_S)
            # Which shows as soon as anything gets through, or keepalive ends it here, too.
            wire.break_client(min(seconds, CLIENT_KEEPALIVE_S))

    def killed(self, program: str, *, silent: bool) -> None:
        """The process at the clients' end is no more."""
        for wire in self.open_wires(program):
            wire.stream.disturbed = True
            wire.client_gone = True
            wire.to_client.cut()
            if not silent:
                wire.to_server.close()
            wire.break_server(SERVER_KEEPALIVE_S if silent else self._chance.uniform(0.01, 0.2))


def _versions(program: Program) -> dict[str, int]:
    client = program.client
    if client is None:
        return {}
    games = client._exchange._connection.games
    return {game_id: inbox.view.version for game_id, inbox in games.items()}
