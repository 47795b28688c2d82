"""How a connection's two sides are prepared, and ended."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final, NamedTuple

CHUNK: Final = 16 * 1024
"""Read at once."""
_KERNEL_BUFFER: Final = 64 * 1024
"""Of each socket, each way: a reader that stops is felt after this, not after megabytes."""
_FAREWELL_S: Final = 5.0


class Side(NamedTuple):
    """One of the two connections that meet in the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def listen() -> socket.socket:
    """A socket on a free port of this machine; what it accepts is tuned like it."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    tune(listening)
    return listening


async def connect(target: str) -> Side:
    """A connection to HOST:PORT, IPv6 addresses in brackets. Raises OSError."""
    host, _, port = target.rpartition(":")
    side = Side(*await asyncio.open_connection(host.strip("[]"), int(port), limit=CHUNK))
    tune(side.writer.get_extra_info("socket"))
    return side


def tune(each: socket.socket) -> None:
    """Small buffers, and nothing is kept back to be sent together."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        each.setsockopt(socket.SOL_SOCKET, option, _KERNEL_BUFFER)
    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def reset(writer: asyncio.StreamWriter) -> None:
    """End it with RST, as a program that crashed or a firewall does."""
    own = writer.get_extra_info("socket")
    if own is not None:  # uvloop has none any more once it is gone, or one that is closed
        with suppress(OSError, ValueError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def finish(side: Side) -> None:
    """End it with FIN; what the other side still says is not heard."""
    with suppress(OSError, TimeoutError):
        side.writer.write_eof()
        async with asyncio.timeout(_FAREWELL_S):
            while await side.reader.read(CHUNK):
                pass
    side.writer.transport.abort()
