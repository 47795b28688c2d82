"""Reading without joining: a game at any version, and all its events. Driver over grpc.aio."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Final, Self

import grpc
import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client.changes import Change
from planning_poker_client.errors import CommandRefused, ConnectionFailed, PokerError
from planning_poker_client.options import ClientOptions
from planning_poker_client.statuses import Status
from planning_poker_client.unary import Unary, status_from
from planning_poker_model.view import GameView
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub

# What another try may heal: reading twice does nothing twice.
_AGAIN: Final = frozenset({"UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN"})


def access(passcode: str, player_id: str, seat_secret: bytes) -> pb.ReadAccess:
    """What proves that one may read a game with a passcode."""
    given = pb.ReadAccess(passcode=passcode)
    if player_id:
        given.seat.player_id, given.seat.seat_secret = player_id, seat_secret
    return given


class Reads:
    """Reads on the channel that single commands have; both open it when they need it."""

    def __init__(self, unary: Unary, target: str, options: ClientOptions) -> None:
        self._unary = unary
        self._target = target
        self._options = options

    async def game(self, request: pb.GetGameRequest, timeout: float | None) -> GameView:
        """The game, once the server tells; raises PokerError."""
        patience = _Patience(self._target, self._options, timeout)
        while True:
            try:
                stub = PlanningPokerServiceStub(self._unary.channel())
                response = await stub.GetGame(
                    request, timeout=patience.left(), metadata=self._unary.metadata()
                )
            except grpc.aio.AioRpcError as error:
                await patience.after(status_from(error))
            else:
                return GameView.from_game(response.game)

    async def history(self, request: pb.ReadHistoryRequest) -> AsyncIterator[Change]:
        """The events, in order and once, however often the way to the server is lost."""
        patience = _Patience(self._target, self._options, None)
        while True:
            stub = PlanningPokerServiceStub(self._unary.channel())
            call = stub.ReadHistory(request, metadata=self._unary.metadata())
            try:
                async for response in call:
                    for event in response.batch.events:
                        request.after_version = event.version
                        yield Change(event.version, event.WhichOneof("event") or "", event)
                    patience = _Patience(self._target, self._options, None)
            except grpc.aio.AioRpcError as error:
                await patience.after(status_from(error))
            else:
                return
            finally:
                call.cancel()


class _Patience:
    """How long a read is tried for."""

    def __init__(self, target: str, options: ClientOptions, timeout: float | None) -> None:
        self._target = target
        self._options = options
        within = options.command_timeout if timeout is None else timeout
        self._deadline = asyncio.get_running_loop().time() + within
        self._failures = 0

    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    async def after(self, status: Status) -> None:
        """Wait before the next try; raises PokerError where another one would not help."""
        if status.code not in _AGAIN:
            raise self._failed(status)
        doublings = min(self._failures, 32)
        self._failures += 1
        longest = min(self._options.backoff_first * 2.0**doublings, self._options.backoff_longest)
        pause = random.random() * longest + status.retry_after.total_seconds()  # noqa: S311
        if pause >= self.left():
            raise self._failed(status)
        await asyncio.sleep(pause)

    def _failed(self, status: Status) -> PokerError:
        if status.reason != pb.REASON_UNSPECIFIED:
            return CommandRefused(status.refusal)
        if status.code == "UNIMPLEMENTED":
            message = f"What answers at {self._target} does not let games be read."
            return ConnectionFailed(message, retryable=False)
        message = f"{self._target} did not answer: {status.message or status.code}"
        return ConnectionFailed(message, retryable=status.code in _AGAIN | {"DEADLINE_EXCEEDED"})


class History:
    """The events of a game from a version on: an asynchronous iterator that ends at the newest."""

    def __init__(self, events: AsyncIterator[Change]) -> None:
        self._events = events

    def __aiter__(self) -> Self:
        return self

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come: it may, until the end."""
        return True

    async def __anext__(self) -> Change:
        return await anext(self._events)
