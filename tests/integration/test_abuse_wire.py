"""Bad bytes: nothing that a client puts on the wire harms the server or the others."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import planningpoker.v1 as pb
from tests.integration import http2
from tests.integration.harness import Host
from tests.integration.http2 import connected
from tests.integration.process import ServerProcess
from tests.integration.raw import PATIENCE_S, Client, Stream, envelope, eventually

MIB = 1 << 20
GROUP_START = b"\x9b\x06"  # of an unknown field, and never closed
HELLO = envelope(hello=pb.Hello(client_name="raw", versions=[1])).SerializeToString()

MALFORMED = {
    "invalid UTF-8": b"\x12\x02\xff\xfe",
    "a truncated message": envelope(ping=pb.Ping()).SerializeToString()[:-1],
    "groups nested 200 deep": GROUP_START * 200,
    "groups nested 100,000 deep": GROUP_START * 100_000,
    "a field with the number 0": b"\x00\x00",
    "a length beyond the end": b"\x0a\xff\xff\xff\xff\x0f",
    "an endless varint": b"\x20" + b"\xff" * 11,
}


async def still_serves(address: str) -> None:
    """Health answers, and a new client can play."""
    async with Client(address) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stream = await client.stream()
        await stream.create("Newcomer")


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(tmp_path) as running:
        yield running


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_message_that_cannot_be_decoded_ends_only_its_own_stream(
    host: Host, message: bytes
) -> None:
    await host.start()
    client = await host.client()
    bystander, stream = await client.stream(), await client.stream()
    ada = await bystander.create()
    await stream.attach(ada.game_id)
    await stream.send_bytes(message)
    goodbye = await stream.expect("goodbye")
    assert goodbye.reason == pb.GOODBYE_REASON_PROTOCOL_ERROR
    status = await stream.status()
    assert (status.code, status.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    await bystander.do(ada, add_stories=pb.AddStories(stories=[pb.NewStory(title="Login")]))


async def test_nesting_within_a_known_message_is_bounded_too(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    body = b""
    for _ in range(120):  # unknown groups inside a Ping inside the envelope
        body = GROUP_START + body + b"\x9c\x06"
    ping = b"\x82\x01" + _varint(len(body)) + body
    await stream.send_bytes(b"\x20\x01" + ping)
    assert (await stream.status()).reason == "MALFORMED"
    await still_serves(host.server.address)


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


async def test_an_empty_message_is_refused_and_the_stream_stays(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    await stream.send_bytes(b"")
    result = await stream.expect("command_result")
    assert result.HasField("refusal")
    await stream.create()


async def test_a_message_over_the_limit_is_refused_before_it_is_kept(
    process: ServerProcess,
) -> None:
    async with Client(process.address) as client:
        stream = await client.stream()
        process.forget_peak()
        before = process.resident_bytes
        await stream.send_bytes(bytes(64 * MIB))
        assert (await stream.status()).code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert process.peak_bytes - before < 16 * MIB
    await still_serves(process.address)


async def test_a_message_just_within_the_limit_is_taken(host: Host) -> None:
    await host.start(stream={"max_message_bytes": 4_096})
    stream = await host.stream()
    ping = envelope(ping=pb.Ping()).SerializeToString()
    padding = 4_096 - len(ping) - 4
    # A field of a later version of the contract, which is passed over.
    message = ping + bytes([0x8A, 0x01, padding & 0x7F | 0x80, padding >> 7]) + bytes(padding)
    assert len(message) == 4_096
    await stream.send_bytes(message)
    await stream.expect("pong")
    await stream.send_bytes(message + b"\x82\x01\x00")
    assert (await stream.status()).code == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_gzip_bomb_moves_no_memory(process: ServerProcess) -> None:
    async with Client(process.address) as client:
        stream = client.silent(compression=grpc.Compression.Gzip)
        await stream.hello()
        process.forget_peak()
        before = process.resident_bytes
        await stream.send_bytes(bytes(200 * MIB))  # 200 KiB on the wire
        assert (await stream.status()).code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert process.peak_bytes - before < 16 * MIB
    await still_serves(process.address)


async def test_a_length_prefix_of_4_gib_moves_no_memory(process: ServerProcess) -> None:
    async with connected(process.address) as connection:
        await connection.greet()
        await connection.call(1)
        process.forget_peak()
        before = process.resident_bytes
        await connection.say(1, b"x" * 1_000, declared_size=(1 << 32) - 1)
        trailers = await connection.answer(1)
        assert b"larger than max" in trailers
        assert process.peak_bytes - before < 8 * MIB
    await still_serves(process.address)


@pytest.mark.parametrize(
    "metadata",
    [[("x", "a" * 15_000)], [(f"key-{n}", "value") for n in range(500)]],
    ids=["15 KB in one entry", "500 entries"],
)
async def test_too_much_metadata_is_refused(host: Host, metadata: list[tuple[str, str]]) -> None:
    await host.start()
    client = await host.client()
    stream = client.silent(metadata=metadata)
    assert (await stream.status()).code == grpc.StatusCode.RESOURCE_EXHAUSTED
    await (await client.stream()).create()


async def test_a_connection_takes_100_streams_at_a_time_and_the_others_wait(host: Host) -> None:
    server = await host.start()
    client = await host.client()
    streams = [client.silent() for _ in range(150)]
    waiting = {asyncio.create_task(stream.hello()): stream for stream in streams}
    welcomed: list[Stream] = []
    while len(welcomed) < 100:
        welcomed += await some_of(client, waiting)
    assert server.connections == 100
    assert len(waiting) == 50
    await still_serves(server.address)
    for stream in welcomed[:50]:
        assert (await stream.end()).code == grpc.StatusCode.OK
    while waiting:
        await some_of(client, waiting)


async def some_of(client: Client, waiting: dict[asyncio.Task[pb.Welcome], Stream]) -> list[Stream]:
    """The streams that are welcomed next, taken out of those that wait.

    One that is opened before the server's limit has arrived, or while the
    server still counts one that has just ended, is refused unseen; as gRPC
    tells any client of it, it is tried again.
    """
    async with asyncio.timeout(PATIENCE_S):
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    welcomed = []
    for each in done:
        stream, error = waiting.pop(each), each.exception()
        if error is None:
            welcomed.append(stream)
            continue
        assert isinstance(error, grpc.aio.AioRpcError), error
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        again = client.silent()
        waiting[asyncio.create_task(again.hello())] = again
    return welcomed


async def test_streams_beyond_the_limit_are_refused_to_whoever_ignores_it(host: Host) -> None:
    server = await host.start()
    async with connected(server.address) as connection:
        await connection.greet()
        for number in range(150):
            await connection.call(2 * number + 1)
        refused = []
        async for each in connection.frames():
            if each.kind == http2.RST_STREAM:
                refused.append(struct.unpack(">I", each.payload)[0])
            if len(refused) == 50:
                break
        refused_stream = 7  # RFC 9113, 7
        assert refused == [refused_stream] * 50
        assert server.connections <= 100
        await still_serves(server.address)


async def test_thousands_of_rapid_resets_start_few_handlers(host: Host) -> None:
    server = await host.start()
    cancel = struct.pack(">I", 8)
    async with connected(server.address) as connection:
        await connection.greet()
        for number in range(2_000):
            await connection.call(2 * number + 1)
            await connection.send(http2.frame(http2.RST_STREAM, 0, 2 * number + 1, cancel))
        await still_serves(server.address)
    await eventually(lambda: server.connections == 0)
    # How many begin before their reset is read depends on the machine; without
    # the limit on streams of a connection it is nearly all of them.
    assert host.lines.messages("DEBUG").count("stream opened") < 1_000


async def test_a_flood_of_pings_ends_the_connection(host: Host) -> None:
    server = await host.start()
    async with connected(server.address) as connection:
        await connection.greet()
        await connection.call(1)
        with pytest.raises(ConnectionError):
            await connection.send_forever(http2.frame(http2.PING, 0, 0, b"12345678"))
    await still_serves(server.address)


async def test_a_connection_that_says_nothing_is_closed_at_the_handshake_time_out(
    host: Host,
) -> None:
    server = await host.start(stream={"handshake_timeout_ms": 100})
    async with connected(server.address) as connection:
        *_, last = await connection.closed()
        assert last.kind == http2.GOAWAY


async def test_half_a_message_and_then_silence_ends_at_the_ping_time_out(host: Host) -> None:
    server = await host.start(
        # The newcomer's connection must answer pings within the same time-out.
        stream={"keepalive_time_ms": 100, "keepalive_timeout_ms": 1_000, "hello_timeout_ms": 60_000}
    )
    async with connected(server.address) as connection:
        await connection.greet()
        await connection.call(1)
        await connection.say(1, HELLO[:10], declared_size=len(HELLO))
        assert b"ping_timeout" in b"".join(f.payload for f in await connection.closed())
    await eventually(lambda: server.connections == 0)
    await still_serves(server.address)
