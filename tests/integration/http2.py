"""Bare HTTP/2 frames over a socket: what a well-behaved library would never send."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, NoReturn

from tests.integration.raw import PATIENCE_S, PLAY

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _header(name: str, value: str) -> bytes:
    """A literal header field, never indexed, without Huffman coding (RFC 7541, 6.2.3)."""
    assert max(len(name), len(value)) < 127
    return b"\x10" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


_CALL = b"".join(
    _header(name, value)
    for name, value in {
        ":method": "POST",
        ":scheme": "http",
        ":path": PLAY,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }.items()
)


class Connection:
    """One connection; nothing is sent or answered unless the test says so."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send_forever(self, data: bytes) -> NoReturn:
        """Send the same again and again. Raises ConnectionError once the server hangs up."""
        while True:
            await self.send(data)

    async def greet(self) -> None:
        """The preface, and settings that ask for nothing."""
        await self.send(_PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))

    async def call(self, stream: int) -> None:
        """Open a call of Play."""
        await self.send(frame(HEADERS, END_HEADERS, stream, _CALL))

    async def say(self, stream: int, message: bytes, declared_size: int | None = None) -> None:
        """Send a gRPC message in frames of the default size, or claim another size for it."""
        size = len(message) if declared_size is None else declared_size
        data = struct.pack(">BI", 0, size) + message
        for start in range(0, len(data), 16_384):
            await self.send(frame(DATA, 0, stream, data[start : start + 16_384]))

    async def frames(self) -> AsyncIterator[Frame]:
        """What the server sends, until it closes the connection."""
        try:
            while True:
                async with asyncio.timeout(PATIENCE_S):
                    head = await self._reader.readexactly(9)
                    size = int.from_bytes(head[:3], "big")
                    kind, flags, stream = struct.unpack(">BBI", head[3:])
                    payload = await self._reader.readexactly(size)
                yield Frame(kind, flags, stream, payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def answer(self, stream: int) -> bytes:
        """The last header block of a stream: trailers, or trailers alone."""
        async for each in self.frames():
            if each.kind == HEADERS and each.stream == stream and each.flags & END_STREAM:
                return each.payload
        raise AssertionError("the connection was closed without an answer")

    async def closed(self) -> list[Frame]:
        """All that the server sends before it closes the connection."""
        return [each async for each in self.frames()]


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Connection]:
    """A connection to the server on which nothing was said."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
