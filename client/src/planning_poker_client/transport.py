"""The driver: runs a Connection over one line after another.

One reader and one writer per line, as grpc.aio needs it; neither is ever
under a time-out, since giving up a read or a write ends the whole call. Time
and randomness enter the connection here.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import grpc
import grpc.aio

from planning_poker_client.connection import Connection
from planning_poker_client.endpoint import Endpoint
from planning_poker_client.line import Line
from planning_poker_client.logs import LOG
from planning_poker_client.notices import Hangup, Loss, Notice
from planning_poker_client.states import Connected

# Statuses of a stream that another one would only repeat.
_FINAL: Final = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
    }
)
_OWN_ERROR: Final = Loss("The client met an error of its own; its log tells.", retryable=False)


class Transport:
    """Opens streams as the connection wants them, and carries its messages."""

    def __init__(
        self, endpoint: Endpoint, connection: Connection, tell: Callable[[Notice], None]
    ) -> None:
        """`tell` gets each notice on the event loop; it must not wait and not raise."""
        self._endpoint = endpoint
        self._target = endpoint.target
        self._connection = connection
        self._tell = tell
        self._running: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._hurried = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._hung_up: asyncio.Future[Loss] | None = None
        self._closing = False

    def now(self) -> float:
        """The clock of everything here, in seconds."""
        return asyncio.get_running_loop().time()

    def start(self) -> None:
        """Begin to do what the connection wants."""
        self._closing = False
        self._more = asyncio.Event()  # of this event loop, which need not be the one before
        self._running = asyncio.create_task(self._run(), name="planning-poker-connection")

    def poke(self) -> None:
        """There may be something to write, or another time to wait for."""
        self._more.set()
        self._set_timer(self.now())

    def hurry(self) -> None:
        """The connection wants its next stream sooner than it did."""
        self._hurried.set()

    async def close(self) -> None:
        """End the stream, with what is acknowledged still said; leaves nothing behind."""
        running = self._running
        if running is None:
            return
        self._closing = True
        try:
            if isinstance(self._connection.state, Connected):
                self._connection.finish()
                self.poke()
                await asyncio.wait({running}, timeout=self._endpoint.options.close_timeout)
        finally:
            # Also where closing is cut short. What ends here is not cancelled twice, or the
            # order in which a stream is ended would be cut short, too.
            running.cancel()
            await asyncio.wait({running})
            self._running = None
            self._cancel_timer()

    # One stream after another

    async def _run(self) -> None:
        while (retry_at := self._connection.retry_at) is not None and not self._closing:
            if retry_at > self.now():
                await self._until(retry_at)
                continue
            loss = await self._stream()
            if not self._closing:
                jitter = self._endpoint.chance.random()
                self._tell_all(self._connection.lost(loss, self.now(), jitter))
                self._set_timer(self.now())

    async def _until(self, time: float) -> None:
        """Wait until then, or until the connection is in a hurry."""
        self._hurried.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(time):
                await self._hurried.wait()

    async def _stream(self) -> Loss:
        """Open a stream and use it until it ends; the reason is returned."""
        line = Line(self._endpoint)
        self._hung_up = asyncio.get_running_loop().create_future()
        self._connection.opened(self.now())
        reader = asyncio.create_task(self._read(line), name="planning-poker-reader")
        writer = asyncio.create_task(self._write(line), name="planning-poker-writer")
        try:
            self.poke()
            await asyncio.wait({reader, self._hung_up}, return_when=asyncio.FIRST_COMPLETED)
            return self._hung_up.result() if self._hung_up.done() else reader.result()
        finally:
            # In this order; any other leaks sockets (grpc#42125).
            self._cancel_timer()
            writer.cancel()
            reader.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            await line.close()

    async def _read(self, line: Line) -> Loss:
        try:
            while (envelope := await line.read()) is not None:
                self._tell_all(self._connection.receive(envelope, self.now()))
                self._look_again()
        except grpc.aio.AioRpcError as error:
            LOG.debug("stream to %s ended: %s %s", self._target, error.code(), error.details())
            return self._explain(error.code(), error.details() or "")
        except Exception:
            LOG.exception("what %s sent could not be processed", self._target)
            return _OWN_ERROR
        return Loss(f"{self._target} ended the connection.", retryable=True)

    async def _write(self, line: Line) -> None:
        try:
            while True:
                self._more.clear()
                now = self.now()
                for envelope in self._connection.outgoing(now):
                    await line.write(envelope)
                if self._more.is_set():
                    continue
                if self._closing:
                    await line.done_writing()
                    return
                self._set_timer(now)
                await self._more.wait()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the call is over; the reader says why
        except Exception:
            LOG.exception("what was to be sent to %s could not be", self._target)
            self._tell_all((Hangup(_OWN_ERROR),))

    # Time

    def _look_again(self) -> None:
        """After input: wake the writer if it has something to do."""
        now = self.now()
        wake = self._connection.wake()
        if wake is not None and wake <= now:
            self._more.set()
        self._set_timer(now)

    def _set_timer(self, looked: float) -> None:
        """Wait for what comes next; `looked` is the time of the last look at what is to be sent.

        What was due then is not waited for, or a busy writer would be woken
        without end; what has become due since is, or it would be forgotten.
        """
        self._cancel_timer()
        times = self._connection.timer(), self._connection.wake(looked)
        due = min((time for time in times if time is not None), default=None)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._tell_all(self._connection.tick(self.now()))
        self.poke()

    # What happened

    def _tell_all(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            if not isinstance(notice, Hangup):
                self._tell(notice)
            elif self._hung_up is not None and not self._hung_up.done():
                self._hung_up.set_result(notice.loss)

    def _explain(self, code: grpc.StatusCode, details: str) -> Loss:
        retryable = code not in _FINAL
        if isinstance(self._connection.state, Connected):
            reason = details if not retryable else ""
            return Loss(f"The connection to {self._target} was lost. {reason}".strip(), retryable)
        if code is grpc.StatusCode.UNAVAILABLE:
            message = f"Nothing answers at {self._target}: is the server running?"
        elif code is grpc.StatusCode.UNIMPLEMENTED:
            message = f"What answers at {self._target} is not a planning-poker server."
        elif code is grpc.StatusCode.UNAUTHENTICATED:
            message = f"{self._target} does not accept the token: {details or 'none was given'}"
        else:
            message = f"{self._target} refuses the connection: {details or code.name}"
        return Loss(message, retryable)
