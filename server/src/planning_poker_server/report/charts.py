"""The charts of a report: what `bars` describes, drawn."""

from collections.abc import Sequence
from typing import Any, Final
from unicodedata import east_asian_width

from markupsafe import Markup

from planning_poker_server.report.bars import Bar, Bars, Dot, Pile
from planning_poker_server.report.drawing import INKS, Drawing

CHARACTER: Final = 7
"""Pixels that a character of a label takes, about."""
SLOT: Final = 34
"""Pixels from one column to the next, at most."""
GAP: Final = 7
"""Pixels between labels."""
ROW: Final = 24
"""Pixels from one row to the next."""
SMOOTH: Final = 5
"""Rounds that the line over all of them takes the mean of."""
_BAR: Final[dict[str, Any]] = {"clip_on": False, "linewidth": 0}


def columns(chart: Bars, width: int = 340, height: int = 116) -> Markup:
    """A column for each bar; rows, of the chosen ones only, where the labels need the room."""
    bars = chart.bars
    needed = _widest([bar.label for bar in bars]) * CHARACTER + GAP
    if needed * len(bars) > width:
        bars = tuple(bar for bar in bars if bar.count)
    if needed * len(bars) > width:
        return rows(Bars(chart.name, bars, chart.alternative), width)
    # Few cards are no reason for fat columns: they stand on the left.
    slots = max(len(bars), width // max(SLOT, needed))
    drawing = Drawing(width, height, bottom=22, top=18)
    axes, most = drawing.axes, max((bar.count for bar in bars), default=1)
    axes.set_xlim(-0.5, slots - 0.5)
    axes.set_ylim(0, max(most, 3))
    places = range(len(bars))
    axes.bar(places, [bar.count for bar in bars], 0.66, color=_colours(bars), **_BAR)
    axes.plot([-0.5, len(bars) - 0.5], [0, 0], color=INKS["rule"], linewidth=1, clip_on=False)
    for place, bar in enumerate(bars):
        ink = "ink" if bar.count else "faint"
        drawing.text(place, _above(drawing, -17), bar.label, ink, ha="center", fontsize=12)
        if bar.count:
            y = bar.count + _above(drawing, 4)
            drawing.text(place, y, f"{bar.count:,}", ha="center", fontsize=11)
    return drawing.svg(chart.name, chart.alternative)


def rows(chart: Bars, width: int = 340) -> Markup:
    """A row for each bar, labels on the left."""
    longest = _widest([bar.label for bar in chart.bars])
    left = longest * CHARACTER + GAP
    drawing = Drawing(width, ROW * max(len(chart.bars), 1), left=left)
    most = max((bar.count for bar in chart.bars), default=1) or 1
    room = max(width - left - 44, 1) / (width - left)  # what the figures behind the bars leave
    drawing.axes.set_xlim(0, most / room)
    drawing.axes.set_ylim(len(chart.bars) - 0.5, -0.5)
    pixel = most / room / (width - left)
    places = range(len(chart.bars))
    counts = [bar.count for bar in chart.bars]
    drawing.axes.barh(places, counts, 0.56, color=_colours(chart.bars), **_BAR)
    for place, bar in enumerate(chart.bars):
        ink = "ink" if bar.count else "muted"
        drawing.text(
            -GAP * pixel, place + 0.17, bar.label, ink, ha="right", va="baseline", fontsize=12
        )
        drawing.text(
            bar.count + 6 * pixel, place + 0.17, f"{bar.count:,}", va="baseline", fontsize=11
        )
    return drawing.svg(chart.name, chart.alternative)


def agreement(dots: Sequence[Dot], name: str, alternative: str, width: int) -> Markup:
    """The share of the most frequent card, round by round, and its mean over some of them."""
    drawing = Drawing(width, 190, left=40, bottom=24, top=12)
    axes = drawing.axes
    axes.set_xlim(0.2, max(len(dots), 12) + 0.8)
    axes.set_ylim(0, 1)
    for share in (0.0, 0.5, 1.0):
        _line(drawing, share, f"{share:.0%}")
    if len(dots) > SMOOTH:
        means = _means([dot.share for dot in dots])
        places = range(SMOOTH, len(dots) + 1)
        axes.plot(places, means, color=INKS["second"], linewidth=2, clip_on=False)
    size = 30 if len(dots) <= width / 9 else 9
    for is_first, face in ((True, INKS["most"]), (False, INKS["paper"])):
        chosen = [(n, dot.share) for n, dot in enumerate(dots, 1) if dot.is_first is is_first]
        if chosen:
            x, y = zip(*chosen, strict=True)
            axes.scatter(
                x, y, size, face, edgecolors=INKS["most"], linewidths=1.3, clip_on=False, zorder=3
            )
    _number_below(drawing, [str(n) for n in range(1, len(dots) + 1)], start=1)
    return drawing.svg(name, alternative)


def times(piles: Sequence[Pile], name: str, alternative: str, width: int) -> Markup:
    """Minutes a story, voting below and discussion above it."""
    drawing = Drawing(width, 190, left=40, bottom=24, top=12)
    axes = drawing.axes
    most = max((sum(pile.parts) for pile in piles), default=1.0) or 1.0
    axes.set_xlim(-0.6, max(len(piles), 12) - 0.4)
    axes.set_ylim(0, most)
    unit, step = _step(most)
    for line in range(int(most / step) + 1):
        label = f"{line * step / _UNITS[unit]:g} {unit}" if line else "0"
        drawing.text(
            _left(drawing, 8), line * step - _above(drawing, 4), label, ha="right", fontsize=11
        )
    bottom = [0.0] * len(piles)
    for part, ink in enumerate(("most", "second")):
        heights = [pile.parts[part] for pile in piles]
        axes.bar(range(len(piles)), heights, 0.66, bottom, color=INKS[ink], zorder=2, **_BAR)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    _number_below(drawing, [pile.label for pile in piles], start=0)
    return drawing.svg(name, alternative)


_UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_STEPS: Final = [
    (unit, size * times)
    for unit, size, several in (
        ("s", 1, (1, 5, 15, 30)),
        ("min", 60, (1, 2, 5, 10, 30)),
        ("h", 3_600, (1, 2, 6, 12)),
        ("d", 86_400, (1, 2, 7, 30, 90, 365)),
    )
    for times in several
]


def _step(most: float) -> tuple[str, float]:
    """Time between two lines, so that there are about four of them."""
    return next(((unit, step) for unit, step in _STEPS if most / step <= 5), _STEPS[-1])


def _means(shares: Sequence[float]) -> list[float]:
    """Of each round and those before it, once there are enough."""
    return [sum(shares[end - SMOOTH : end]) / SMOOTH for end in range(SMOOTH, len(shares) + 1)]


def _number_below(drawing: Drawing, labels: Sequence[str], *, start: int) -> None:
    """As many of the labels as there is room for."""
    low, high = drawing.axes.get_xlim()
    slot = drawing.width / (high - low)
    longest = _widest(labels) * CHARACTER + GAP
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000) if slot * n >= longest)
    for place, label in enumerate(labels):
        if (place + 1) % every == 0 or (place == 0 and every > 2):
            drawing.text(place + start, _above(drawing, -18), label, ha="center", fontsize=11)


def _line(drawing: Drawing, y: float, label: str) -> None:
    """A line across the plot, with its label on the left."""
    drawing.axes.axhline(y, color=INKS["rule"], linewidth=1, zorder=0, clip_on=False)
    drawing.text(_left(drawing, 8), y - _above(drawing, 4), label, ha="right", fontsize=11)


def _above(drawing: Drawing, pixels: float) -> float:
    """So many pixels, in the units of the vertical axis."""
    low, high = drawing.axes.get_ylim()
    return pixels * (high - low) / (drawing.axes.get_position().height * drawing.height)


def _left(drawing: Drawing, pixels: float) -> float:
    """The place so many pixels left of the plot."""
    low, high = drawing.axes.get_xlim()
    return low - pixels * (high - low) / (drawing.axes.get_position().width * drawing.width)


def _widest(labels: Sequence[str]) -> int:
    """Characters of the widest label; ideographs and emoji take the room of two."""
    widths = (sum(2 if east_asian_width(c) in "WF" else 1 for c in text) for text in labels)
    return max(widths, default=1)


def _colours(bars: Sequence[Bar]) -> list[str]:
    return [INKS[bar.tone] for bar in bars]
