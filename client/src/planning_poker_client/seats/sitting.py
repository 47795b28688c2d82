"""Takes seats, on the stream or by calls of their own: the same steps, whichever way."""

import planningpoker.v1 as pb
from planning_poker_client.calls.reads import Reads
from planning_poker_client.changes import Receipt
from planning_poker_client.exchange import Exchange
from planning_poker_client.handles import Ways
from planning_poker_client.seats.keeper import SeatKeeper, Send, Taken
from planning_poker_client.seats.keys import game_id_for, is_game_id
from planning_poker_client.seats.seating import (
    CreateOptions,
    JoinOptions,
    Wanted,
    call_options,
    creation,
    id_of,
    joining,
    wanted,
)


class Sitting:
    """Creates games and joins them, for one client."""

    def __init__(
        self,
        exchange: Exchange,
        ways: Ways,
        reads: Reads,
        keeper: SeatKeeper,
        *,
        has_token: bool,
    ) -> None:
        self._exchange = exchange
        self._ways = ways
        self._reads = reads
        self._keeper = keeper
        self._has_token = has_token

    async def create(self, name: str, options: CreateOptions) -> tuple[Receipt, bytes]:
        """Create a game on the stream and follow it; the secret of the seat in it, if any."""

        async def send(seat: Wanted) -> tuple[Receipt, str]:
            if options.get("player"):
                seat.join.attach = True
            return await self._call(seat, options)

        return await self._create(name, options, send)

    async def join(self, game: str, name: str, options: JoinOptions) -> Taken:
        """Take a seat on the stream; the game is followed, perhaps without the seat yet."""

        async def send(seat: Wanted) -> tuple[Receipt, str]:
            # A game that is followed goes on event by event, and the seat is
            # attached afterwards; but the same request is always the same command.
            same = bool(options.get("request_id"))
            seat.join.attach = same or not self._exchange.follows(game)
            return await self._call(seat, options)

        return await self._take(_seat_in(game, name, options), send)

    async def execute_create(self, name: str, options: CreateOptions) -> tuple[Receipt, bytes]:
        """Create a game without a stream; the secret of the seat in it, if any."""
        return await self._create(name, options, lambda seat: self._execute(seat, options))

    async def execute_join(self, game: str, name: str, options: JoinOptions) -> Taken:
        """Take a seat without a stream."""
        if self._keeper.derives and not is_game_id(game):
            # The secret follows from the game's id, which must be known before joining.
            may_read = pb.ReadAccess(passcode=options.get("passcode", ""))
            asked = pb.GetGameRequest(game_id=game, access=may_read)
            game = (await self._reads.game(asked, options.get("timeout"))).game_id
        seat = _seat_in(game, name, options)
        return await self._keeper.take(seat, lambda seat: self._execute(seat, options))

    async def _create(self, name: str, options: CreateOptions, send: Send) -> tuple[Receipt, bytes]:
        command = creation(name, options)
        id_ = id_of(command, options.get("request_id"))
        if not options.get("player"):
            receipt, _ = await send(wanted(command, id_, "", None))
            return receipt, b""
        principal = self._exchange.principal
        if principal is None and self._has_token and self._keeper.derives:
            message = "the id of a new game follows from whom the token names: open the client"
            raise ValueError(message)
        game_id = game_id_for(principal or "", id_)
        seat = wanted(command, id_, game_id, options.get("seat_secret"))
        taken = await self._take(seat, send)
        return taken.receipt, taken.seat.seat_secret

    async def _take(self, seat: Wanted, send: Send) -> Taken:
        """Take a seat; what is cut short, or cannot be kept, leaves no game that is followed."""
        followed: list[str] = []

        async def noted(seat: Wanted) -> tuple[Receipt, str]:
            receipt, code = await send(seat)
            followed.append(receipt.game_id)
            return receipt, code

        try:
            return await self._keeper.take(seat, noted)
        except BaseException:
            for game_id in followed:
                self._exchange.tidy(game_id)
            raise

    async def _call(
        self, seat: Wanted, options: CreateOptions | JoinOptions
    ) -> tuple[Receipt, str]:
        receipt = await self._exchange.call(
            seat.command, call_options(options, seat.correlation_id)
        )
        inbox = self._exchange.inbox(receipt.game_id)
        return receipt, inbox.view.join_code if inbox is not None else ""

    async def _execute(
        self, seat: Wanted, options: CreateOptions | JoinOptions
    ) -> tuple[Receipt, str]:
        taken = call_options(options, seat.correlation_id)
        return await self._ways.execute(seat.command, b"", taken), ""


def _seat_in(game: str, name: str, options: JoinOptions) -> Wanted:
    command = joining(game, name, options)
    id_ = id_of(command, options.get("request_id"))
    game_id = game if is_game_id(game) else ""
    return wanted(command, id_, game_id, options.get("seat_secret"))
