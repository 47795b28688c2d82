"""The driver of a watch: carries a Watching over grpc.aio, one stream after another.

One task reads, and only while nothing waits to be taken, so that gRPC's flow
control holds the rest back at the server. Time and chance enter here.
"""

import asyncio
import weakref
from contextlib import suppress
from types import TracebackType
from typing import Self

import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client import logs
from planning_poker_client.calls.statuses import Status
from planning_poker_client.calls.unary import Unary, status_from
from planning_poker_client.endpoint import Endpoint
from planning_poker_client.errors import ClientClosed, ConnectionLost
from planning_poker_client.feed.items import FeedItem
from planning_poker_client.feed.watching import ENDED, SILENT, Watching
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub

_OWN_ERROR = "The client met an error of its own; its log tells."


class Watches:
    """The watches of a client; each begins with its first step."""

    def __init__(self, unary: Unary) -> None:
        self._unary = unary
        # A dictionary where a set would do: they end in the order they began.
        self._running: dict[_Reader, None] = {}

    @property
    def closed(self) -> bool:
        """Whether none can begin."""
        return self._unary.closed

    def watch(self, request: pb.WatchEventsRequest) -> "Watch":
        """A watch; nothing is sent yet."""
        return Watch(self, request)

    def begin(self, request: pb.WatchEventsRequest) -> "_Reader":
        """Have the events read. Raises ClientClosed."""
        if self.closed:
            raise ClientClosed("The client is closed.")
        reader = _Reader(self._unary.endpoint, request)
        self._running[reader] = None
        reader.task.add_done_callback(lambda _: self._running.pop(reader, None))
        return reader

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(reader.close() for reader in tuple(self._running)))


class Watch:
    """Events from a cursor on and then live: an asynchronous iterator, for one consumer.

    A connection that is lost is had again, and each event comes once and in
    order. It ends when it or the client is closed, and raises PokerError when
    the server will not let it go on. At most one message is read ahead.
    """

    def __init__(self, watches: Watches, request: pb.WatchEventsRequest) -> None:
        self._watches = watches
        self._request = request
        self._reader: _Reader | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Watch of {self._request.game_id or 'all games'}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    @property
    def cursor(self) -> str:
        """Where a new watch would go on: behind the last item that this one gave.

        While there is nothing to give, it moves on behind what the filters leave out.
        """
        return self._reader.watching.cursor if self._reader is not None else self._request.cursor

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come."""
        if self._reader is None:
            return not (self._closed or self._watches.closed)
        return self._reader.waits

    async def __anext__(self) -> FeedItem:
        if self._closed:
            raise StopAsyncIteration
        if self._reader is None:
            self._reader = self._watches.begin(self._request)
            # Whoever lets go of a watch, such as by a break, need not close it.
            weakref.finalize(self, self._reader.let_go).atexit = False
        return await self._reader.next()

    async def close(self) -> None:
        """End it; what was read ahead is left for a watch that goes on from `cursor`."""
        self._closed = True
        if self._reader is not None:
            await self._reader.close()


class _Reader:
    """What reads for a watch, and knows nothing of it, so that that may be forgotten."""

    def __init__(self, endpoint: Endpoint, request: pb.WatchEventsRequest) -> None:
        self.watching = Watching(endpoint.target, request, endpoint.options, _now())
        self._endpoint = endpoint
        self._target = endpoint.target
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self.task = asyncio.create_task(self._run(), name="planning-poker-watch")

    @property
    def waits(self) -> bool:
        """Whether there is nothing to take, nor to raise."""
        watching = self.watching
        return not (self._closing or watching.has_waiting or watching.error)

    async def next(self) -> FeedItem:
        """The next item; raises PokerError, and StopAsyncIteration once closed."""
        while self.waits:
            self._filled.clear()
            await self._filled.wait()
        if self._closing:
            raise StopAsyncIteration
        if not self.watching.has_waiting and self.watching.error is not None:
            raise self.watching.error
        item = self.watching.take()
        if not self.watching.has_waiting:
            self._emptied.set()
        return item

    async def close(self) -> None:
        """End the stream; leaves nothing behind."""
        self._end()
        await asyncio.wait({self.task})

    def let_go(self) -> None:
        """Likewise, from any thread, and without waiting."""
        with suppress(RuntimeError):  # its loop is over, and so is the stream
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        # Not cancelled twice, or the order in which a stream is ended would be cut short.
        if not self._closing:
            self._closing = True
            self._filled.set()
            self.task.cancel()

    async def _run(self) -> None:
        watching = self.watching
        try:
            while (retry_at := watching.retry_at) is not None:
                await asyncio.sleep(retry_at - _now())
                status = await self._stream()
                was_there = not watching.lost_because
                watching.lost(status, _now(), self._endpoint.chance.random())
                if watching.error is None:
                    logs.watch_lost(watching.lost_because, again=was_there)
        except Exception:
            logs.LOG.exception("what %s told could not be processed", self._target)
            watching.fail(ConnectionLost(_OWN_ERROR, retryable=False))
        finally:
            self._filled.set()

    async def _stream(self) -> Status:
        """Open a stream and take what it tells until it ends; the reason is returned."""
        # A connection of its own each time: what is dead on this one is not waited for.
        channel = self._endpoint.dial()
        request = self.watching.opened()
        call = PlanningPokerServiceStub(channel).WatchEvents(
            request, metadata=self._endpoint.metadata
        )
        try:
            while True:
                async with asyncio.timeout_at(self.watching.silent_at(_now())):
                    response = await call.read()
                if not isinstance(response, pb.WatchEventsResponse):
                    return ENDED
                await self._take(response)
        except TimeoutError:
            return SILENT
        except grpc.aio.AioRpcError as error:
            return status_from(error)
        finally:
            call.cancel()
            await channel.close(None)

    async def _take(self, response: pb.WatchEventsResponse) -> None:
        """Have it taken, before more is read."""
        if self.watching.lost_because:
            logs.watch_returned(self._target)
        self.watching.received(response, _now())
        if self.watching.has_waiting:
            self._emptied.clear()
            self._filled.set()
            await self._emptied.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
