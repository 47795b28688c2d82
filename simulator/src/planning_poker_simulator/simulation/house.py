"""The server of the simulation: the real parts, in a process that dies and is started again."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final, cast

import grpc

from planning_poker_server.app import assemble
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.calls import Context
from planning_poker_server.grpc_api import PlayService, handlers
from planning_poker_server.metrics import Metrics
from planning_poker_server.rooms import Rooms
from planning_poker_server.settings import Settings
from planning_poker_simulator.checking.history import History
from planning_poker_simulator.clock import AdvancingClock
from planning_poker_simulator.simulation.disk import Disk
from planning_poker_simulator.simulation.processes import Process
from planning_poker_simulator.simulation.wire import (
    OK,
    HandlerAborted,
    SimulatedContext,
    Status,
    Wire,
)
from planning_poker_simulator.virtual_time import CLOCK

_DRAIN_S: Final = 2.0


class House:
    """One machine: the log's disk, and the server that was started last."""

    def __init__(self, settings: Settings, chance: Random, history: History) -> None:
        self.clock = AdvancingClock(CLOCK)
        self.process: Process | None = None
        self.processes: list[Process] = []
        self._settings = settings
        self._chance = chance
        self._history = history
        self._wires: dict[Wire, None] = {}
        self._stopping: asyncio.Task[None] | None = None
        self.disk: Disk

    @property
    def is_up(self) -> bool:
        """Whether anybody answers here."""
        return self.process is not None

    def start(self) -> None:
        """A new process that knows what the disk has."""
        self.process = Process(f"server {len(self.processes) + 1}")
        self.processes.append(self.process)
        self.disk.serve()
        self._history.restarts_ms.append(self.clock.now_ms())
        self.process.run(self._assemble)

    def _assemble(self) -> None:
        settings, metrics, availability = self._settings, Metrics(), Availability()
        bus = LocalBus()
        self.rooms = Rooms(
            self.disk, settings.room, settings.game, self.clock, metrics, availability, bus
        )
        self.play = PlayService(
            self.rooms,
            settings.server,
            settings.stream,
            self.disk.epoch,
            self.clock,
            metrics,
            availability,
            self._chance,
        )
        self.services = assemble(settings, self.clock, self.disk, bus, self.rooms, self.play)
        self._handlers = handlers(self.services)

    def serve(self, wire: Wire) -> None:
        """A connection came in."""
        if self.process is None or wire.client_gone:
            wire.refuse()
            return
        self._wires[wire] = None
        handler = self._handlers[wire.stream.method]
        wire.handler = self.process.start(self._handle(wire, handler))

    async def _handle(self, wire: Wire, handler: "grpc.RpcMethodHandler[Any, Any]") -> None:
        context = SimulatedContext(wire)
        status = OK
        try:
            await _carry_out(handler, context)
        except HandlerAborted:
            status = context.status
        except asyncio.CancelledError:
            status = Status(grpc.StatusCode.CANCELLED)
            raise
        finally:
            # Else this process was killed, and only comes to its end behind the scenes.
            if wire in self._wires:
                del self._wires[wire]
                wire.handled(status)

    def crash(self, *, silent: Callable[[], bool]) -> None:
        """The process is killed; `silent`: whether a client is not told that it is gone."""
        if self.process is None:
            return
        self.process.kill()
        self.process = None
        for wire in [*self._wires]:
            wire.stream.closed_ms = self.clock.now_ms()
            wire.server_gone = True
            wire.to_server.cut()
            wire.stream.disturbed = True
            wire.break_client(self._chance.uniform(5.0, 40.0) if silent() else 0.01)
        self._wires.clear()

    async def stop(self) -> None:
        """It is stopped as an operator stops it; whoever gives up waiting changes nothing."""
        if self.process is not None:
            process, self.process = self.process, None  # takes nothing new
            self._stopping = asyncio.get_running_loop().create_task(self._stop(process))
        await self.stopped()

    async def stopped(self) -> None:
        """Return when no earlier server uses the log any more: there is one at a time."""
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def _stop(self, process: Process) -> None:
        await process.start(self._drain())
        process.kill()
        for wire in [*self._wires]:
            wire.stream.closed_ms = self.clock.now_ms()
            wire.refuse()
        self._wires.clear()

    async def _drain(self) -> None:
        await self.services.drain(_DRAIN_S, self._chance)
        handlers = [wire.handler for wire in self._wires if wire.handler is not None]
        if handlers:
            await asyncio.wait(handlers, timeout=_DRAIN_S)
        for wire in [*self._wires]:
            wire.break_server()
            wire.break_client()
        await self.rooms.close(1.0)

    def forget(self) -> None:
        """What becomes of the connections is of no interest any more."""
        self._wires.clear()

    # How full its queues are

    def measure(self) -> None:
        """Note what waits in this process, and how much of it may."""
        if self.process is None:
            return
        stream, room, note = self._settings.stream, self._settings.room, self._history.measure
        for driver in self.rooms._drivers.values():
            note("commands in a mailbox", len(driver._mailbox), room.max_mailbox)
        for play in self.play._streams:
            session = play.session
            note("commands without an answer", len(session._unanswered), stream.max_unanswered)
            note("answers behind events", session._answers.held, stream.max_unanswered)
            for outbox in session.subscriptions.values():
                since = max(outbox.acknowledged, outbox._snapshot_version)
                note("events without an acknowledgement", outbox.sent - since, stream.window_events)


async def _carry_out(handler: "grpc.RpcMethodHandler[Any, Any]", context: SimulatedContext) -> None:
    """As gRPC calls a handler of its kind; one that streams writes to its context."""
    served: Any = handler  # whose parts gRPC gives no types
    if served.request_streaming:
        await served.stream_stream(None, cast("Context", context))
        return
    message = await context.read()
    if message is None:
        raise asyncio.CancelledError  # it was given up before it began
    if served.response_streaming:
        await served.unary_stream(message, cast("Context", context))
    else:
        await context.write(await served.unary_unary(message, cast("Context", context)))
