"""A long game loaded from SQLite; beside a scan that only decodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import Bench
from benchmarks.programs.program import Program

REBUILD = "benchmarks.programs.rebuild"


@dataclass(slots=True)
class Result:
    """What each repetition found: benchmarks/programs/rebuild.py."""

    events: int = 0
    ours: list[Mapping[str, Any]] = field(default_factory=list)
    bare: list[Mapping[str, Any]] = field(default_factory=list)


def measure(bench: Bench) -> Result:
    """One log; each side reads it in turn, from the page cache, in a new process."""
    result, core = Result(), bench.cores.server
    with TemporaryDirectory(dir=bench.folder) as folder:
        with Program(REBUILD, core) as program:
            built = program.ask("build", folder=folder, events=bench.sizes.history)
        result.events = built["events"]
        for _ in range(bench.sizes.repetitions):
            for what, found in (("ours", result.ours), ("bare", result.bare)):
                with Program(REBUILD, core) as program:
                    found.append(program.ask(what, folder=folder))
    bench.tell(
        f"rebuild: {result.ours[-1]['ms']:.0f} ms for {result.events:,} events, "
        f"bare {result.bare[-1]['ms']:.0f} ms"
    )
    return result
