"""Who is told how the service is: every stream, however often that changes."""

import asyncio
from typing import cast as typed

import planningpoker.v1 as pb
from planning_poker_server.availability import Availability
from planning_poker_server.calls import Context
from planning_poker_server.grpc_api import PlayService
from planning_poker_server.metrics import Metrics
from planning_poker_server.settings import ServerSettings
from planning_poker_simulator.virtual_time import CLOCK, in_virtual_time, let_pass, quiet
from tests.server.core.desk import Desk
from tests.server.core.houses import House, house
from tests.server.core.parts import stream_settings
from tests.server.core.test_streams import Transport

_SERVER = ServerSettings(
    host="localhost",
    port=0,
    max_connections=100,
    max_calls=100,
    max_reads=100,
    max_watches=100,
    max_watches_per_address=100,
    operator_token="",
    open_feed=False,
    request_timeout_ms=30_000,
    drain_timeout_ms=10_000,
    reflection=False,
    node_id="test",
    metrics_port=0,
)


class _Context(Transport):
    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"


class _Served:
    """A stream of a service whose log comes and goes."""

    def __init__(self, rooms: House) -> None:
        self.log = rooms.availability
        self.play = PlayService(
            rooms.rooms, _SERVER, stream_settings(), "epoch", CLOCK, Metrics(), self.log
        )
        self.context = _Context()
        self.task = asyncio.create_task(self.play.play(None, typed(Context, self.context)))
        hello = pb.ClientEnvelope(version=1, hello=pb.Hello(versions=[1]))
        self.context.send(hello.SerializeToString())

    def flap(self, times: int) -> None:
        for _ in range(times):
            self.log.failed()
            self.log.worked()

    def told(self) -> list[str]:
        told, self.context.written = self.context.written, []
        return states(told)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


def states(told: list[pb.ServerEnvelope]) -> list[str]:
    """DEGRADED, AVAILABLE … in the order of being told."""
    return [
        pb.ServiceState.Name(envelope.service_status.state).removeprefix("SERVICE_STATE_")
        for envelope in told
        if envelope.HasField("service_status")
    ]


def status(*, degraded: bool) -> pb.ServiceStatus:
    availability = Availability()
    availability.degraded = degraded
    return availability.status


@in_virtual_time
async def test_a_change_is_told_at_once() -> None:
    rooms = await house()
    served = _Served(rooms)
    await quiet()
    served.log.failed()
    await quiet()
    assert served.told() == ["DEGRADED"]
    served.log.worked()
    await quiet()
    assert served.told() == ["AVAILABLE"]
    await served.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_a_log_that_comes_and_goes_is_not_told_with_every_commit() -> None:
    rooms = await house()
    served = _Served(rooms)
    await quiet()
    for _ in range(600):
        served.log.failed()
        await quiet()
        served.log.worked()
        await let_pass(100)
    assert len(served.told()) <= 40, "in a minute"
    served.log.failed()
    await let_pass(10_000)  # the server finds out by itself that the log works again
    assert served.told()[-1:] in ([], ["AVAILABLE"])
    served.log.failed()
    await quiet()
    assert served.told() == ["DEGRADED"]
    await served.end()
    await rooms.rooms.close()


@in_virtual_time
async def test_who_came_while_it_was_degraded_is_told_when_it_is_not() -> None:
    rooms = await house()
    served = _Served(rooms)
    await quiet()
    served.flap(10)
    served.log.failed()
    late = _Context()
    task = asyncio.create_task(served.play.play(None, typed(Context, late)))
    hello = pb.ClientEnvelope(version=1, hello=pb.Hello(versions=[1]))
    late.send(hello.SerializeToString())
    await quiet()
    served.log.worked()
    await let_pass(2_000)
    assert states(late.written) == ["DEGRADED", "AVAILABLE"]
    task.cancel()
    await asyncio.wait({task})
    await served.end()
    await rooms.rooms.close()


def test_a_client_that_reads_slowly_is_told_the_last_of_many_changes() -> None:
    desk = Desk()
    for _ in range(1_000):
        desk.session.tell_status(status(degraded=True))
        desk.session.tell_status(status(degraded=False))
    assert desk.told() == []
    desk.session.tell_status(status(degraded=True))
    assert states(desk.told()) == ["DEGRADED"]
    assert desk.told() == []


def test_nobody_is_told_before_the_welcome() -> None:
    desk = Desk(hello=False)
    desk.session.tell_status(status(degraded=True))
    assert desk.told() == []
    desk.hello()
    desk.session.tell_status(status(degraded=True))
    assert desk.told_names() == ["welcome", "service_status"]
