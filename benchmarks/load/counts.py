"""What the load has seen: how much, how late, and at what cost to itself."""

import time
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Any


class Counts:
    """Counters and latencies of one window; `begin` starts it anew."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.events = 0
        """Delivered: each event once for each player who was told."""
        self.frames: Counter[str] = Counter()
        """Received, by payload."""
        self.bytes = 0
        self.acks = 0
        self.commands = 0
        self.refusals: Counter[str] = Counter()
        self.late_ms = array("d")
        """How long after its time each command was sent."""
        self.seen_ms = array("d")
        """From the time that a vote was due to each player's being told."""
        self._began = time.perf_counter()
        self._began_cpu = time.process_time()

    def report(self) -> Mapping[str, Any]:
        wall_s = time.perf_counter() - self._began
        cpu_s = time.process_time() - self._began_cpu
        return {
            "wall_s": wall_s,
            "load_cpu": cpu_s / wall_s,
            "events": self.events,
            "frames": dict(self.frames),
            "bytes": self.bytes,
            "acks": self.acks,
            "commands": self.commands,
            "refusals": dict(self.refusals),
            "late_p99_ms": percentile(self.late_ms, 99),
            "seen_p50_ms": percentile(self.seen_ms, 50),
            "seen_p99_ms": percentile(self.seen_ms, 99),
        }


def percentile(values: "array[float]", percent: int) -> float:
    """The value that `percent` of 100 do not exceed; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
