"""What every event log promises of finding games."""

import pytest

from planning_poker_server.eventlog.port import EventLog, GameFilter, Place
from tests.contract.eventlog.games import append, proposal, scan

LABELS = (("room", "4"), ("team", "ü"))


async def found(log: EventLog, *, limit: int = 100, **wanted: object) -> str:
    rows = await log.find(GameFilter(**wanted), limit=limit)  # type: ignore[arg-type]
    return " ".join(row.game_id for row in rows)


@pytest.fixture
async def five(log: EventLog) -> EventLog:
    """Games a to e, two of them created in the same moment."""
    for game_id, create_ms, update_ms, phase in (
        ("c", 30, 90, 1),
        ("a", 10, 60, 4),
        ("b", 20, 70, 2),
        ("e", 40, 40, 4),
        ("d", 40, 80, 3),
    ):
        await append(log, proposal(game_id, phase=phase, create_ms=create_ms, update_ms=update_ms))
    return log


async def test_the_newest_game_comes_first(five: EventLog) -> None:
    assert await found(five) == "e d c b a"
    assert await found(five, limit=2) == "e d"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
async def test_pages_follow_one_another_without_a_gap(five: EventLog, size: int) -> None:
    games: list[str] = []
    behind: Place | None = None
    while rows := await five.find(GameFilter(), behind, size):
        assert len(rows) <= size
        games += [row.game_id for row in rows]
        behind = rows[-1].place
    assert games == ["e", "d", "c", "b", "a"]


async def test_games_are_found_by_phase_and_age(five: EventLog) -> None:
    assert await found(five, phases=(4,)) == "e a"
    assert await found(five, phases=(1, 3)) == "d c"
    assert await found(five, created_since_ms=20, created_before_ms=40) == "c b"
    assert await found(five, updated_since_ms=60, updated_before_ms=90) == "d b a"
    assert await found(five, phases=(4,), updated_before_ms=60) == "e"
    assert await found(five, phases=(0,)) == ""


async def test_labels_stay_and_the_passcode_is_as_it_is_now(log: EventLog) -> None:
    await append(log, proposal("game", guarded=True, labels=LABELS))
    await append(log, proposal("game", 1, guarded=False, labels=()))
    (row,) = await log.find(GameFilter())
    assert (row.summary.guarded, row.summary.labels) == (False, LABELS)
    assert [(fed.guarded, fed.labels) for fed in await scan(log)] == 2 * [(False, LABELS)]


async def test_the_end_is_the_cursor_behind_everything(log: EventLog) -> None:
    empty = await log.end()
    await append(log, proposal("game", 0, 3))
    assert [fed.version for fed in await scan(log, empty)] == [1, 2, 3]
    assert (await scan(log))[-1].cursor == await log.end()
    assert await scan(log, await log.end()) == []
