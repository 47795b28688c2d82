"""Durable commands a second of the event log alone; beside raw sqlite3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import Bench
from benchmarks.programs.program import Program

LOG = "benchmarks.programs.log"
LARGE_BATCH = 100


@dataclass(slots=True)
class Result:
    """What each repetition found: benchmarks/programs/log.py."""

    ours: list[Mapping[str, Any]] = field(default_factory=list)
    raw_large: list[Mapping[str, Any]] = field(default_factory=list)
    raw_single: list[Mapping[str, Any]] = field(default_factory=list)


def measure(bench: Bench) -> Result:
    """The log, raw batches and raw single inserts in turn, each on a new database."""
    result, sizes = Result(), bench.sizes
    for repetition in range(sizes.repetitions):
        result.ours.append(_ask(bench, "ours", callers=sizes.callers))
        result.raw_large.append(_ask(bench, "raw", games=sizes.callers, batch=LARGE_BATCH))
        result.raw_single.append(_ask(bench, "raw", games=sizes.callers, batch=1))
        bench.tell(
            f"log {repetition + 1}: {result.ours[-1]['per_s']:,.0f} commands/s, "
            f"raw {result.raw_large[-1]['per_s']:,.0f} in batches of {LARGE_BATCH}, "
            f"{result.raw_single[-1]['per_s']:,.0f} one by one"
        )
    return result


def _ask(bench: Bench, what: str, **arguments: int) -> Mapping[str, Any]:
    with (
        TemporaryDirectory(dir=bench.folder) as folder,
        Program(LOG, bench.cores.server) as log,
    ):
        return log.ask(what, folder=folder, seconds=bench.sizes.log_s, **arguments)
