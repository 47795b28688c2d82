"""What a measurement comes to: figures over repetitions, and when one is void."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import Cores, busy_s
from benchmarks.programs.program import Program

# Above this share of its core a generator may be what is measured.
SATURATED_CPU = 0.8
SATURATED_LATE_MS = 25.0
# Above this share of a core used by others, what is seen may be theirs.
DISTURBED_CPU = 0.1


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; medians are over `repetitions`."""

    repetitions: int
    games: int
    players: int
    lap_s: float
    """Each player votes once in this time."""
    window_s: float
    callers: int
    log_s: float
    history: int
    idle_games: int
    crowd: int
    """Players of one large game."""
    crowd_votes_per_s: float
    crowd_fast_per_s: float


FULL = Sizes(
    repetitions=5,
    games=50,
    players=8,
    lap_s=3.0,
    window_s=5.0,
    callers=100,
    log_s=1.0,
    history=10_000,
    idle_games=125,
    crowd=1_000,
    crowd_votes_per_s=12.0,
    crowd_fast_per_s=100.0,
)
TINY = Sizes(
    repetitions=1,
    games=2,
    players=3,
    lap_s=0.4,
    window_s=0.6,
    callers=5,
    log_s=0.1,
    history=200,
    idle_games=2,
    crowd=60,
    crowd_votes_per_s=20.0,
    crowd_fast_per_s=400.0,
)


class Bench(NamedTuple):
    """Where and how much is measured, and whom to tell how it goes."""

    sizes: Sizes
    cores: Cores
    folder: Path
    """On a disk."""
    tell: Callable[[str], None]


class Figure(NamedTuple):
    """Median, lowest and highest of the repetitions."""

    median: float
    low: float
    high: float

    def text(self, digits: int = 0) -> str:
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"


def figure(values: Sequence[float]) -> Figure:
    return Figure(statistics.median(values), min(values), max(values))


class Window(NamedTuple):
    """One window of load on one server."""

    server_cpu: float
    """Share of the server's core that the server used."""
    disturbed: float
    """The larger share of a core that neither the server nor the load used."""
    seen: Mapping[str, Any]
    """What the load has counted: benchmarks/load/counts.py."""

    @property
    def event_us(self) -> float:
        """Server's CPU for each delivered event, in µs."""
        return self.per_event(self.server_cpu * self.seen["wall_s"]) * 1e6

    def per_event(self, count: float) -> float:
        return count / float(self.seen["events"])

    @property
    def void(self) -> str:
        """Why this says nothing of the server; empty if it does."""
        return self.void_above(SATURATED_LATE_MS)

    def void_above(self, late_ms: float) -> str:
        """Likewise, where commands may be sent as late as that."""
        seen = self.seen
        if seen["load_cpu"] > SATURATED_CPU:
            return f"the load took {seen['load_cpu']:.0%} of its core"
        if seen["late_p99_ms"] > late_ms:
            return f"the load was late by {seen['late_p99_ms']:.0f} ms at p99"
        if seen["refusals"]:
            return f"commands were refused: {seen['refusals']}"
        return ""


def window(server: Program, load: Program, cores: Cores, seconds: float) -> Window:
    """Measure a server under the load that is running."""
    busy = busy_s(cores.server), busy_s(cores.load)
    before = server.ask("usage")
    seen = load.ask("measure", seconds=seconds)
    after = server.ask("usage")
    wall_s = after["wall_s"] - before["wall_s"]
    cpu = (after["cpu_s"] - before["cpu_s"]) / wall_s
    others = (
        (busy_s(cores.server) - busy[0]) / wall_s - cpu,
        (busy_s(cores.load) - busy[1]) / wall_s - seen["load_cpu"],
    )
    return Window(cpu, max(0.0, *others), seen)
