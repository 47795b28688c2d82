"""The report of a game as one HTML page that needs nothing else."""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from planning_poker_model.chronicle import Chronicle
from planning_poker_server.report import charts
from planning_poker_server.report.bars import Dot, Pile
from planning_poker_server.report.page import page

WIDE, NARROW = 896, 320
"""Pixels of a chart that is drawn twice: for a desk and for a phone."""


def render(chronicle: Chronicle, zone: tzinfo = UTC) -> str:
    """The page, with times in `zone`: HTML to be written as UTF-8.

    It loads nothing and runs nothing, and says so to the browser. The same chronicle gives
    the same page each time.
    """
    template = _environment().get_template("report.html")
    return template.render(page=page(chronicle, zone))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("planning_poker_server.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "columns": charts.columns,
        "rows": charts.rows,
        "agreement": _agreement,
        "times": _times,
    }
    return environment


def _agreement(dots: Sequence[Dot], alternative: str) -> Markup:
    return _twice(lambda name, width: charts.agreement(dots, name, alternative, width), "agreement")


def _times(piles: Sequence[Pile], alternative: str) -> Markup:
    return _twice(lambda name, width: charts.times(piles, name, alternative, width), "times")


def _twice(draw: Callable[[str, int], Markup], name: str) -> Markup:
    """Drawn for a desk and for a phone; the page's style shows the one that fits."""
    wide, narrow = draw(f"{name}-wide", WIDE), draw(f"{name}-narrow", NARROW)
    frame = Markup('<div class="wide">{}</div><div class="narrow">{}</div>')
    return frame.format(wide, narrow)
