"""`python -m benchmarks`: measure, and write benchmarks/RESULTS.md with its plot."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, plot, report
from benchmarks.machine import ROOT, Unsuitable
from benchmarks.measure import FULL, TINY, Bench
from benchmarks.programs.answering import LOOP
from benchmarks.programs.program import ProgramFailed
from benchmarks.workloads import crowd, games, idle, log, rebuild

WORKLOADS = {"games": games, "crowd": crowd, "log": log, "rebuild": rebuild, "idle": idle}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="see that everything runs, in seconds")
    parser.add_argument(
        "--only", choices=WORKLOADS, action="append", help="leave out the others; may be repeated"
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build", help="where the databases go: on a disk"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks", help="where RESULTS.md and its plot go"
    )
    return parser.parse_args()


def measure(bench: Bench, only: list[str] | None) -> report.Results:
    """Everything that was asked for, one workload after another."""
    about = _about(bench)
    found: dict[str, Any] = {
        name: workload.measure(bench)
        for name, workload in WORKLOADS.items()
        if only is None or name in only
    }
    return report.Results(about, bench.sizes, **found)


def _about(bench: Bench) -> Mapping[str, str]:
    cores = bench.cores
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "processor": f"{machine.cpu_model()}, {machine.core_count()} cores; "
        f"server on core {cores.server}, load on core {cores.load}",
        "versions": machine.versions(LOOP),
        "disk": f"{machine.file_system(bench.folder)}; a page reaches it in "
        f"{machine.fsync_us(bench.folder):,.0f} µs (median of fdatasync)",
        "load average before": f"{os.getloadavg()[0]:.1f}; on a machine with nothing else to do, 0",
        "repetitions": str(bench.sizes.repetitions),
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def write(results: report.Results, folder: Path) -> None:
    """RESULTS.md and RESULTS.svg, in a folder that is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plot.charts(results)
    if drawn:
        (folder / "RESULTS.svg").write_text(plot.svg(drawn), encoding="utf-8")
    page = report.markdown(results, "RESULTS.svg" if drawn else None)
    (folder / "RESULTS.md").write_text(page, encoding="utf-8")


def main() -> int:
    asked = arguments()
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", flush=True)

    try:
        asked.folder.mkdir(parents=True, exist_ok=True)
        machine.file_system(asked.folder.resolve())
        sizes = TINY if asked.tiny else FULL
        bench = Bench(sizes, machine.cores(), asked.folder.resolve(), tell)
        results = measure(bench, asked.only)
    except (Unsuitable, ProgramFailed) as error:
        print(f"Nothing was measured: {error}", file=sys.stderr)
        return 1
    write(results, asked.output)
    tell(f"wrote {asked.output / 'RESULTS.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
