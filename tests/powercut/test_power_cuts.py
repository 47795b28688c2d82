"""Whatever the log has promised is there after a power cut, at whichever moment it comes.

POWERCUT_SEED=17 repeats one life; `make powercut` has more of them.
"""

import os
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog, LogError, LogUnavailable, Proposal
from planning_poker_server.settings import DatabaseSettings
from tests.contract.eventlog.games import append, proposal, read
from tests.integration.figures import tell
from tests.powercut.ledger import BrokenPromise
from tests.powercut.life import Life
from tests.powercut.machine import running
from tests.server.eventlog.test_sqlite_purging import CANARY, LEAVE_COPIES, played_and_purged

CUTS_A_LIFE = 10
CUTS = int(os.environ.get("POWERCUTS", "300"))
SEEDS = (
    [int(os.environ["POWERCUT_SEED"])]
    if "POWERCUT_SEED" in os.environ
    else list(range(1, CUTS // CUTS_A_LIFE + 1))
)
PARTS = min(3, len(SEEDS))
"""Tests that share the seeds, so that one that fails tells of one seed and the others go on."""


def without_syncs(level: str) -> dict[str, str]:
    """Statements of the log, as they must be changed so that it does not notice."""
    return {
        "PRAGMA synchronous = FULL": f"PRAGMA synchronous = {level}",
        "PRAGMA synchronous": "SELECT 2",
    }


async def lived(folder: Path, seed: int, rewritten: dict[str, str] | None = None) -> Life:
    with running(folder, seed, rewritten) as machine:
        life = Life(machine, seed)
        try:
            await life.live(CUTS_A_LIFE)
        except (AssertionError, LogError) as error:
            error.add_note(f"repeat with POWERCUT_SEED={seed}; in cut {machine.disk.cuts}")
            raise
    return life


@pytest.mark.parametrize("part", range(PARTS))
async def test_nothing_that_was_promised_is_missing_after_any_cut(
    tmp_path: Path, part: int
) -> None:
    lives = [await lived(tmp_path, seed) for seed in SEEDS[part::PARTS]]
    figures: Counter[str] = Counter()
    for life in lives:
        ledger = life.ledger
        figures.update(
            {
                "cuts": life.disk.cuts,
                "kills without a cut": life.kills,
                "ends while opening": life.in_opening,
                "appends acknowledged": ledger.acknowledged,
                "unacknowledged and there": ledger.kept_unacknowledged,
                "unacknowledged and not there": ledger.dropped,
                "purges": ledger.purged,
                "sweeps": ledger.swept,
                "sweeps that failed": ledger.half_swept,
                "changes lost": life.disk.lost,
                "writes torn": life.disk.torn,
            }
        )
    tell({"seeds": f"{SEEDS[0]} to {SEEDS[-1]}", **figures})
    if len(lives) > 5:
        assert all(figures.values()), "something never happened"


async def test_a_seed_gives_the_same_life_again(tmp_path: Path) -> None:
    def figures(life: Life) -> tuple[int, ...]:
        ledger, disk = life.ledger, life.disk
        return ledger.acknowledged, ledger.dropped, disk.lost, disk.torn, disk.syncs

    folders = [tmp_path / "first", tmp_path / "second"]
    first, second = [figures(await lived(folder, 1)) for folder in folders]
    assert first == second


@pytest.mark.parametrize(("level", "within"), [("NORMAL", 100), ("OFF", 50)])
async def test_a_log_that_does_not_wait_for_the_disk_is_found_out(
    tmp_path: Path, level: str, within: int
) -> None:
    cuts = 0
    for seed in range(1, within // CUTS_A_LIFE + 1):
        with running(tmp_path, seed, without_syncs(level)) as machine:
            try:
                await Life(machine, seed).live(CUTS_A_LIFE)
            except (BrokenPromise, LogError) as broken:
                tell({"synchronous": level, "cuts": cuts + machine.disk.cuts, "found": broken})
                return
            cuts += machine.disk.cuts
    pytest.fail(f"nothing was lost in {cuts} cuts")


async def test_what_was_read_after_a_crash_is_there_after_a_power_cut(tmp_path: Path) -> None:
    in_doubt = set()
    for operation in range(4, 14):
        for chance in range(2):
            with running(tmp_path, f"{operation}-{chance}") as machine:
                log = await machine.open()
                await append(log, proposal("game", 0, 2))
                machine.disk.fail_at(operation)
                await perhaps_appended(log, proposal("game", 2, 2))
                await log.close()
                machine.disk.restart()
                log = await machine.open()
                was_read = await read(log, "game")
                machine.disk.cut()
                await log.close()
                machine.disk.power_on()
                log = await machine.open()
                assert await read(log, "game") == was_read
                await log.close()
                in_doubt.add(len(was_read))
    assert in_doubt == {2, 4}


async def perhaps_appended(log: EventLog, wanted: Proposal) -> None:
    with suppress(LogUnavailable):
        await append(log, wanted)


async def test_a_purged_game_leaves_no_trace_even_if_power_fails_right_after(
    tmp_path: Path,
) -> None:
    for chance in range(20):
        with running(tmp_path, chance) as machine:
            log = await machine.open()
            await append(log, proposal("game", 0, 2))
            assert machine.disk.holds(b"sealed 1 game")
            assert await log.purge("game", 1_000)
            assert await log.sweep()
            machine.disk.cut()
            await log.close()
            machine.disk.power_on()
            assert not machine.disk.holds(b"sealed 1 game")


async def purged_and_not_swept(path: Path) -> dict[str, int]:
    """Make a database with copies of what was purged from it; the heads of the other games."""
    settings = DatabaseSettings(f"sqlite:///{path}", 50, max_batch=8, max_waiting=99)
    log = await open_log(replace(settings, sweep_max_mb=0))
    left = await played_and_purged(log, path, LEAVE_COPIES[0])
    await log.close()
    return left


async def test_a_sweep_does_what_it_promised_wherever_the_power_fails_in_it(
    tmp_path: Path,
) -> None:
    original = tmp_path / "purged.db"
    left = await purged_and_not_swept(original)
    with running(tmp_path, "whole") as machine:
        machine.put(original)
        assert machine.disk.holds(CANARY)
        machine.disk.fail_at(0)
        await (await machine.open()).close()
        steps = machine.disk.operations
    random, found = Random(1), Counter[str]()  # noqa: S311
    for cut in range(CUTS // 3):
        with running(tmp_path, f"sweep {cut}") as machine:
            machine.put(original)
            machine.disk.fail_at(random.randint(1, steps))
            with suppress(LogUnavailable):
                await (await machine.open()).close()
            machine.disk.cut()
            machine.disk.power_on()
            found["copies" if machine.disk.holds(CANARY) else "no copies"] += 1
            log = await machine.open()
            assert not machine.disk.holds(CANARY)
            assert {row.game_id: row.head for row in await log.games()} == left
            for game_id, head in left.items():
                assert len(await read(log, game_id)) == head
            await log.close()
    tell({"steps of a sweep": steps, "cuts": CUTS // 3, **found})
    assert len(found) == 2


async def test_whatever_an_opening_left_the_next_one_opens(tmp_path: Path) -> None:
    for operation in range(1, 50, 2):
        with running(tmp_path, operation) as machine:
            machine.disk.fail_at(operation)
            with suppress(LogUnavailable):
                await (await machine.open()).close()
            machine.disk.cut()
            machine.disk.power_on()
            log = await machine.open()
            await append(log, proposal("game"))
            await log.close()
