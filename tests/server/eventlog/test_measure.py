"""The measurements that the benchmarks use measure what they say."""

from pathlib import Path

from planning_poker_server.eventlog import measure
from planning_poker_server.eventlog.port import EventLog


async def test_appends_are_counted_once_they_are_durable(log: EventLog) -> None:
    rate, latencies = await measure.appends_per_second(log, callers=5, rounds=4, run="first")
    assert rate > 0
    assert len(latencies) == 20
    assert [row.head for row in await log.games()] == [5] * 5
    await measure.appends_per_second(log, callers=5, rounds=1, run="second")
    assert len(await log.games()) == 10


async def test_reads_are_of_all_that_was_filled_in(log: EventLog) -> None:
    await measure.fill(log, "game", 2_500)
    rate, count = await measure.reads_per_second(log, "game")
    assert (rate > 0, count) == (True, 2_500)
    rate, count = await measure.scans_per_second(log)
    assert (rate > 0, count) == (True, 2_500)


def test_bare_rows_are_written_to_a_file(path: Path) -> None:
    assert measure.bare_rows_per_second(path, batch=10, rounds=3) > 0
    assert path.stat().st_size > 0
