"""A client's raw stream: bytes in and out, one reader and one writer, and little else."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import grpc

# Else channels to one address share a connection, and clients are apart.
_OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


class StreamEnded(Exception):
    """The server ended a stream that the load still needs."""


class RawStream:
    """One call on a connection of its own."""

    def __init__(self, address: str, method: str, receive: Callable[[bytes], None]) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        # Without serialisers: bytes, as they are.
        self._call = self._channel.stream_stream(method, None, None)(None)
        self._receive = receive
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read()), loop.create_task(self._write())]
        self.ended: str | None = None

    def send(self, message: bytes) -> None:
        """Queue a message; it is written as fast as the stream takes it."""
        self._waiting.append(message)
        self._wake.set()

    async def _read(self) -> None:
        try:
            while isinstance(message := await self._call.read(), bytes):
                self._receive(message)
            self.ended = f"{await self._call.code()}: {await self._call.details()}"
        except Exception as error:
            self.ended = repr(error)
            raise

    async def _write(self) -> None:
        while True:
            while self._waiting:
                await self._call.write(self._waiting.popleft())
            self._wake.clear()
            await self._wake.wait()

    async def close(self) -> None:
        """Cancel the reader before the call, and the call before the channel."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._call.cancel()
        with suppress(asyncio.CancelledError):
            await self._call.code()
        await self._channel.close(None)
