"""Many games at an even pace, everything durable; beside a bare fan-out of the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import planningpoker.v1 as pb
from benchmarks.measure import Bench, Window, window
from benchmarks.programs.program import Program

OURS = "benchmarks.programs.server"
BARE = "benchmarks.peers.bare"
LOAD = "benchmarks.programs.load"
# Repetitions that may be void and are done again.
_SPARE = 3

Lap = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Result:
    """Windows of each side in the order of measuring, and why others are void."""

    ours: list[Window] = field(default_factory=list)
    bare: list[Window] = field(default_factory=list)
    void: list[str] = field(default_factory=list)


def measure(bench: Bench) -> Result:
    """Our server and the peer in turn, each in new processes."""
    result, lap = Result(), record(bench)
    for repetition in range(bench.sizes.repetitions + _SPARE):
        if len(result.ours) == bench.sizes.repetitions:
            break
        ours = under_load(bench, None, repetition)
        bare = under_load(bench, lap, repetition)
        bench.tell(
            f"games {repetition + 1}: {ours.event_us:.0f} µs an event at {ours.server_cpu:.0%}, "
            f"bare {bare.event_us:.0f} µs at {bare.server_cpu:.0%}"
        )
        if why := ours.void or bare.void:
            bench.tell(f"void: {why}")
            result.void.append(why)
            continue
        result.ours.append(ours)
        result.bare.append(bare)
    return result


def record(bench: Bench) -> Lap:
    """One round as our server tells it, for the peer to tell it too."""
    with side(bench, None) as ours:
        players = bench.sizes.players
        lap: Lap = ours.load.ask("record", address=ours.address, players=players)["lap"]
    return lap


class Side(NamedTuple):
    """A server under its load."""

    server: Program
    load: Program
    address: str
    lap: Lap

    def open(self, games: int, players: int) -> None:
        """Open that many more games with all their players connected."""
        self.load.ask("open", address=self.address, games=games, players=players, lap=self.lap)


@contextmanager
def side(bench: Bench, lap: Lap | None) -> Iterator[Side]:
    """Our server, or the peer if it is given a round, and a load that has not begun."""
    module = OURS if lap is None else BARE
    with (
        TemporaryDirectory(dir=bench.folder) as folder,
        Program(module, bench.cores.server) as server,
        Program(LOAD, bench.cores.load) as load,
    ):
        yield Side(server, load, _serve(server, Path(folder), lap), lap or ())


def _serve(server: Program, folder: Path, lap: Lap | None) -> str:
    if lap is None:
        return str(server.ask("serve", folder=str(folder))["address"])
    welcome = pb.ServerEnvelope(version=1, welcome=pb.Welcome()).SerializeToString().hex()
    return str(server.ask("serve", lap=lap, welcome=welcome)["address"])


def under_load(bench: Bench, lap: Lap | None, seed: int) -> Window:
    """One window of a new server (the peer, if it is given a round) while all tables play."""
    sizes = bench.sizes
    with side(bench, lap) as measured:
        measured.open(sizes.games, sizes.players)
        measured.load.ask("play", lap_s=sizes.lap_s, seed=seed)
        measured.load.ask("measure", seconds=sizes.lap_s)  # by then every table has begun
        return window(measured.server, measured.load, bench.cores, sizes.window_s)
