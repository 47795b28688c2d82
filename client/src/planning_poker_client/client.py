"""The way in: one connection to a planning-poker service, and the games it follows."""

from collections.abc import Sequence
from importlib.metadata import version
from random import Random
from types import TracebackType
from typing import Final, Self, Unpack

import grpc

import planningpoker.v1 as pb
from planning_poker_client.calls.listing import GameList, ListOptions, list_request
from planning_poker_client.calls.purging import Purges
from planning_poker_client.calls.reads import History, Reads
from planning_poker_client.calls.unary import Unary
from planning_poker_client.chance import SYSTEM
from planning_poker_client.changes import Receipt
from planning_poker_client.endpoint import Dial, Endpoint, by_grpc
from planning_poker_client.errors import CommandRefused, GameDetached
from planning_poker_client.exchange import CallOptions, Exchange
from planning_poker_client.feed.items import WatchOptions, watch_request
from planning_poker_client.feed.watcher import Watch, Watches
from planning_poker_client.game import Game
from planning_poker_client.handles import SeatHandle, Ways
from planning_poker_client.logs import LOG
from planning_poker_client.options import ClientOptions
from planning_poker_client.seats.keeper import DEAD, SeatKeeper
from planning_poker_client.seats.keys import is_game_id
from planning_poker_client.seats.seating import CreateOptions, JoinOptions
from planning_poker_client.seats.sitting import Sitting
from planning_poker_client.seats.store import SeatStore, StoredSeat
from planning_poker_client.service import ServiceState
from planning_poker_client.states import ConnectionState
from planning_poker_client.values import to_access
from planning_poker_client.watch import Services, States
from planning_poker_model.view import GameView

_PROTOCOL_VERSIONS: Final = (1,)
_ATTACHES: Final = 2
"""How often a game is attached that was let go, by another, between its answer and here."""
_GONE: Final = frozenset({DEAD, "GAME_NOT_FOUND", "GAME_ENDED"})
"""Why a seat that was kept is none any more."""


