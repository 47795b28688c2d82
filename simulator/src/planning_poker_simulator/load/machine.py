"""What else the machine does while a load is measured on it."""

import os
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/stat")


def busy_s() -> float | None:
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
