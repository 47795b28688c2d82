"""Streams on which nothing happens: the memory that each takes."""

from dataclasses import dataclass, field
from typing import Final

from benchmarks.load.lap import Step
from benchmarks.measure import Bench
from benchmarks.programs.program import Program
from benchmarks.workloads.games import Lap, side

# A round in which the peer has nothing to say.
_SILENCE: Final = [Step(b"-", 0, (), ()).to_json()]


@dataclass(slots=True)
class Result:
    """KiB for each stream, in each repetition."""

    streams: int
    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def measure(bench: Bench) -> Result:
    """Both sides in turn, each in a new process: what it grows by as the streams are opened."""
    sizes = bench.sizes
    result = Result(sizes.idle_games * sizes.players)
    for _ in range(sizes.repetitions):
        result.ours.append(_stream_kib(bench, None))
        result.bare.append(_stream_kib(bench, _SILENCE))
    bench.tell(f"idle: {result.ours[-1]:.0f} KiB a stream, bare {result.bare[-1]:.0f}")
    return result


def _stream_kib(bench: Bench, lap: Lap | None) -> float:
    sizes = bench.sizes
    with side(bench, lap) as measured:
        # What a server takes once, however many streams it has, is not theirs.
        measured.open(1, sizes.players)
        before = _memory_kib(measured.server)
        measured.open(sizes.idle_games, sizes.players)
        return (_memory_kib(measured.server) - before) / (sizes.idle_games * sizes.players)


def _memory_kib(server: Program) -> float:
    return float(server.ask("usage")["rss_kib"])
