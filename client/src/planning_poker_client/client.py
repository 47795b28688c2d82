"""The way in: one connection to a planning-poker service, and the games it follows."""

import secrets
from collections.abc import Mapping
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self, Unpack

import grpc

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import GameDetached
from planning_poker_client.exchange import CallOptions, Exchange
from planning_poker_client.game import Game
from planning_poker_client.options import ClientOptions
from planning_poker_client.service import ServiceState
from planning_poker_client.states import ConnectionState
from planning_poker_client.values import Role, Seconds, to_duration, to_role, to_settings
from planning_poker_client.watch import Services, States
from planning_poker_model.limits import SEAT_SECRET_BYTES

_PROTOCOL_VERSIONS: Final = (1,)


class PokerClient:
    """A client of the service, to be used in `async with`.

    One connection carries any number of games and seats. All methods belong to
    the event loop that opened it.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        client_name: str = "planning-poker-client",
        options: ClientOptions | None = None,
    ) -> None:
        """`target` is HOST:PORT; `credentials`, such as grpc.ssl_channel_credentials(), bring TLS.

        `token` proves who opens the connection, where the server asks for that.
        """
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ValueError("a token consists of printable ASCII characters")
        hello = pb.Hello(
            client_name=client_name,
            client_version=version("planning-poker-client"),
            instance_id=secrets.token_hex(16),
            versions=_PROTOCOL_VERSIONS,
        )
        self._exchange = Exchange(hello, target, options or ClientOptions(), token, credentials)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, or connect again after the connection was given up; raises ConnectionFailed."""
        await self._exchange.open()

    async def close(self) -> None:
        """Disconnect. Seats stay; commands without an answer raise OutcomeUnknown."""
        await self._exchange.close()

    @property
    def state(self) -> ConnectionState:
        """Disconnected, Connecting, Connected, Reconnecting or Failed."""
        return self._exchange.state

    def states(self) -> States:
        """The state now and each that follows, for `async for`, until the client is closed."""
        return self._exchange.states()

    async def reconnect(self) -> None:
        """Connect at once: after the connection was given up, or instead of waiting on.

        Returns once connected. Raises ConnectionFailed when that takes longer than
        `connect_timeout`; what was not given up is tried further.
        """
        await self._exchange.reconnect()

    @property
    def service(self) -> ServiceState:
        """Available, Degraded (with what still works) or Unavailable."""
        return self._exchange.service

    def services(self) -> Services:
        """What works now and each change of it, for `async for`, until the client is closed."""
        return self._exchange.services()

    async def create_game(
        self,
        name: str,
        *,
        player: str = "",
        deck: str | pb.Deck | None = None,
        role: Role = "voter",
        auto_reveal: bool = False,
        settings: pb.GameSettings | None = None,
        passcode: str = "",
        labels: Mapping[str, str] | None = None,
        lifetime: Seconds | None = None,
        external_id: str = "",
        seat_secret: bytes | None = None,
        **options: Unpack[CallOptions],
    ) -> Game:
        """Open a game and take a seat in it as `player`, its facilitator.

        Without `player` the game is managed without a seat. `deck` names a
        built-in one ("fibonacci", …) or is one of your own; it goes before
        that of `settings`.
        """
        create = pb.CreateGame(
            display_name=name,
            settings=to_settings(settings, deck, auto_reveal),
            passcode=passcode,
            labels=labels,
        )
        if lifetime is not None:
            create.ttl.CopyFrom(to_duration(lifetime))
        secret = b""
        if player:
            secret = _secret(seat_secret)
            join = _join(player, role, secret, external_id)
            create.creator.CopyFrom(join)
        receipt = await self._exchange.call(pb.Command(create_game=create), options)
        return await self._game(receipt, secret, passcode, options)

    async def join(
        self,
        game: str,
        name: str,
        *,
        role: Role = "voter",
        passcode: str = "",
        external_id: str = "",
        proxied: bool = False,
        seat_secret: bytes | None = None,
        **options: Unpack[CallOptions],
    ) -> Game:
        """Take a seat in a game named by its join code or id.

        The secret that proves the seat is random unless given. With the same
        secret, joining again gives the same seat, whatever became of the first try.
        """
        secret = _secret(seat_secret)
        join = _join(name, role, secret, external_id)
        join.passcode = passcode
        join.proxied = proxied
        if not options.get("request_id"):
            # A game that is followed goes on event by event, and the seat is
            # attached afterwards; but the same request is always the same command.
            join.attach = not self._exchange.follows(game)
        command = pb.Command(game_id=game, join_game=join)
        receipt = await self._exchange.call(command, options)
        return await self._game(receipt, secret, passcode, options)

    async def attach(
        self,
        game: str,
        *,
        player_id: str = "",
        seat_secret: bytes = b"",
        passcode: str = "",
        timeout: float | None = None,
    ) -> Game:
        """Follow a game named by its join code or id: with a seat held before, or as a watcher."""
        attach = pb.Attach(game_id=game, passcode=passcode)
        if player_id:
            attach.seats.append(pb.Seat(player_id=player_id, seat_secret=seat_secret))
        receipt = await self._exchange.attach(attach, timeout)
        inbox = self._exchange.inbox(receipt.game_id)
        if inbox is None or (player_id and player_id not in inbox.seats):
            raise GameDetached("The game was detached at once.", "LOST", retryable=True)
        return Game(self._exchange, inbox, player_id, seat_secret)

    async def _game(
        self, receipt: Receipt, secret: bytes, passcode: str, options: CallOptions
    ) -> Game:
        """The game of a command that gave a seat, which normally attached it, too."""
        player_id = receipt.player_id
        inbox = self._exchange.inbox(receipt.game_id)
        if inbox is not None and player_id in inbox.seats:
            return Game(self._exchange, inbox, player_id, secret)
        return await self.attach(
            receipt.game_id,
            player_id=player_id,
            seat_secret=secret,
            passcode=passcode,
            timeout=options.get("timeout"),
        )


def _secret(given: bytes | None) -> bytes:
    if given is None:
        return secrets.token_bytes(SEAT_SECRET_BYTES)
    if len(given) != SEAT_SECRET_BYTES:
        raise ValueError(f"a seat secret has {SEAT_SECRET_BYTES} bytes, not {len(given)}")
    return given


def _join(name: str, role: Role, secret: bytes, external_id: str) -> pb.JoinGame:
    return pb.JoinGame(
        display_name=name,
        role=to_role(role),
        seat_secret=secret,
        external_id=external_id,
        attach=True,
    )
