"""A player as raw envelopes: told events, counts them, acknowledges as the protocol wants."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import planningpoker.v1 as pb
from benchmarks.load.counts import Counts
from benchmarks.load.stream import RawStream
from planning_poker_model.view import CRITICAL_EVENTS

ACK_EVERY_EVENTS: Final = 50
ACK_WITHIN_S: Final = 0.2
_PATIENCE_S: Final = 30


class Player:
    """One seat on a stream of its own, at our server or at a peer."""

    def __init__(
        self,
        address: str,
        method: str,
        ack: Callable[[int], bytes],
        counts: Counts,
        due: Mapping[str, float],
    ) -> None:
        self.on_frame: Callable[[pb.ServerEnvelope, bytes], None] | None = None
        self._ack = ack
        self._counts = counts
        self._due = due
        self._version = 0
        self._unacknowledged = 0
        self._alarm: asyncio.TimerHandle | None = None
        self.stream = RawStream(address, method, self._receive)

    def _receive(self, message: bytes) -> None:
        envelope = pb.ServerEnvelope.FromString(message)
        payload = envelope.WhichOneof("payload") or ""
        counts = self._counts
        counts.frames[payload] += 1
        counts.bytes += len(message)
        if payload == "event_batch":
            batch = envelope.event_batch
            self._version = batch.first_version + max(0, len(batch.events) - 1)
            self._told(batch.events)
        elif payload == "command_result" and envelope.command_result.HasField("refusal"):
            reason = envelope.command_result.refusal.reason
            counts.refusals[pb.Reason.Name(reason)] += 1
        if self.on_frame is not None:
            self.on_frame(envelope, message)

    def _told(self, events: Sequence[pb.GameEvent]) -> None:
        now, critical = time.perf_counter(), False
        for event in events:
            critical = critical or event.WhichOneof("event") in CRITICAL_EVENTS
            due = self._due.get(event.correlation_id)
            if due is not None and event.HasField("vote_submitted"):
                self._counts.seen_ms.append((now - due) * 1e3)
        self._counts.events += len(events)
        self._unacknowledged += len(events)
        if critical or self._unacknowledged >= ACK_EVERY_EVENTS:
            self._acknowledge()
        elif self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(ACK_WITHIN_S, self._acknowledge)

    def _acknowledge(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._unacknowledged = 0
        self._counts.acks += 1
        self.stream.send(self._ack(self._version))

    async def ask(self, message: bytes, answer: str) -> pb.ServerEnvelope:
        """Send a message and wait for a payload of the kind that answers it."""
        answered: asyncio.Future[pb.ServerEnvelope] = asyncio.get_running_loop().create_future()

        def look(envelope: pb.ServerEnvelope, _message: bytes) -> None:
            if envelope.WhichOneof("payload") == answer and not answered.done():
                answered.set_result(envelope)

        self.on_frame = look
        self.stream.send(message)
        try:
            return await asyncio.wait_for(answered, _PATIENCE_S)
        finally:
            self.on_frame = None

    async def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        await self.stream.close()
