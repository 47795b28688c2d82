"""Removing a game for good. Driver over grpc.aio."""

import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client.calls.patience import Patience
from planning_poker_client.calls.statuses import Status
from planning_poker_client.calls.unary import Unary, status_from
from planning_poker_client.errors import (
    ClientClosed,
    ConnectionFailed,
    OutcomeUnknown,
    PokerError,
)
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub


class Purges:
    """Purges on the channel that single commands have."""

    def __init__(self, unary: Unary) -> None:
        self._unary = unary
        self._endpoint = unary.endpoint

    async def purge(self, request: pb.PurgeGameRequest, timeout: float | None) -> str:
        """The id of the game that is gone, once the server tells; raises PokerError."""
        patience = Patience(self._endpoint, timeout)
        while True:
            stub = PlanningPokerServiceStub(self._unary.channel())
            try:
                with self._unary.calling():
                    response = await stub.PurgeGame(
                        request, timeout=patience.left(), metadata=self._endpoint.metadata
                    )
                    return response.game_id
            except ClientClosed as closed:
                raise _unknown(closed) from closed
            except grpc.aio.AioRpcError as error:
                await self._wait(patience, status_from(error))

    async def _wait(self, patience: Patience, status: Status) -> None:
        try:
            await patience.after(status)
        except ConnectionFailed as failed:
            if not failed.retryable:
                raise
            raise _unknown(failed) from failed


def _unknown(error: PokerError) -> OutcomeUnknown:
    return OutcomeUnknown(f"{error} Whether the game is gone is unknown: purge it again.", "")
