"""The line to a server: one stream of Play, over grpc.aio unless somebody brings another kind."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import grpc
import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client.options import ClientOptions
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub


class Line(Protocol):
    """One stream; one task reads and one writes.

    Once the stream is over, reading raises grpc.aio.AioRpcError with the
    status, and writing that or asyncio.InvalidStateError.
    """

    async def read(self) -> pb.ServerEnvelope | None:
        """The next message; None: the server ended the stream in order."""
        ...

    async def write(self, envelope: pb.ClientEnvelope) -> None:
        """Send a message; waits while the line takes no more."""
        ...

    async def done_writing(self) -> None:
        """Nothing more is written."""
        ...

    async def close(self) -> None:
        """Give the stream up, whatever is on its way; nobody reads or writes any more."""
        ...


Dial: TypeAlias = Callable[[], Line]
"""Opens a line, and does not wait: whether anybody answers shows in reading."""


def channel_options(options: ClientOptions) -> list[tuple[str, int]]:
    """The channel's arguments; the server allows a ping every 10 s."""
    return [
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        # The core's name is misleading: it is how long one attempt to connect
        # may take, TLS handshake included, so it is not as short as the others.
        ("grpc.min_reconnect_backoff_ms", round(options.attempt_timeout * 1000)),
        ("grpc.max_receive_message_length", options.max_receive_bytes),
        # A stream is not tried again by the core, and each has a connection of
        # its own, so that a draining server is left for another one.
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]


def open_channel(
    target: str, credentials: grpc.ChannelCredentials | None, options: ClientOptions
) -> grpc.aio.Channel:
    """A connection of its own, for whoever asks for it to close."""
    if credentials is None:
        return grpc.aio.insecure_channel(target, channel_options(options))
    return grpc.aio.secure_channel(target, credentials, channel_options(options))


class GrpcLine:
    """A stream on a connection of its own."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None) -> None:
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel = channel
        self._call = PlanningPokerServiceStub(channel).Play(None, metadata=metadata)

    async def read(self) -> pb.ServerEnvelope | None:
        envelope = await self._call.read()
        # EOF is an object of grpc's own.
        return envelope if isinstance(envelope, pb.ServerEnvelope) else None

    async def write(self, envelope: pb.ClientEnvelope) -> None:
        envelope.timestamp.GetCurrentTime()
        await self._call.write(envelope)

    async def done_writing(self) -> None:
        await self._call.done_writing()

    async def close(self) -> None:
        self._call.cancel()
        await self._channel.close(None)


def by_grpc(
    target: str,
    token: str | None,
    credentials: grpc.ChannelCredentials | None,
    options: ClientOptions,
) -> Dial:
    """Opens lines to `target`."""
    return lambda: GrpcLine(open_channel(target, credentials, options), token)
