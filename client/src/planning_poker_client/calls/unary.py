"""The driver of single commands: carries Tries over grpc.aio. Time and chance enter here."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client.calls.statuses import Status, status_of
from planning_poker_client.calls.tries import Pause, Tries
from planning_poker_client.changes import Receipt
from planning_poker_client.endpoint import Endpoint
from planning_poker_client.errors import ClientClosed, PokerError
from planning_poker_client.logs import LOG
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub


class Unary:
    """Commands without a stream, on a channel of their own that the first of them opens."""

    def __init__(self, endpoint: Endpoint, instance_id: str) -> None:
        self.closed = False
        """Set by `close`, to be unset by whoever opens the client again."""
        self.endpoint = endpoint
        self._instance_id = instance_id
        self._channel: grpc.aio.Channel | None = None

    async def execute(
        self,
        command: pb.Command,
        correlation_id: str,
        seat_secret: bytes = b"",
        timeout: float | None = None,
    ) -> Receipt:
        """Send a command until it is answered, under one id; raises PokerError."""
        request = pb.ExecuteRequest(
            correlation_id=correlation_id,
            command=command,
            seat_secret=seat_secret,
            instance_id=self._instance_id,
        )
        options = self.endpoint.options
        within = options.command_timeout if timeout is None else timeout
        tries = Tries(self.endpoint.target, correlation_id, _now() + within, options)
        while True:
            if self.closed:
                raise tries.closed()
            outcome = await self._try(request, tries)
            if isinstance(outcome, PokerError):
                raise outcome
            if isinstance(outcome, Receipt):
                return outcome
            await asyncio.sleep(outcome.seconds)

    async def close(self) -> None:
        """Close the channel; who still waits for an answer gets OutcomeUnknown."""
        self.closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    async def _try(self, request: pb.ExecuteRequest, tries: Tries) -> Receipt | PokerError | Pause:
        channel = self._open()
        try:
            # Once a call is sent, nobody knows whether it arrived; before, everybody does.
            async with asyncio.timeout_at(tries.connect_by(_now())):
                await channel.channel_ready()
            timeout = max(0.0, tries.deadline - _now())
            call = PlanningPokerServiceStub(channel).Execute(
                request, timeout=timeout, metadata=self.endpoint.metadata
            )
            response = await call
        except TimeoutError:
            return tries.over()
        except grpc.aio.AioRpcError as error:
            LOG.debug("a call to %s failed: %s", self.endpoint.target, error.code())
            return tries.failed(status_from(error), _now(), self.endpoint.chance.random())
        except (asyncio.CancelledError, grpc.aio.UsageError):
            if not self.closed or _is_cancelled():
                raise
            tries.cut_off()
            return tries.closed()
        return tries.answered(response.result, _now(), self.endpoint.chance.random())

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = self.endpoint.dial()
        return self._channel

    def channel(self) -> grpc.aio.Channel:
        """For calls that are no commands. Raises ClientClosed."""
        if self.closed:
            raise ClientClosed("The client is closed.")
        return self._open()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around such a call: raises ClientClosed where the client is closed meanwhile."""
        try:
            yield
        except (asyncio.CancelledError, grpc.aio.UsageError):
            if not self.closed or _is_cancelled():
                raise
            raise ClientClosed("The client was closed meanwhile.") from None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _is_cancelled() -> bool:
    """Whether it is the caller that was cancelled, and not only its call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def status_from(error: grpc.aio.AioRpcError) -> Status:
    """What a call that failed tells."""
    metadata: Any = error.trailing_metadata() or ()
    details = dict(metadata).get("grpc-status-details-bin")
    code = error.code()
    raw = details if isinstance(details, bytes) else b""
    return status_of(code.name, code.value[0], error.details() or "", raw)
