"""One game with a crowd, everything durable; beside a bare fan-out of the same bytes.

Each vote is told to everyone. The bare server writes each at once to each
stream, as a fan-out does; ours lets what comes within a tick share a frame.
"""

from dataclasses import dataclass, field

from benchmarks.measure import Bench, Window, window
from benchmarks.workloads.games import Lap, record, side

# Repetitions that may be void and are done again.
_SPARE = 2
# The load is one process: while it takes what a thousand players are told in
# the same moment, it sends nothing.
_LATE_MS = 100.0


@dataclass(slots=True)
class Result:
    """Windows of each side in the order of measuring, and why others are void."""

    ours: list[Window] = field(default_factory=list)
    bare: list[Window] = field(default_factory=list)
    fast: list[Window] = field(default_factory=list)
    """Ours at the higher rate, at which the bare server cannot follow."""
    void: list[str] = field(default_factory=list)


def measure(bench: Bench) -> Result:
    """Our server at both rates and the peer in turn, each in new processes."""
    result, lap, sizes = Result(), record(bench), bench.sizes
    for repetition in range(sizes.repetitions + _SPARE):
        if len(result.ours) == sizes.repetitions:
            break
        windows = [
            under_load(bench, None, sizes.crowd_votes_per_s, repetition),
            under_load(bench, lap, sizes.crowd_votes_per_s, repetition),
            under_load(bench, None, sizes.crowd_fast_per_s, repetition),
        ]
        told = ", ".join(f"{each.event_us:.1f} µs at {each.server_cpu:.0%}" for each in windows)
        bench.tell(f"crowd {repetition + 1}: ours, bare, ours faster: {told}")
        if why := next(filter(None, (each.void_above(_LATE_MS) for each in windows)), ""):
            bench.tell(f"void: {why}")
            result.void.append(why)
            continue
        for found, kept in zip(windows, (result.ours, result.bare, result.fast), strict=True):
            kept.append(found)
    return result


def under_load(bench: Bench, lap: Lap | None, votes_per_s: float, seed: int) -> Window:
    """One window of a new server (the peer, if it is given a round) while the crowd votes."""
    sizes = bench.sizes
    with side(bench, lap) as measured:
        measured.open(1, sizes.crowd)
        measured.load.ask("vote", per_s=votes_per_s, seed=seed)
        measured.load.ask("measure", seconds=sizes.window_s / 2)
        return window(measured.server, measured.load, bench.cores, sizes.window_s)
