"""Colours of the report that can be read: WCAG 2.2, level AA, in both schemes."""

import re

import pytest

from tests.workspace.tree import ROOT

STYLE = ROOT / "server/src/planning_poker_server/report/templates/report.css"
TEXT = ("ink", "muted", "faint", "link", "most")
SHAPES = ("most", "some", "apart", "special")
TEXT_RATIO, SHAPE_RATIO = 4.5, 3.0


def schemes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.S)
    light, dark = (dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block)) for block in blocks)
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_what_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_both_schemes_define_the_same_colours() -> None:
    light, dark = schemes().values()
    assert set(light) == set(dark)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("role", TEXT)
def test_text_can_be_read(scheme: str, role: str) -> None:
    colours = schemes()[scheme]
    for ground in ("paper", "raised"):
        assert contrast(colours[role], colours[ground]) >= TEXT_RATIO


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("role", SHAPES)
def test_shapes_that_mean_something_can_be_seen(scheme: str, role: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[role], colours["paper"]) >= SHAPE_RATIO
