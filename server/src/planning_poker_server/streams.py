"""Drives one Session on a grpc.aio stream: one reader, one writer, one alarm."""

import asyncio
from typing import Any

from google.protobuf.message import DecodeError
from loguru import logger

import planningpoker.v1 as pb
from planning_poker_server.calls import Context
from planning_poker_server.clock import Alarm, Clock
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.metrics import Metrics
from planning_poker_server.requests import (
    Acknowledged,
    AttachRequest,
    CommandRequest,
    DetachRequest,
    Request,
)
from planning_poker_server.rooms import Rooms
from planning_poker_server.session import Session

_STALLED = "Nothing was taken for too long: connect again."


class PlayStream:
    """One call of Play."""

    def __init__(
        self,
        session: Session,
        rooms: Rooms,
        context: Context,
        peer: str,
        clock: Clock,
        stall_ms: int,
        metrics: Metrics,
    ) -> None:
        """A peer that takes nothing for `stall_ms` is cut off."""
        self.session = session
        self._rooms = rooms
        self._context = context
        self._peer = peer
        self._clock = clock
        self._now_ms = clock.now_ms
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._half_closed = False
        self._failure: Exception | None = None
        self._alarm: Alarm | None = None
        self._alarm_ms = 0
        self._stall_ms = stall_ms
        self._metrics = metrics
        self._task: asyncio.Task[Any] | None = None
        self._writing_since_ms: int | None = None
        self._is_cut_off = False

    def wake(self) -> None:
        """Something may be there to write."""
        self._wake.set()

    def tell_status(self, status: pb.ServiceStatus) -> None:
        """The service's state changed."""
        self.session.tell_status(status)
        self.wake()

    def drain(self, refusal: pb.Refusal) -> None:
        """Answer what was asked, write what is ready, tell the client to come back, and end."""
        self.session.drain(refusal, self._now_ms())
        self.wake()

    async def run(self) -> pb.Refusal | None:
        """Serve until the client closes (None) or the session ends (why).

        Raises whatever reading or writing raised.
        """
        self._task = asyncio.current_task()
        reader = asyncio.get_running_loop().create_task(self._read())
        try:
            return await self._write()
        except asyncio.CancelledError:
            if not self._is_cut_off or self._task is None or self._task.uncancel() > 0:
                raise
            # Not as a cancellation: that ends the call here and tells the peer nothing, ever,
            # so that one which reads again would take a dead stream for a live one.
            return refuse(pb.REASON_TIMEOUT, _STALLED)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            self.session.gone = True
            self._rooms.disconnected(self)
            reader.cancel()
            await asyncio.wait({reader})

    # The one reader

    async def _read(self) -> None:
        try:
            while self.session.ending is None:
                # EOF is an object of grpc's own, not bytes.
                message = await self._context.read()
                if not isinstance(message, bytes):
                    # Not a leave: the client may have vanished, or may only
                    # have said all it had to say.
                    self._half_closed = True
                    return
                await self._receive(message)
                while self.session.congested:
                    self._drained.clear()
                    await self._drained.wait()
        except Exception as error:
            # For the writer to raise: a stream that hears nothing must not go on.
            self._failure = error
        finally:
            self.wake()

    async def _receive(self, message: bytes) -> None:
        now_ms = self._now_ms()
        try:
            envelope = pb.ClientEnvelope.FromString(message)
        except DecodeError:
            text = "A message could not be decoded as a ClientEnvelope."
            self.session.end(refuse(pb.REASON_MALFORMED, text), now_ms)
            return
        requests = self.session.receive(envelope, now_ms)
        self.session.charge(len(message))
        for request in requests:
            await self._pass_on(request)
        # Most messages are acknowledgements, which leave nothing to write; a
        # request may have to be timed.
        if requests or self.session.has_output:
            self.wake()

    async def _pass_on(self, request: Request) -> None:
        match request:
            case CommandRequest():
                self._rooms.command(self, self._peer, request)
            case AttachRequest():
                # In turn: a command that follows finds its seat held.
                await self._rooms.attach(self, self._peer, request)
            case DetachRequest():
                self._rooms.unsubscribe(self, request.game_id)
            case Acknowledged():
                self._rooms.acknowledged(self, request.game_id)

    # The one writer

    async def _write(self) -> pb.Refusal | None:
        session = self.session
        while True:
            now_ms = self._now_ms()
            frame = session.next_frame(now_ms)
            if session.dropped:
                self._drop()
            if frame is not None:
                self._writing_since_ms = now_ms
                if self._alarm is None:
                    self._set_alarm()
                await self._context.write(frame)
                self._writing_since_ms = None
                if not session.congested:
                    self._drained.set()
                continue
            if self._failure is not None:
                raise self._failure
            if session.ending is not None:
                return session.ending
            if self._half_closed and session.idle:
                return None
            self._wake.clear()
            self._set_alarm()
            await self._wake.wait()

    def _drop(self) -> None:
        """Tell the rooms what the session gave up, and whoever looks at the log."""
        while self.session.dropped:
            dropped = self.session.dropped.pop()
            self._rooms.unsubscribe(self, dropped.game_id)
            reason = pb.DetachReason.Name(dropped.reason).removeprefix("DETACH_REASON_")
            self._metrics.detached.labels(reason).inc()
            logger.bind(game_id=dropped.game_id).warning(
                "delivery failed, {}: version {} was sent and {} acknowledged",
                reason,
                dropped.sent,
                dropped.acknowledged,
            )

    # Time, which goes on while a write takes long

    def _set_alarm(self) -> None:
        # An alarm that comes too early is set again; keeping it is cheaper
        # than moving it with every command. One that comes too late is moved.
        due_ms = self._due_ms()
        if due_ms is None:
            return
        if self._alarm is not None and self._alarm_ms <= due_ms:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_ms = self._clock.call_at(due_ms, self._ring), due_ms

    def _due_ms(self) -> int | None:
        due_ms = self.session.timer() if self._failure is None else None
        if self._writing_since_ms is None:
            return due_ms
        stalled_ms = self._writing_since_ms + self._stall_ms
        return stalled_ms if due_ms is None else min(due_ms, stalled_ms)

    def _ring(self) -> None:
        self._alarm = None
        now_ms = self._now_ms()
        try:
            self._tick(now_ms)
        except Exception as error:
            # The loop would log it, and nothing of this stream be timed ever again.
            self._failure = error
        since_ms = self._writing_since_ms
        if since_ms is not None and now_ms >= since_ms + self._stall_ms and self._task is not None:
            # Nothing can be said to it any more, not even goodbye.
            logger.warning("a stream was cut off: its peer has taken nothing for too long")
            self._metrics.stalled.inc()
            self._is_cut_off = True
            self._task.cancel()
            return
        self.wake()
        self._set_alarm()

    def _tick(self, now_ms: int) -> None:
        self.session.tick(now_ms)
        self._metrics.redeliveries.inc(self.session.take_redelivered())
        self._drop()
