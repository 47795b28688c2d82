"""Figures from many latencies. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Latencies(NamedTuple):
    """What a number of latencies come to, in ms: each by nearest rank, so each was measured."""

    samples: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


class Span(NamedTuple):
    """A span of time in a run, and the latencies of what was due in it."""

    at_s: float
    """Its middle, after the beginning of the run."""
    p50_ms: float
    p99_ms: float


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of ascending values that `percent` of 100 do not exceed.

    Raises ValueError where there are no values.
    """
    if not ordered:
        raise ValueError("nothing was measured")
    rank = math.ceil(round(len(ordered) * percent / 100, 9))
    return ordered[max(1, rank) - 1]


def latencies(values_ms: Iterable[float]) -> Latencies | None:
    """What they come to; None where there are none."""
    ordered = sorted(values_ms)
    if not ordered:
        return None
    p50, p90, p99_, p999 = (percentile(ordered, percent) for percent in (50, 90, 99, 99.9))
    return Latencies(len(ordered), p50, p90, p99_, p999, ordered[-1])


def p99(values: Iterable[float]) -> float:
    """Their 99th percentile; 0 where there are none."""
    ordered = sorted(values)
    return percentile(ordered, 99) if ordered else 0.0


def spans(due_s: Sequence[float], values_ms: Sequence[float], width_s: float) -> list[Span]:
    """The latencies by the time at which each was due; spans without any are left out."""
    found: dict[int, list[float]] = {}
    for due, value in zip(due_s, values_ms, strict=True):
        found.setdefault(int(due / width_s), []).append(value)
    return [
        Span((number + 0.5) * width_s, percentile(ordered, 50), percentile(ordered, 99))
        for number, ordered in ((number, sorted(found[number])) for number in sorted(found))
    ]
