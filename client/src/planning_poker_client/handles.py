"""A seat that need not follow its game: commands by the way there is."""

from hmac import compare_digest

import planningpoker.v1 as pb
from planning_poker_client.calls.unary import Unary
from planning_poker_client.changes import Receipt
from planning_poker_client.commands import GameCommands
from planning_poker_client.exchange import CallOptions, Exchange
from planning_poker_client.inbox import Inbox
from planning_poker_client.seats.seating import id_of
from planning_poker_client.states import Connected
from planning_poker_client.values import check_names


class Ways:
    """The two ways of a command to the server: the open stream, and a call of its own."""

    def __init__(self, exchange: Exchange, unary: Unary) -> None:
        self._exchange = exchange
        self._unary = unary

    def followed(self, game_id: str) -> Inbox | None:
        """The game as this client follows it."""
        return self._exchange.inbox(game_id)

    async def send(self, command: pb.Command, seat_secret: bytes, options: CallOptions) -> Receipt:
        """By the stream, if it is open and has the seat; else by Execute. Raises PokerError."""
        if self._is_on_stream(command, seat_secret):
            return await self._exchange.call(command, options)
        return await self.execute(command, seat_secret, options)

    async def execute(
        self, command: pb.Command, seat_secret: bytes, options: CallOptions
    ) -> Receipt:
        """By Execute, whatever is open; raises PokerError."""
        check_names(options, CallOptions)
        version = options.get("expected_version")
        if version is not None:
            command.expected_version = version
        id_ = id_of(command, options.get("request_id"))
        return await self._unary.execute(command, id_, seat_secret, options.get("timeout"))

    def _is_on_stream(self, command: pb.Command, seat_secret: bytes) -> bool:
        inbox = self.followed(command.game_id)
        if inbox is None or not isinstance(self._exchange.state, Connected):
            return False
        if not command.player_id:
            return True
        held = inbox.seats.get(command.player_id)
        if held is None:
            return False
        # The stream asks for no proof any more, so it must not stand for one that is wrong.
        return not seat_secret or compare_digest(held.secret, seat_secret)


class SeatHandle(GameCommands):
    """A seat, or the management of a game without one; made by `PokerClient`.

    It follows nothing and holds nothing open. Where its client is connected and
    follows the game with this seat, commands go on that stream; else each is a
    call of its own, so that a handle works in a client that was never opened.
    """

    def __init__(self, ways: Ways, game_id: str, player_id: str, seat_secret: bytes) -> None:
        self.game_id = game_id
        """Names the game, for good."""
        self.player_id = player_id
        """The seat; empty for who manages the game without one."""
        self.seat_secret = seat_secret
        """Proves the seat: keep it secret."""
        self._ways = ways

    def __repr__(self) -> str:
        seat = f" of {self.player_id}" if self.player_id else ""
        return f"<SeatHandle{seat} in {self.game_id}>"

    def _followed(self) -> Inbox | None:
        return self._ways.followed(self.game_id)

    async def _send(self, command: pb.Command, options: CallOptions) -> Receipt:
        command.game_id = self.game_id
        command.player_id = self.player_id
        return await self._ways.send(command, self.seat_secret, options)
