"""A stop is graceful: everyone is told, nothing accepted is lost, and it ends in time."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import planningpoker.v1 as pb
from planning_poker_server.app import AddressInUse, start_server
from planning_poker_server.eventlog.port import LogError
from tests.integration.harness import Host, settings_for
from tests.integration.http2 import connected
from tests.integration.raw import PATIENCE_S, Stream, envelope, new_id

SERVICE = "planningpoker.v1.PlanningPokerService"
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


def story(number: int = 1) -> pb.AddStories:
    return pb.AddStories(stories=[pb.NewStory(title=f"Story {number}")])


@asynccontextmanager
async def draining(host: Host) -> AsyncIterator[asyncio.Task[None]]:
    """The stop of the server, as soon as it takes nothing new; awaited in the end."""
    health = health_pb2_grpc.HealthStub((await host.client()).channel)
    watch: Any = health.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    stopping = asyncio.create_task(host.server.stop())
    assert (await watch.read()).status == NOT_SERVING
    yield stopping
    host.log.release()
    await stopping


async def told_to_come_back(stream: Stream) -> None:
    goodbye = await stream.expect("goodbye")
    assert goodbye.reason == pb.GOODBYE_REASON_DRAINING
    assert goodbye.next_step == pb.NEXT_STEP_RESUME
    assert goodbye.retry_delay.ToMilliseconds() > 0
    assert stream.names()[-1] == "goodbye"
    status = await stream.status()
    assert (status.code, status.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert status.retry_ms > 0


async def test_a_graceful_stop_tells_every_stream_to_come_back_and_does_not_wait_for_them(
    host: Host,
) -> None:
    server = await host.start(server={"drain_timeout_ms": 60_000})
    streams = [await host.stream() for _ in range(5)]
    ada = await streams[0].create()
    for stream in streams[1:]:
        await stream.attach(ada.game_id)
    silent = (await host.client()).silent()  # has not even said Hello
    accepted = await streams[0].do(ada, add_stories=story())
    async with asyncio.timeout(PATIENCE_S):
        await server.stop()
        await server.wait_closed()
    for stream in streams:
        assert (await stream.reaches(ada.game_id, accepted.version)).version == accepted.version
        await told_to_come_back(stream)
    await silent.status()
    assert server.connections == 0


async def test_health_says_not_serving_before_streams_end_and_its_watchers_end_too(
    host: Host,
) -> None:
    server = await host.start(server={"drain_timeout_ms": 60_000})
    stream = await host.stream()
    ada = await stream.create()
    client = await host.client()
    health = health_pb2_grpc.HealthStub(client.channel)
    watches: list[Any] = [
        health.Watch(health_pb2.HealthCheckRequest(service=name)) for name in ("", SERVICE)
    ]
    for watch in watches:
        assert (await watch.read()).status == SERVING
    host.log.hold()
    correlation_id = await stream.begin(ada, add_stories=story())
    await host.log.held.wait()
    stopping = asyncio.create_task(server.stop())
    async with asyncio.timeout(PATIENCE_S):
        for watch in watches:
            assert (await watch.read()).status == NOT_SERVING
            assert await watch.code() == grpc.StatusCode.OK
        assert not stopping.done()  # the command is not answered yet
        host.log.release()
        await stopping
    assert (await stream.answer(correlation_id)).HasField("accepted")
    await told_to_come_back(stream)


async def test_what_is_in_flight_at_a_stop_is_stored_and_answered_before_the_goodbye(
    host: Host,
) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    host.log.hold()
    sent = [await stream.begin(ada, add_stories=story(number)) for number in range(5)]
    await stream.ping()
    await host.log.held.wait()
    async with draining(host):
        refusal = await stream.refused(ada, add_stories=story(99))
        assert refusal.reason == pb.REASON_DRAINING
        assert refusal.retryable
    answers = [await stream.answer(correlation_id) for correlation_id in sent]
    assert all(answer.HasField("accepted") for answer in answers)
    await told_to_come_back(stream)
    await host.start()
    later = await host.stream()
    await later.attach(ada)
    assert len(later.views[ada.game_id].stories) == 5
    again = await later.ask(ada, sent[4], add_stories=story(4))
    assert (again.duplicate, again.accepted) == (True, answers[4].accepted)


async def test_no_stream_is_taken_while_the_server_drains(host: Host) -> None:
    await host.start()
    stream, client = await host.stream(), await host.client()
    await client.stream()  # its connection is open already
    ada = await stream.create()
    host.log.hold()
    await stream.begin(ada, add_stories=story())
    await host.log.held.wait()
    async with draining(host):
        status = await client.silent().status()
        assert status.code == grpc.StatusCode.UNAVAILABLE
        refused = await stream.attach_refused("0" * 32)
        assert refused.refusal.reason == pb.REASON_DRAINING
        assert refused.next_step == pb.NEXT_STEP_RESUME


async def test_a_client_that_reads_nothing_delays_a_stop_by_the_drain_time_at_most(
    host: Host,
) -> None:
    server = await host.start(stream={"command_burst": 1_000})
    stream = await host.stream()
    ada = await stream.create()
    big = pb.AddStories(stories=[pb.NewStory(title="x", description="x" * 4_000)] * 30)
    await stream.do(ada, add_stories=big)
    async with connected(server.address) as deaf:
        await deaf.greet()
        await deaf.call(1)
        hello = envelope(hello=pb.Hello(client_name="raw", versions=[1]))
        attach = envelope(attach=pb.Attach(game_id=ada.game_id))
        for each in (hello, *[attach] * 20):
            await deaf.say(1, each.SerializeToString())
        await stream.ping()
        begun = time.monotonic()
        await server.stop(300)
        assert time.monotonic() - begun < 5
    await told_to_come_back(stream)


async def test_a_log_that_hangs_delays_a_stop_by_the_drain_time_at_most(host: Host) -> None:
    host.lines.expected.add("gave up waiting")
    server = await host.start()
    stream = await host.stream()
    ada = await stream.create()
    host.log.hold()
    correlation_id = new_id()
    await stream.begin(ada, correlation_id, add_stories=story())
    await host.log.held.wait()
    begun = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        await server.stop(300)
    assert time.monotonic() - begun < 5
    await stream.status()
    assert "command_result" not in stream.names()[3:]  # nothing is said of it
    await host.start()
    later = await host.stream()
    await later.attach(ada)
    again = await later.ask(ada, correlation_id, add_stories=story())
    assert again.HasField("accepted")


async def test_a_disk_that_hangs_delays_a_stop_by_the_drain_time_at_most(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.lines.expected.add("gave up waiting for the log to close")
    server = await host.start()
    hangs, really_close = asyncio.Event(), host.log.close
    monkeypatch.setattr(host.log, "close", hangs.wait)
    begun = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        await server.stop(300)
    assert time.monotonic() - begun < 5
    await really_close()


async def test_stopping_twice_or_at_once_from_several_places_is_one_stop(host: Host) -> None:
    server = await host.start()
    stream = await host.stream()
    await asyncio.gather(server.stop(), server.stop(0), server.stop(5_000))
    await server.stop()
    assert host.lines.messages("INFO").count("stopped") == 1
    await stream.status()


async def test_a_stopped_server_leaves_its_port_and_no_task_behind(host: Host) -> None:
    before = asyncio.all_tasks()
    server = await host.start()
    stream = await host.stream()
    ada = await stream.create()
    await stream.do(ada, add_stories=story())
    port = server.port
    await stream.close()
    await server.stop()
    left = {task.get_coro().__qualname__ for task in asyncio.all_tasks() - before}  # type: ignore[union-attr]
    assert not {name for name in left if "planning_poker" in name or "Room" in name}
    again = await host.start(server={"port": port})
    assert again.port == port


async def test_a_second_server_on_the_same_address_does_not_start(host: Host) -> None:
    server = await host.start()
    settings = settings_for(host.folder / "elsewhere", server={"port": server.port})
    with pytest.raises(AddressInUse, match="is another server running"):
        await start_server(settings)
    await (await host.stream()).create()


async def test_a_second_server_on_the_same_database_does_not_start(host: Host) -> None:
    """Who plays at one of them would not be told what happens at the other."""
    server = await host.start()
    settings = settings_for(host.folder)
    with pytest.raises(LogError, match="another server uses it"):
        await start_server(settings)
    await (await host.stream()).create()
    await server.stop()
    await (await start_server(settings)).stop()


async def test_a_hundred_and_more_streams_are_told_in_batches_and_all_before_the_end(
    host: Host,
) -> None:
    server = await host.start()
    clients = [await host.client() for _ in range(3)]
    streams = [await client.stream() for client in clients for _ in range(60)]
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        await server.stop()
    assert time.monotonic() - began < 5
    delays = set()
    for stream in streams:
        goodbye = await stream.expect("goodbye")
        assert goodbye.reason == pb.GOODBYE_REASON_DRAINING
        delays.add(goodbye.retry_delay.ToMilliseconds())
    assert len(delays) > 30, "they would all come back in the same moment"


async def test_metrics_are_served_where_configured_and_no_longer_than_the_server(
    host: Host, unused_tcp_port: int
) -> None:
    server = await host.start(server={"metrics_port": unused_tcp_port})
    url = f"http://127.0.0.1:{unused_tcp_port}/metrics"
    response = await asyncio.to_thread(urllib.request.urlopen, url)
    with response:
        assert "planning_poker_redeliveries_total 0.0" in response.read().decode()
    with pytest.raises(AddressInUse, match=str(unused_tcp_port)):
        await start_server(
            settings_for(host.folder / "elsewhere", server={"metrics_port": unused_tcp_port})
        )
    await server.stop()
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(urllib.request.urlopen, url)
