"""The server as its client reaches it: its address, how connections are opened, where chance is."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import grpc
import grpc.aio

from planning_poker_client.options import ClientOptions

Dial: TypeAlias = Callable[[], grpc.aio.Channel]
"""Opens a connection for whoever asks, and is to close it, and does not wait."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What everything that talks to one server shares."""

    target: str
    """As it is named to people."""
    options: ClientOptions
    dial: Dial
    chance: Random
    token: str | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What each call brings along."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


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


def by_grpc(
    target: str, credentials: grpc.ChannelCredentials | None, options: ClientOptions
) -> Dial:
    """Connections over the network; `credentials` bring TLS."""
    arguments = channel_options(options)
    if credentials is None:
        return lambda: grpc.aio.insecure_channel(target, arguments)
    return lambda: grpc.aio.secure_channel(target, credentials, arguments)
