"""A small SVG of the results: a bar for each median, a dot for each repetition."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.report import Results
from benchmarks.workloads.log import LARGE_BATCH

_WIDTH, _ROW, _LABELS, _VALUES = 720, 26, 250, 90
_BAR = _WIDTH - _LABELS - _VALUES
_STYLE = (
    "text{font:13px sans-serif;fill:#24292f}.title{font-weight:bold}"
    ".ours{fill:#2f6fde}.peer{fill:#a8b1bd}.dot{fill:#24292f}"
)


class Bar(NamedTuple):
    """One side of a comparison."""

    label: str
    values: Sequence[float]
    ours: bool = False


class Chart(NamedTuple):
    """Bars on one scale."""

    title: str
    bars: Sequence[Bar]


def charts(results: Results) -> list[Chart]:
    """One for each part that was measured."""
    found = []
    if results.games is not None and results.games.ours:
        ours = [window.event_us for window in results.games.ours]
        bare = [window.event_us for window in results.games.bare]
        bars = [Bar("server", ours, ours=True), Bar("bare grpc.aio", bare)]
        found.append(Chart("Server's CPU for each delivered event, µs (less is better)", bars))
    if results.crowd is not None and results.crowd.ours:
        crowd, sizes = results.crowd, results.sizes
        slow, fast = f"{sizes.crowd_votes_per_s:g}/s", f"{sizes.crowd_fast_per_s:g}/s"
        bars = [
            Bar(f"server, {slow}", [each.event_us for each in crowd.ours], ours=True),
            Bar(f"bare grpc.aio, {slow}", [each.event_us for each in crowd.bare]),
            Bar(f"server, {fast}", [each.event_us for each in crowd.fast], ours=True),
        ]
        found.append(Chart(f"The same in one game of {sizes.crowd:,}", bars))
    if results.log is not None:
        bars = [
            Bar("event log", _per_s(results.log.ours), ours=True),
            Bar(f"raw sqlite3, batches of {LARGE_BATCH}", _per_s(results.log.raw_large)),
            Bar("raw sqlite3, one by one", _per_s(results.log.raw_single)),
        ]
        found.append(Chart("Durable commands a second (more is better)", bars))
    if results.rebuild is not None:
        bars = [
            Bar("room loaded", _per_s(results.rebuild.ours), ours=True),
            Bar("scan that only decodes", _per_s(results.rebuild.bare)),
        ]
        found.append(Chart("Events a second from a game's log (more is better)", bars))
    if results.idle is not None:
        bars = [Bar("server", results.idle.ours, ours=True), Bar("bare", results.idle.bare)]
        found.append(Chart("KiB for each idle stream (less is better)", bars))
    return found


def _per_s(found: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(each["per_s"]) for each in found]


def svg(drawn: Sequence[Chart]) -> str:
    """The picture."""
    y, parts = 8, []
    for chart in drawn:
        parts.append(f'<text class="title" x="8" y="{y + 16}">{chart.title}</text>')
        y += _ROW
        scale = _BAR / max(max(bar.values) for bar in chart.bars)
        for bar in chart.bars:
            parts.append(_drawn(bar, y, scale))
            y += _ROW
        y += _ROW // 2
    size = f'width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}"'
    background = '<rect width="100%" height="100%" fill="#ffffff"/>'
    lines = [f"<style>{_STYLE}</style>", background, *parts]
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *lines, "</svg>", ""])


def _drawn(bar: Bar, y: int, scale: float) -> str:
    median, end = statistics.median(bar.values), _LABELS + max(bar.values) * scale
    kind = "ours" if bar.ours else "peer"
    dots = "".join(
        f'<circle class="dot" cx="{_LABELS + value * scale:.1f}" cy="{y + 9}" r="2"/>'
        for value in bar.values
    )
    return (
        f'<text x="20" y="{y + 14}">{bar.label}</text>'
        f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{median * scale:.1f}" height="18"/>'
        f'{dots}<text x="{end + 8:.1f}" y="{y + 14}">{median:,.0f}</text>'
    )
