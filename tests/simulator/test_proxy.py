"""Each fault that the proxy makes, seen from both ends of bare connections."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from planning_poker_simulator import FaultProxy, Link
from tests.integration.raw import PATIENCE_S, eventually

MIB = 1 << 20
LATE_S = 0.05


class Peer:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hears(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(count)

    async def hears_the_end(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            assert await self.reader.read() == b""

    async def is_reset(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(ConnectionResetError):
                await self.reader.read()


class Network:
    """A proxy, what it leads to, and clients on both ends of it."""

    def __init__(self) -> None:
        self.proxy: FaultProxy
        self._accepted: asyncio.Queue[Peer] = asyncio.Queue()
        self._peers: list[Peer] = []
        self._server: asyncio.Server

    async def start(self, random: Random | None = None) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.proxy = FaultProxy(f"127.0.0.1:{port}", random=random)
        await self.proxy.__aenter__()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        # Else the kernel takes megabytes before anybody is held up.
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self._peers.append(peer)
        self._accepted.put_nowait(peer)

    async def client(self) -> Peer:
        host, _, port = self.proxy.address.rpartition(":")
        peer = Peer(*await asyncio.open_connection(host, int(port)))
        self._peers.append(peer)
        return peer

    async def pair(self) -> tuple[Peer, Peer]:
        """A client and the server's end of its connection."""
        client = await self.client()
        async with asyncio.timeout(PATIENCE_S):
            return client, await self._accepted.get()

    async def close(self) -> None:
        for peer in self._peers:
            peer.writer.transport.abort()
        await self.proxy.__aexit__(None, None, None)
        self._server.close()
        await self._server.wait_closed()


@pytest_asyncio.fixture
async def network() -> AsyncIterator[Network]:
    network = Network()
    await network.start(Random(7))  # noqa: S311
    yield network
    await network.close()


def only(proxy: FaultProxy) -> Link:
    (link,) = proxy.connections
    return link


async def both_ways(client: Peer, server: Peer, data: bytes = b"x") -> None:
    for source, sink in ((client, server), (server, client)):
        _, heard = await asyncio.gather(source.say(data), sink.hears(len(data)))
        assert heard == data


async def passed(link: Link) -> int:
    """Bytes that got through to the client, when no more do."""
    before = -1
    while before != link.passed("to_client"):
        before = link.passed("to_client")
        await asyncio.sleep(LATE_S)
    return before


# A good line


async def test_a_good_line_passes_everything_both_ways_and_the_end_of_each_direction(
    network: Network,
) -> None:
    client, server = await network.pair()
    data = b"0123456789abcdef" * 200_000
    await both_ways(client, server, data)
    client.writer.write_eof()
    await server.hears_the_end()
    await server.say(b"still there")
    assert await client.hears(11) == b"still there"
    server.writer.write_eof()
    await client.hears_the_end()
    await eventually(lambda: not network.proxy.connections)


async def test_nothing_is_kept_back_to_be_sent_together(network: Network) -> None:
    await network.pair()
    link = only(network.proxy)
    for side in link._sides:
        assert side.writer.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )


async def test_a_reset_of_one_side_reaches_the_other(network: Network) -> None:
    client, server = await network.pair()
    linger = b"\1\0\0\0\0\0\0\0"
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.writer.transport.abort()
    await server.is_reset()