class PokerClient:
    """A client of the service, to be used in `async with`.

    One connection carries any number of games and seats. All methods belong to
    the event loop that opened it. What begins with `execute`, and the handles
    that `seat` gives, need no connection: with `connect=False` none is opened.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        client_name: str = "planning-poker-client",
        instance_id: str | None = None,
        connect: bool = True,
        seats: SeatStore | None = None,
        seat_key: bytes | None = None,
        options: ClientOptions | None = None,
        dial: Dial | None = None,
        chance: Random = SYSTEM,
    ) -> None:
        """`target` is HOST:PORT; `credentials`, such as grpc.ssl_channel_credentials(), bring TLS.

        `token` proves who opens the connection, where the server asks for that.
        `instance_id` is a secret of up to 64 characters, random unless given:
        without authentication, what games without a seat are managed by.
        `seats` keeps seats across restarts of the process; `seat_key`, at least
        32 bytes, derives their secrets from the game's id and the external id
        instead, so that nothing need be kept.

        `dial` opens connections by another way than over the network, and `chance` is where
        ids, secrets and pauses come from: for simulations, which repeat what happened.
        """
        if token is not None and not (token.isascii() and token.isprintable()):
            raise ValueError("a token consists of printable ASCII characters")
        self._keeper = SeatKeeper(seats, seat_key, chance)
        instance_id = instance_id or chance.randbytes(16).hex()
        hello = pb.Hello(
            client_name=client_name,
            client_version=version("planning-poker-client"),
            instance_id=instance_id,
            versions=_PROTOCOL_VERSIONS,
        )
        options = options or ClientOptions()
        self._connect = connect
        dial = dial or by_grpc(target, credentials, options)
        endpoint = Endpoint(target, options, dial, chance, token)
        self._exchange = Exchange(hello, endpoint)
        self._unary = Unary(endpoint, instance_id)
        self._reads = Reads(self._unary)
        self._purges = Purges(self._unary)
        self._watches = Watches(self._unary)
        self._ways = Ways(self._exchange, self._unary)
        self._sitting = Sitting(
            self._exchange, self._ways, self._reads, self._keeper, has_token=token is not None
        )

    async def __aenter__(self) -> Self:
        self._unary.closed = False
        if self._connect:
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
        """Connect, or connect again after the connection was given up; raises ConnectionFailed.

        RuntimeError where it is open, or being opened, already.
        """
        self._unary.closed = False
        await self._exchange.open()

    async def close(self) -> None:
        """Disconnect. Seats stay; commands without an answer raise OutcomeUnknown."""
        try:
            await self._unary.close()
        finally:
            try:
                await self._watches.close()
            finally:
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

    # Games that are followed

    async def create_game(self, name: str, **options: Unpack[CreateOptions]) -> Game:
        """Open a game, take a seat in it as `player`, its facilitator, and follow it.

        Without `player` the game is managed without a seat.
        """
        receipt, secret = await self._sitting.create(name, options)
        return await self._game(receipt, secret, options)

    async def join(self, game: str, name: str, **options: Unpack[JoinOptions]) -> Game:
        """Take a seat in a game named by its join code or id, and follow it.

        With the same secret, joining again gives the same seat, whatever became
        of the first try: so it is with a store, a seat_key, or a `seat_secret`.
        """
        if not self._keeper.derives or is_game_id(game):
            taken = await self._sitting.join(game, name, options)
            return await self._game(taken.receipt, taken.seat.seat_secret, options)
        # The secret follows from the game's id, which must be known before joining.
        passcode, timeout = options.get("passcode", ""), options.get("timeout")
        watcher = await self.attach(game, passcode=passcode, timeout=timeout)
        try:
            return await self.join(watcher.game_id, name, **options)
        finally:
            await watcher.detach()

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
        for _ in range(_ATTACHES):
            receipt = await self._exchange.attach(attach, timeout)
            inbox = self._exchange.inbox(receipt.game_id)
            if inbox is not None and (not player_id or player_id in inbox.seats):
                return Game(self._exchange, inbox, player_id, seat_secret)
        raise GameDetached("The game was detached at once.", "LOST", retryable=True)

    async def rejoin(self, game: str = "", *, passcode: str = "") -> Sequence[Game]:
        """Follow all games again in which the store has seats, or one: after a restart.

        A seat that was being taken when the process ended is asked for again,
        which gives the same one. Seats that are none any more are dropped from
        the store; one that the server refuses for another reason (such as the
        passcode that a seat being taken needs) is left out, with a warning.
        """
        games: list[Game] = []
        try:
            for seat in await self._keeper.seats(game):
                found = await self._return_to(seat, passcode)
                if found is not None:
                    games.append(found)
        except BaseException:
            for each in games:  # which nobody would ever hold
                await each.detach()
            raise
        return games

    # Seats without a stream

    def seat(
        self,
        game_id: str,
        player_id: str = "",
        seat_secret: bytes = b"",
        *,
        external_id: str = "",
    ) -> SeatHandle:
        """A seat that was taken before, by whatever way; nothing is sent.

        With a `seat_key` the secret follows from the external id. Without a
        player it is the management of a game that has no seat of ours.
        """
        if player_id and not seat_secret and self._keeper.derives:
            seat_secret = self._keeper.derived(game_id, external_id)
        return SeatHandle(self._ways, game_id, player_id, seat_secret)

    async def execute_create(self, name: str, **options: Unpack[CreateOptions]) -> SeatHandle:
        """Like `create_game`, by a call of its own; the game is not followed."""
        receipt, secret = await self._sitting.execute_create(name, options)
        return SeatHandle(self._ways, receipt.game_id, receipt.player_id, secret)

    async def execute_join(
        self, game: str, name: str, **options: Unpack[JoinOptions]
    ) -> SeatHandle:
        """Like `join`, by a call of its own; the game is not followed."""
        receipt, seat = await self._sitting.execute_join(game, name, options)
        return SeatHandle(self._ways, receipt.game_id, receipt.player_id, seat.seat_secret)

    async def execute(
        self, command: pb.Command, seat_secret: bytes = b"", **options: Unpack[CallOptions]
    ) -> Receipt:
        """Send any command by a call of its own; `seat_secret` proves its `player_id`."""
        own = pb.Command()
        own.CopyFrom(command)
        return await self._ways.execute(own, seat_secret, options)

    # Reading, which joins nothing

    async def read_game(
        self,
        game: str,
        *,
        version: int | None = None,
        min_version: int | None = None,
        passcode: str = "",
        player_id: str = "",
        seat_secret: bytes = b"",
        timeout: float | None = None,
    ) -> GameView:
        """A game, named by its join code or id, as everyone may see it: now, or at a `version`.

        With `min_version`, as it is at that version or later: a receipt's reads
        what one has written. A game with a passcode is read with that, or with a
        seat in it. Raises CommandRefused, ConnectionFailed.
        """
        request = pb.GetGameRequest(
            game_id=game,
            version=version,
            min_version=min_version,
            access=to_access(passcode, player_id, seat_secret),
        )
        return await self._reads.game(request, timeout)

    def history(
        self,
        game: str,
        *,
        after_version: int = 0,
        through_version: int | None = None,
        passcode: str = "",
        player_id: str = "",
        seat_secret: bytes = b"",
    ) -> History:
        """The events of a game from the one behind `after_version` on, for `async for`.

        It ends at the newest one of the time of asking, or at `through_version`;
        a connection that is lost meanwhile is had again. Raises like `read_game`.
        """
        request = pb.ReadHistoryRequest(
            game_id=game,
            after_version=after_version,
            through_version=through_version,
            access=to_access(passcode, player_id, seat_secret),
        )
        return History(self._reads.history(request))

    # All games

    def list_games(self, **options: Unpack[ListOptions]) -> GameList:
        """The games there are, the newest first, for `async for`; all, or those that are like this.

        What is created while it is read may be missing. For operators, and for everyone where
        the server's feed is open. Raises ValueError for a time without a time zone, and, while
        it is iterated over, CommandRefused, ConnectionFailed.
        """
        return GameList(self._reads.games(list_request(options)))

    def watch(self, **options: Unpack[WatchOptions]) -> Watch:
        """The events of all games, or of one, from a cursor on and then live, for `async for`.

        Each comes once and in order, whatever becomes of the connection, with
        the cursor behind it: kept together with what the event caused, it is
        where a later watch goes on. All games are for those who may list them, one
        game is for whoever may read it.

        Raises, while it is iterated over, CommandRefused where the server will
        not go on, ConnectionFailed when it cannot be reached within
        `connect_timeout`, and ConnectionLost after `max_attempts` in vain.
        """
        return self._watches.watch(watch_request(options))

    async def purge_game(
        self, game: str, *, expected_version: int | None = None, timeout: float | None = None
    ) -> str:
        """Remove a game, named by its join code or id, with all its events; its id is returned.

        For good, and for operators only. With `expected_version` only if it is at
        that version still. One that is gone is named by its id, and answered alike.
        Raises CommandRefused, OutcomeUnknown, ConnectionFailed.
        """
        request = pb.PurgeGameRequest(game_id=game, expected_version=expected_version)
        return await self._purges.purge(request, timeout)

    # How

    async def _game(
        self, receipt: Receipt, secret: bytes, options: CreateOptions | JoinOptions
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
            passcode=options.get("passcode", ""),
            timeout=options.get("timeout"),
        )

    async def _return_to(self, seat: StoredSeat, passcode: str) -> Game | None:
        """Follow the game of a stored seat; None where the seat is none, or not now."""
        player_id, secret = seat.player_id, seat.seat_secret
        try:
            if player_id:
                game = await self.attach(seat.game_id, player_id=player_id, seat_secret=secret)
            else:
                game = await self.join(
                    seat.game,
                    seat.display_name,
                    external_id=seat.external_id,
                    seat_secret=secret,
                    passcode=passcode,
                )
        except CommandRefused as refused:
            if refused.reason in _GONE:
                LOG.info("a seat in %s is dropped: %s", seat.game, refused.reason)
                await self._keeper.forget(seat)
            else:
                LOG.warning("a seat in %s is not followed: %s", seat.game, refused)
            return None
        if game.view.phase == pb.GAME_PHASE_ENDED:
            await self._keeper.forget(seat)
        return game
