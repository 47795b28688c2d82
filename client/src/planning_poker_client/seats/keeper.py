"""By which secret a seat is taken, and what is kept of it: before it is asked for, and after."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Final, NamedTuple

from planning_poker_client.chance import SYSTEM, new_id
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import CommandRefused, PokerError
from planning_poker_client.logs import LOG
from planning_poker_client.seats.keys import KEY_BYTES, derived_secret
from planning_poker_client.seats.seating import Wanted
from planning_poker_client.seats.store import SeatStore, StoredSeat
from planning_poker_model.limits import SEAT_SECRET_BYTES
from planning_poker_model.text import fold_name, trim

DEAD: Final = "SEAT_SECRET_WRONG"

Send = Callable[[Wanted], Awaitable[tuple[Receipt, str]]]
"""Sends the command; gives its receipt and the game's join code, where that is known."""


class Taken(NamedTuple):
    """A seat that the server gave."""

    receipt: Receipt
    seat: StoredSeat


class SeatKeeper:
    """Chooses secrets: given by the user, derived by a key, remembered by a store, or random."""

    def __init__(self, store: SeatStore | None, key: bytes | None, chance: Random = SYSTEM) -> None:
        """Raises ValueError for both, and for a key that is too short."""
        if store is not None and key is not None:
            raise ValueError("seats are kept in a store or derived from a seat_key, not both")
        if key is not None and len(key) < KEY_BYTES:
            raise ValueError(f"a seat_key has at least {KEY_BYTES} bytes, not {len(key)}")
        self._store = store
        self._key = key
        self._chance = chance

    @property
    def derives(self) -> bool:
        """Whether a seat's secret follows from the game's id."""
        return self._key is not None

    def derived(self, game_id: str, external_id: str) -> bytes:
        """The secret of this person's seat; raises ValueError without key or external id."""
        if self._key is None:
            raise ValueError("a seat's secret can be derived only with a seat_key")
        if not external_id:
            raise ValueError("with a seat_key each seat needs an external_id")
        return derived_secret(self._key, game_id, external_id)

    async def seats(self, game: str = "") -> Sequence[StoredSeat]:
        """The seats that the store has, of one game or of all."""
        if self._store is None:
            return ()
        return [seat for seat in await self._store.load() if not game or seat.is_in(game)]

    async def keep(self, seat: StoredSeat) -> None:
        if self._store is not None:
            await self._store.save(seat)

    async def forget(self, seat: StoredSeat) -> None:
        if self._store is not None:
            await self._store.remove(seat)

    async def take(self, wanted: Wanted, send: Send) -> Taken:
        """Take a seat by `send`, with its secret kept before; raises what `send` raises."""
        seat, known = await self._prepare(wanted)
        wanted.join.seat_secret = seat.seat_secret
        await self.keep(seat)
        try:
            receipt, code = await send(wanted)
        except PokerError as error:
            if error.definite if not known else _is_none(seat, error):
                await self.forget(seat)
                if known and wanted.given is None and _is_dead(error):
                    LOG.info("what was kept of a seat in %s proves nothing any more", seat.game)
                    return await self.take(wanted, send)
            raise
        taken = replace(
            seat,
            player_id=receipt.player_id,
            game_id=receipt.game_id,
            join_code=code or seat.join_code,
        )
        if taken != seat:
            await self.keep(taken)
        return Taken(receipt, taken)

    async def _prepare(self, wanted: Wanted) -> tuple[StoredSeat, bool]:
        """What to keep before asking, and whether the store knows it already."""
        known = await self._known(wanted)
        if known is not None:
            return known, True
        join = wanted.join
        seat = StoredSeat(
            key=new_id(self._chance),
            seat_secret=self._secret(wanted),
            game_id=wanted.game_id,
            join_code=wanted.join_code,
            display_name=join.display_name,
            external_id=join.external_id,
            request_id=wanted.correlation_id,
        )
        return seat, False

    def _secret(self, wanted: Wanted) -> bytes:
        if wanted.given is not None:
            return wanted.given
        if self.derives:
            return self.derived(wanted.game_id, wanted.join.external_id)
        return self._chance.randbytes(SEAT_SECRET_BYTES)

    async def _known(self, wanted: Wanted) -> StoredSeat | None:
        """The seat that the store has of the same person in this game."""
        for seat in await self.seats(wanted.game_id or wanted.join_code):
            same = _is_same(seat, wanted.join.display_name, wanted.join.external_id)
            if seat.seat_secret == wanted.given or (wanted.given is None and same):
                return seat
        return None


def _is_dead(error: PokerError) -> bool:
    return isinstance(error, CommandRefused) and error.reason == DEAD


def _is_none(seat: StoredSeat, error: PokerError) -> bool:
    """Whether this answer to asking for a known seat again shows that there is none.

    To a secret that holds a seat the answer is that seat, whatever else is asked.
    """
    if _is_dead(error):
        return True
    if seat.player_id or not isinstance(error, CommandRefused):
        return False
    return not error.retryable and error.reason != "PASSCODE_WRONG"


def _is_same(seat: StoredSeat, name: str, external_id: str) -> bool:
    if external_id or seat.external_id:
        return seat.external_id == external_id
    return fold_name(trim(seat.display_name)) == fold_name(trim(name))