async def test_where_nobody_serves_a_connection_is_reset(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    network.proxy.target = f"127.0.0.1:{port}"
    await (await network.client()).is_reset()


# Cut


async def test_a_cut_resets_both_sides_and_new_connections_get_through(network: Network) -> None:
    client, server = await network.pair()
    await both_ways(client, server)
    network.proxy.cut()
    await client.is_reset()
    await server.is_reset()
    await both_ways(*await network.pair())


async def test_an_orderly_cut_is_the_end_of_the_stream_for_both_sides(network: Network) -> None:
    client, server = await network.pair()
    await both_ways(client, server)
    network.proxy.cut("fin")
    await client.hears_the_end()
    await server.hears_the_end()


async def test_one_connection_can_be_cut_alone(network: Network) -> None:
    first, _ = await network.pair()
    second = await network.pair()
    port = first.writer.get_extra_info("sockname")[1]
    (link,) = [link for link in network.proxy.connections if link.client_port == port]
    link.cut()
    await first.is_reset()
    await both_ways(*second)


async def test_what_waits_on_a_line_that_is_cut_is_lost(network: Network) -> None:
    client, server = await network.pair()
    network.proxy.black_hole()
    await client.say(b"never heard")
    network.proxy.cut("fin")
    await server.hears_the_end()


async def test_while_it_is_down_every_connection_is_reset_until_it_is_up(
    network: Network,
) -> None:
    client, _ = await network.pair()
    network.proxy.down()
    await client.is_reset()
    await (await network.client()).is_reset()
    network.proxy.up()
    await both_ways(*await network.pair())


# Delay


async def test_a_delay_comes_before_each_byte_but_does_not_make_them_queue(
    network: Network,
) -> None:
    client, server = await network.pair()
    network.proxy.delay(LATE_S)
    begun = time.perf_counter()
    for _ in range(20):
        await client.say(b"x")
    await server.hears(20)
    took = time.perf_counter() - begun
    assert LATE_S <= took < 20 * LATE_S


async def test_jitter_lets_nothing_overtake(network: Network) -> None:
    client, server = await network.pair()
    network.proxy.delay(0.001, jitter=0.02)
    sent = bytes(range(100))
    for number in sent:
        await client.say(bytes([number]))
    assert await server.hears(100) == sent


class Unlucky(Random):
    """Draws the worst each time."""

    def random(self) -> float:
        return 1.0


async def test_jitter_comes_from_the_random_source_that_was_passed_in() -> None:
    network = Network()
    await network.start(Unlucky())
    client, server = await network.pair()
    network.proxy.delay(0.0, jitter=2 * LATE_S)
    begun = time.perf_counter()
    await client.say(b"x")
    await server.hears(1)
    assert time.perf_counter() - begun >= 2 * LATE_S
    await network.close()


async def test_what_is_late_arrives_at_once_when_the_line_is_restored(network: Network) -> None:
    client, server = await network.pair()
    network.proxy.delay(3_600)
    await client.say(b"late")
    network.proxy.restore()
    assert await server.hears(4) == b"late"


# Dead lines


async def test_a_black_hole_keeps_everything_tells_nobody_and_loses_nothing(
    network: Network,
) -> None:
    client, server = await network.pair()
    link = only(network.proxy)
    network.proxy.black_hole()
    await client.say(b"question")
    await server.say(b"answer")
    late = await network.pair()  # connecting works
    await late[0].say(b"hello")
    assert await passed(link) == 0
    network.proxy.restore()
    assert await server.hears(8) == b"question"
    assert await client.hears(6) == b"answer"
    assert await late[1].hears(5) == b"hello"


async def test_in_a_black_hole_nobody_learns_that_the_other_side_is_gone(
    network: Network,
) -> None:
    client, server = await network.pair()
    link = only(network.proxy)
    network.proxy.black_hole()
    client.writer.transport.abort()
    assert await passed(link) == 0
    assert not server.reader.at_eof()
    network.proxy.restore()
    await server.hears_the_end()


@pytest.mark.parametrize("dead", ["to_server", "to_client"])
async def test_on_a_half_open_line_one_direction_works(network: Network, dead: str) -> None:
    client, server = await network.pair()
    only(network.proxy).half_open(dead)  # type: ignore[arg-type]
    deaf, heard = (server, client) if dead == "to_server" else (client, server)
    await deaf.say(b"heard")
    assert await heard.hears(5) == b"heard"
    await heard.say(b"kept")
    assert only(network.proxy).passed(dead) == 0  # type: ignore[arg-type]
    network.proxy.restore()
    assert await deaf.hears(4) == b"kept"


# Slow readers


async def test_a_throttled_reader_gets_so_many_bytes_a_second(network: Network) -> None:
    client, server = await network.pair()
    network.proxy.throttle(20_000)
    begun = time.perf_counter()
    await server.say(b"x" * 4_000)
    await client.hears(4_000)
    assert time.perf_counter() - begun >= 0.15
    begun = time.perf_counter()
    await asyncio.gather(client.say(b"x" * MIB), server.hears(MIB))
    assert time.perf_counter() - begun < 20  # at that rate it would be 52 s


async def test_a_reader_that_stopped_fills_bounded_buffers_and_then_holds_up_the_writer(
    network: Network,
) -> None:
    client, server = await network.pair()
    only(network.proxy).stop_reading()
    written = 0

    async def write() -> None:
        nonlocal written
        while True:
            await server.say(b"x" * 16_384)
            written += 16_384

    writing = asyncio.create_task(write())
    before = -1
    while before != written:
        before = written
        await asyncio.sleep(LATE_S)
    assert written < 2 * MIB
    await client.say(b"still heard")
    assert await server.hears(11) == b"still heard"
    network.proxy.restore()
    await client.hears(written)
    await eventually(lambda: written > before)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


# Use


async def test_faults_on_the_proxy_are_on_connections_to_come(network: Network) -> None:
    network.proxy.half_open("to_server")
    client, server = await network.pair()
    await client.say(b"kept")
    await server.say(b"heard")
    assert await client.hears(5) == b"heard"
    assert only(network.proxy).passed("to_server") == 0
    network.proxy.restore()
    await both_ways(*await network.pair())


async def test_it_can_be_used_from_another_thread(network: Network) -> None:
    client, _ = await network.pair()
    ports: list[int] = []

    def elsewhere() -> None:
        ports.extend(link.client_port for link in network.proxy.connections)
        network.proxy.cut()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await client.is_reset()
    await asyncio.to_thread(thread.join)
    assert ports == [client.writer.get_extra_info("sockname")[1]]


async def test_closing_the_proxy_ends_what_still_runs(network: Network) -> None:
    client, server = await network.pair()
    network.proxy.black_hole()
    async with FaultProxy(network.proxy.target) as other:
        host, _, port = other.address.rpartition(":")
        through = Peer(*await asyncio.open_connection(host, int(port)))
        await eventually(lambda: len(other.connections) == 1)
    await through.hears_the_end()
    through.writer.transport.abort()
    assert not client.reader.at_eof()
    assert not server.reader.at_eof()
