"""Times as people type them, and ages as people read them."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGE: Final = re.compile(r"(\d{1,6})([mhdw])")
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def moment(text: str) -> datetime:
    """A date, a time, or so long ago: 2026-11-27, 2026-11-27T09:30, 30d, 12h, 45m, 2w.

    Without a time zone it is that of this machine. Raises ArgumentTypeError.
    """
    if age := _AGE.fullmatch(text):
        return datetime.now(UTC) - timedelta(seconds=int(age[1]) * _UNITS[age[2]])
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time: give a date such as 2026-11-27, or an age such as 30d"
        raise ArgumentTypeError(message) from error


def ago(time: datetime, now: datetime) -> str:
    """How long ago that was, in the largest unit that fits: "3 h"."""
    seconds = max(0.0, (now - time).total_seconds())
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def local(time: datetime) -> str:
    """To the second, where this machine is."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
