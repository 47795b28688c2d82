"""What is recorded of real processes is enough for the checkers to find what is wrong in it."""

import asyncio
from pathlib import Path

import pytest

from planning_poker_simulator.checking.evidence import Evidence
from tests.chaos.applied import APPLIED, LOOKED_AT, NOT_APPLIED, findings
from tests.chaos.session import playing, until
from tests.tampering import TAMPERED, copy_of

COMMANDS = 250
ONLY_IN_TROUBLE = {"sent again without a hole"}


async def played(folder: Path) -> Evidence:
    """A short while in which nothing goes wrong."""
    async with playing(folder, 1, "1", {}) as session:
        await until(lambda: len(session.history.asked) >= COMMANDS)
        await session.crowd.use_ids_again()
        await session.come_to_rest()
    return Evidence(session.history, session.settings)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(played(tmp_path_factory.mktemp("good")))


def test_every_checker_is_applied_or_it_is_said_why_not() -> None:
    assert APPLIED.keys() | NOT_APPLIED.keys() == TAMPERED.keys()
    assert LOOKED_AT.keys() | {"no incident"} == APPLIED.keys()


def test_where_nothing_went_wrong_nothing_is_found_though_there_is_much_to_look_at(
    good: Evidence,
) -> None:
    assert findings(good) == []
    nothing = {name for name, count in LOOKED_AT.items() if not count(good)}
    assert nothing <= ONLY_IN_TROUBLE


@pytest.mark.parametrize("name", APPLIED)
def test_a_checker_finds_what_is_wrong(good: Evidence, name: str) -> None:
    history = copy_of(good.history)
    TAMPERED[name](history)
    assert list(APPLIED[name](Evidence(history, good.settings)))
