"""What is kept of a seat, before it is asked for and after each answer."""

from datetime import timedelta

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    CommandRefused,
    MemorySeatStore,
    NotSent,
    OutcomeUnknown,
    PokerError,
    Receipt,
    StoredSeat,
)
from planning_poker_client.seats.keeper import SeatKeeper, Taken
from planning_poker_client.seats.seating import JoinOptions, Wanted, id_of, joining, wanted
from tests.client import said

SECRET = b"s" * 32
UNKNOWN = OutcomeUnknown("Nobody knows.", "an id", timedelta())


def refusal(reason: str, *, retryable: bool = False) -> CommandRefused:
    value = pb.Reason.Value(f"REASON_{reason}")
    return CommandRefused(
        pb.Refusal(reason=value, message="No.", definite=True, retryable=retryable)
    )


class Table:
    """A server that answers as told, and a keeper whose store can be looked at."""

    def __init__(self, *answers: PokerError | str) -> None:
        self.store = MemorySeatStore()
        self.keeper = SeatKeeper(self.store, None)
        self.asked: list[bytes] = []
        self.kept_at_sending: list[list[StoredSeat]] = []
        self._answers = list(answers)

    async def join(self, game: str = said.GAME, name: str = "Bob", **options: bytes) -> Taken:
        given = options.get("seat_secret")
        command = joining(game, name, JoinOptions())
        game_id = game if game == said.GAME else ""
        seat = wanted(command, id_of(command, None), game_id, given)
        return await self.keeper.take(seat, self._send)

    async def _send(self, seat: Wanted) -> tuple[Receipt, str]:
        self.asked.append(seat.join.seat_secret)
        self.kept_at_sending.append(list(await self.store.load()))
        answer = self._answers.pop(0)
        if isinstance(answer, PokerError):
            raise answer
        return Receipt(seat.correlation_id, said.GAME, 3, player_id=answer), said.CODE

    async def kept(self) -> list[tuple[str, str]]:
        return [(seat.game, seat.player_id) for seat in await self.store.load()]


async def test_the_secret_is_kept_before_it_is_sent() -> None:
    table = Table("p2")
    await table.join(said.CODE)
    ((before,),) = table.kept_at_sending
    assert (before.seat_secret, before.game, before.player_id) == (table.asked[0], said.CODE, "")
    (after,) = await table.store.load()
    assert (after.key, after.game_id, after.join_code) == (before.key, said.GAME, said.CODE)
    assert after.player_id == "p2"


@pytest.mark.parametrize("error", [refusal("NAME_TAKEN"), NotSent("No time.")])
async def test_what_was_not_taken_is_not_kept(error: PokerError) -> None:
    table = Table(error)
    with pytest.raises(type(error)):
        await table.join()
    assert await table.kept() == []


async def test_what_may_have_been_taken_is_kept_and_asked_for_again_with_the_same_secret() -> None:
    table = Table(UNKNOWN, refusal("LOG_UNAVAILABLE", retryable=True), NotSent("No time."), "p2")
    for _ in range(3):
        with pytest.raises(PokerError):
            await table.join()
        assert await table.kept() == [(said.GAME, "")]
    await table.join()
    assert len(set(table.asked)) == 1
    assert await table.kept() == [(said.GAME, "p2")]


async def test_once_the_game_says_no_what_may_have_been_taken_was_not() -> None:
    table = Table(UNKNOWN, refusal("PASSCODE_WRONG"), refusal("NAME_TAKEN"))
    kept = []
    for _ in range(3):
        with pytest.raises(PokerError):
            await table.join()
        kept.append(await table.kept())
    # A passcode can be brought by the next try.
    assert kept == [[(said.GAME, "")], [(said.GAME, "")], []]


async def test_a_seat_that_was_taken_is_kept_whatever_is_refused_later() -> None:
    table = Table("p2", refusal("PASSCODE_WRONG"), refusal("GAME_ENDED"), UNKNOWN)
    await table.join()
    for _ in range(3):
        with pytest.raises(PokerError):
            await table.join()
    assert await table.kept() == [(said.GAME, "p2")]


async def test_a_dead_secret_is_forgotten_and_a_new_one_is_tried_once() -> None:
    table = Table("p2", refusal("SEAT_SECRET_WRONG"), "p3", refusal("SEAT_SECRET_WRONG"), UNKNOWN)
    await table.join()
    again = await table.join()
    assert again.seat.player_id == "p3"
    first, dead, new = table.asked
    assert first == dead != new == again.seat.seat_secret
    assert await table.kept() == [(said.GAME, "p3")]


async def test_a_dead_secret_of_the_users_own_is_not_replaced() -> None:
    table = Table("p2", refusal("SEAT_SECRET_WRONG"))
    await table.join(seat_secret=SECRET)
    with pytest.raises(CommandRefused):
        await table.join(seat_secret=SECRET)
    assert table.asked == [SECRET, SECRET]
    assert await table.kept() == []


async def test_the_same_secret_of_the_users_own_is_one_entry_in_each_game() -> None:
    table = Table("p2", "p2")
    for _ in range(2):
        await table.join(seat_secret=SECRET)
    assert len(await table.kept()) == 1


async def test_a_secret_of_the_wrong_length_is_told_of_before_anything_is_kept() -> None:
    table = Table()
    with pytest.raises(ValueError, match="32 bytes"):
        await table.join(seat_secret=b"short")
    assert await table.kept() == []
