"""Marks of cards are heard in what a server sends, however it is cut into pieces."""

import asyncio

import pytest

from planning_poker_simulator import FaultProxy
from planning_poker_simulator.scenarios.wire import Ear, Leak, leaks, mark_of
from tests.integration.raw import PATIENCE_S

MARK = mark_of(7)
KEY = MARK.removeprefix("mark-")
OWNERS = {KEY: ("Bob", "Bob")}


def ear(line: str, now_ms: int, *pieces: bytes) -> Ear:
    listening = Ear(line, lambda: now_ms)
    for piece in pieces:
        listening(piece)
    return listening


@pytest.mark.parametrize("cut", range(len(MARK) + 1))
def test_a_mark_is_heard_wherever_it_is_cut(cut: int) -> None:
    data = MARK.encode()
    assert ear("Ada", 5, b"\0" + data[:cut], data[cut:] + b"\xff").heard == {KEY: 5}


def test_a_card_that_comes_before_the_reveal_or_without_one_is_a_leak() -> None:
    heard = [ear("Ada", 5, MARK.encode()), ear("Bob", 5, MARK.encode())]
    assert leaks(heard, OWNERS, {KEY: 9}) == [Leak("Ada", "Bob")]
    assert leaks(heard, OWNERS, {}) == [Leak("Ada", "Bob")]


def test_a_card_that_comes_with_the_reveal_or_later_is_none() -> None:
    assert leaks([ear("Ada", 9, MARK.encode())], OWNERS, {KEY: 9}) == []
    assert leaks([ear("Ada", 10, MARK.encode())], OWNERS, {KEY: 9}) == []


async def test_a_proxy_lets_others_hear_what_the_server_says() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"from the server, " + await reader.readexactly(3))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, FaultProxy(f"127.0.0.1:{port}", heard=heard.append) as proxy:
        host, _, own_port = proxy.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(own_port))
        writer.write(b"ask")
        async with asyncio.timeout(PATIENCE_S):
            said = await reader.read()
        writer.close()
    assert b"".join(heard) == said == b"from the server, ask"
