"""What else the machine does while a load is measured on it."""

import os
import time
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/stat")


class Machine:
    """How busy the whole machine is, from when this is made."""

    def __init__(self) -> None:
        self._busy_s, self._wall_s = _busy_s(), time.perf_counter()

    def cores(self) -> float | None:
        """Cores in use since then, whoever for; None where the system does not tell."""
        now_s, before_s = _busy_s(), self._busy_s
        if now_s is None or before_s is None:
            return None
        return (now_s - before_s) / max(time.perf_counter() - self._wall_s, 1e-9)


def _busy_s() -> float | None:
    """Seconds that all cores together have worked so far; None where the system does not tell."""
    try:
        name, *ticks = _STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return None
    if name != "cpu":
        return None
    # User, nice, system, interrupts and stolen; not idle, nor waiting for a disk.
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
