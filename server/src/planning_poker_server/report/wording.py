"""Figures, times and names as a reader wants them."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

EXACT_INTEGERS = 2.0**53
"""Up to here a double says each integer."""


def number(value: float) -> str:
    """13, 6.5, 1,240, 0.33: as short as it can be, two digits behind the point at most."""
    if abs(value) > EXACT_INTEGERS:
        return f"{value:.2e}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def share(part: float) -> str:
    """67 %: only what is whole is said to be 100 %, and only nothing 0 %."""
    if 0 < part < 1:
        return f"{min(max(round(part * 100), 1), 99)}\u202f%"
    return f"{part * 100:.0f}\u202f%"


def span(time: timedelta) -> str:
    """2 d 3 h, 1 h 51 min, 2 min 10 s, 40 s: the two largest units."""
    seconds = round(time.total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    largest = next((n for n, (_, size) in enumerate(units) if seconds >= size), len(units) - 1)
    parts: list[str] = []
    for unit, size in units[largest : largest + 2]:
        amount, seconds = divmod(seconds, size)
        if amount or not parts:
            parts.append(f"{amount}\u202f{unit}")
    return " ".join(parts)


def count(amount: int, one: str, many: str = "") -> str:
    """1 round, 3 rounds."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def isolated(text: str) -> str:
    """`text` kept apart from what stands around it, whichever way it runs."""
    return f"\u2068{text}\u2069"


def listing(names: Sequence[str], most: int) -> str:
    """Ada, Bob, Cid and 12 more."""
    shown = ", ".join(isolated(name) for name in names[:most])
    left = len(names) - most
    return f"{shown} and {left:,} more" if left > 0 else shown


def day(time: datetime, zone: tzinfo) -> str:
    """15 June 2025."""
    local = time.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def period(start: datetime, end: datetime, zone: tzinfo) -> str:
    """15 June 2025, 15:07 to 16:58 UTC; both days where they differ."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    until = f"{last:%H:%M} {last:%Z}"
    if first.date() != last.date():
        until = f"{day(last, zone)}, {until}"
    return f"{day(first, zone)}, {first:%H:%M} to {until}"
