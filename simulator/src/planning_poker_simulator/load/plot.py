"""A picture of a load's latencies: over time, and how often each. Needs the extra `load`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from planning_poker_simulator.load.statistics import latencies, spans

_VOTE: Final = "#7da7e8"
_P50: Final = "#1f5fc4"
_P99: Final = "#c4501f"
_BINS: Final = 60
# Points beyond make a file of megabytes and a solid area.
_MAX_POINTS: Final = 5_000


def draw(path: Path, title: str, due_s: Sequence[float], seen_ms: Sequence[float]) -> None:
    """Write the picture, as SVG or PNG by the file's ending. Raises OSError."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    over_time, often = figure.subplots(2, 1, height_ratios=(3, 2))
    if seen_ms:
        _over_time(over_time, due_s, seen_ms)
        _often(often, seen_ms)
    figure.savefig(path, dpi=120)


def _over_time(axes: Axes, due_s: Sequence[float], seen_ms: Sequence[float]) -> None:
    step = -(-len(seen_ms) // _MAX_POINTS)
    share = "" if step == 1 else f" (1 of {step})"
    label = f"a vote{share}"
    axes.plot(due_s[::step], seen_ms[::step], ".", color=_VOTE, markersize=2, label=label)
    # Wide enough for about a hundred votes, so that p99 is not merely the slowest.
    width_s = max(max(due_s) / 40, max(due_s) * 100 / len(seen_ms))
    found = spans(due_s, seen_ms, width_s)
    at = [span.at_s for span in found]
    each = f"of each {width_s:.2g} s"
    axes.plot(at, [span.p50_ms for span in found], color=_P50, label=f"p50 {each}")
    axes.plot(at, [span.p99_ms for span in found], color=_P99, label=f"p99 {each}")
    axes.set_yscale("log")
    _label_plainly(axes.yaxis)
    axes.set_xlabel("due after the beginning, s")
    axes.set_ylabel("vote due → seen by all, ms")
    axes.legend(loc="lower right", ncols=3, fontsize=8)
    axes.grid(visible=True, alpha=0.3)


def _often(axes: Axes, seen_ms: Sequence[float]) -> None:
    low, high = max(min(seen_ms), 0.01), max(seen_ms) * 1.05
    ratio = (high / low) ** (1 / _BINS)
    axes.hist(seen_ms, bins=[low * ratio**number for number in range(_BINS + 1)], color=_VOTE)
    found = latencies(seen_ms)
    if found is not None:
        for name, value, colour in (("p50", found.p50_ms, _P50), ("p99", found.p99_ms, _P99)):
            axes.axvline(value, color=colour, label=f"{name}: {value:.1f} ms")
    axes.set_xscale("log")
    _label_plainly(axes.xaxis)
    axes.set_xlabel("vote due → seen by all, ms")
    axes.set_ylabel("votes")
    axes.legend(loc="upper right", fontsize=8)


def _label_plainly(axis: Axis) -> None:
    """A range below a decade is labelled at its minor ticks."""
    axis.set_major_formatter(FuncFormatter(_plain))
    axis.set_minor_formatter(FuncFormatter(_plain_if_round))


def _plain(value: float, _place: object) -> str:
    return f"{value:g}"


def _plain_if_round(value: float, _place: object) -> str:
    return f"{value:g}" if f"{value:.0e}"[0] in "25" else ""
