"""The simulation from the command line: `python -m planning_poker_simulator.simulation --help`."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from planning_poker_simulator.simulation import trace
from planning_poker_simulator.simulation.running import Result, results, run
from planning_poker_simulator.simulation.sometimes import PATHS

_SHOWN = 5
_EVERYTHING = 1_000
"""From so many seeds on, a path that no run took is a failure."""


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 1 where something did not hold."""
    parser = argparse.ArgumentParser(
        prog="simulation",
        description="Simulate servers and clients under faults; each seed is one run.",
    )
    parser.add_argument("--seed", type=int, help="run this one only, and print all that happens")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seeds", type=int, default=_EVERYTHING, help="how many (1000)")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (2)")
    parser.add_argument("--paths", action="store_true", help="list how many runs took each path")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _one(options.seed)
    return _many(
        range(options.first, options.first + options.seeds), options.jobs, list_paths=options.paths
    )


def _one(seed: int) -> int:
    history, result = run(seed)
    for line in trace.lines(history):
        _print(line)
    _print(f"seed {seed}: {result.events} events, trace {trace.digest(history)}")
    _tell(result)
    return 1 if result.findings else 0


def _many(seeds: range, jobs: int, *, list_paths: bool) -> int:
    began, failed = time.monotonic(), 0
    taken, seconds, events = Counter[str](), 0.0, 0
    for count, result in enumerate(results(seeds, jobs), start=1):
        failed += bool(result.findings)
        taken.update(result.paths.keys())
        seconds += result.seconds
        events += result.events
        _tell(result)
        _progress(f"\r{count} of {len(seeds)} seeds")
    _progress("\r\x1b[K")
    missing = [path for path in PATHS if not taken[path]]
    if list_paths or missing:
        for path in sorted({*PATHS, *taken}):
            mark = "" if path in PATHS else " (not required)"
            _print(f"{taken[path]:6} runs  {path}{mark}")
    took = time.monotonic() - began
    _print(
        f"{len(seeds)} seeds in {took:.0f} s, {1_000 * seconds / len(seeds):.0f} ms of CPU each, "
        f"{events} events; {failed} failed, {len(PATHS) - len(missing)} of {len(PATHS)} paths taken"
    )
    for path in missing:
        _print(f"no run took the path: {path}")
    return 1 if failed or (missing and len(seeds) >= _EVERYTHING) else 0


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(text)
        sys.stderr.flush()


def _tell(result: Result) -> None:
    for name, finding in result.findings[:_SHOWN]:
        _print(f"seed {result.seed}: {name}: {finding}")
    if len(result.findings) > _SHOWN:
        _print(f"seed {result.seed}: … and {len(result.findings) - _SHOWN} more")
    if result.findings:
        _print(f"seed {result.seed} failed: make sim SEED={result.seed} repeats it")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
