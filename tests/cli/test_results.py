import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from planning_poker_server.cli.results import print_results
from planning_poker_server.printable import printable

if TYPE_CHECKING:
    from tests.cli.conftest import Table


def printed(table: "Table", width: int = 80) -> list[str]:
    out = io.StringIO()
    print_results(Console(file=out, width=width), table.view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_each_story_has_a_row_with_its_rounds_and_estimate(table: "Table") -> None:
    table.start("s1", number=2)
    table.reveal(p1="5", p2="5")
    table.accept("5")
    lines = printed(table)
    assert lines[0] == "Shop, sprint 12"
    assert [line.split() for line in lines if "SHOP-1 " in line or "SHOP-2 " in line] == [
        ["SHOP-1", "Story", "number", "1", "2", "5"],
        ["SHOP-2", "Story", "number", "2", "–", "–"],
    ]
    assert lines[-1] == "1 of 12 stories estimated."


def test_the_points_are_added_where_estimates_are_numbers(table: "Table") -> None:
    for key, value in (("s1", 5.0), ("s2", 0.5)):
        story = table.view.stories[key]
        story.estimate.value = str(value)
        story.estimate.number = value
    table.view.stories["s3"].estimate.value = "?"
    assert printed(table)[-1] == "3 of 12 stories estimated, 5.5 points in all."


def test_a_long_title_is_wrapped_and_not_cut(table: "Table") -> None:
    table.stories("word " * 30)
    assert "\n".join(printed(table)).count("word") == 30


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ½ ☕ 日本", "plain ½ ☕ 日本"),
        ("a\r\nb\tc\x1b[0m", "a\\r\\nb\\tc\\x1b[0m"),
        ("\u202egnp\u2066\u200b\ufeff", "\\u202egnp\\u2066\\u200b\\ufeff"),
        ("\u2028\u0085\U000e0041\ud800", "\\u2028\\x85\\U000e0041\\ud800"),
    ],
)
def test_what_moves_or_hides_text_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_too_long_is_cut() -> None:
    assert printable("x" * 100, 10) == "x" * 10 + "…"
