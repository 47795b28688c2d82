"""The line to a server: one stream of Play, on a connection of its own."""

import planningpoker.v1 as pb
from planning_poker_client.endpoint import Endpoint
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub


class Line:
    """One stream; one task reads and one writes.

    Whether anybody answers shows in reading. Once the stream is over, reading
    raises grpc.aio.AioRpcError with the status, and writing that or
    asyncio.InvalidStateError.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Opens it, and does not wait."""
        self._channel = endpoint.dial()
        self._call = PlanningPokerServiceStub(self._channel).Play(None, metadata=endpoint.metadata)

    async def read(self) -> pb.ServerEnvelope | None:
        """The next message; None: the server ended the stream in order."""
        envelope = await self._call.read()
        # EOF is an object of grpc's own.
        return envelope if isinstance(envelope, pb.ServerEnvelope) else None

    async def write(self, envelope: pb.ClientEnvelope) -> None:
        """Send a message; waits while the line takes no more."""
        envelope.timestamp.GetCurrentTime()
        await self._call.write(envelope)

    async def done_writing(self) -> None:
        """Nothing more is written."""
        await self._call.done_writing()

    async def close(self) -> None:
        """Give the stream up, whatever is on its way; nobody reads or writes any more."""
        self._call.cancel()
        await self._channel.close(None)
