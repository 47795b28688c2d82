"""The machine that is measured on: what it is, and whether it was left alone."""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_FSYNCS = 200


class Unsuitable(Exception):
    """Nothing that would be measured here would mean anything."""


class Cores(NamedTuple):
    """Where the programs run."""

    server: int
    load: int


def cores() -> Cores:
    """The first two cores there are; raises Unsuitable where there is only one."""
    found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(found) < 2:
        raise Unsuitable("the server and its load need a core each, on Linux")
    return Cores(found[0], found[1])


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def cpu_model() -> str:
    """As the kernel names it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def versions(loop: str) -> str:
    """What the numbers depend on."""
    packages = ("grpcio", "protobuf", "SQLAlchemy")
    found = [f"{name} {version(name)}" for name in packages]
    event_loop = f"{loop} {version(loop)}" if loop != "asyncio" else loop
    database = f"SQLite {sqlite3.sqlite_version}"
    return ", ".join([f"Python {platform.python_version()}", *found, event_loop, database])


def file_system(folder: Path) -> str:
    """Type of the file system below `folder`; raises Unsuitable where it is memory."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    kinds = {Path(fields[1]): fields[2] for fields in (line.split() for line in mounts)}
    kind = next(kinds[path] for path in (folder, *folder.parents) if path in kinds)
    if kind in ("tmpfs", "ramfs"):
        raise Unsuitable(f"{folder} is in memory ({kind}): choose a folder on a disk")
    return kind


def fsync_us(folder: Path) -> float:
    """Median time in µs to append a page and wait for the disk: what durability costs here."""
    took = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(bytes(4_096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def busy_s(core: int) -> float:
    """Seconds that a core has worked since the machine started, whoever for."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            return _worked(ticks) / _TICKS_PER_S
    raise Unsuitable(f"the kernel says nothing of core {core}")


def _worked(ticks: Sequence[str]) -> int:
    """User, nice, system, interrupts and stolen; not idle, nor waiting for a disk."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
    return user + nice + system + irq + softirq + steal
