"""Results for people: a table, and what went wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from planning_poker_server.cli.blocks import said
from planning_poker_simulator.scenarios.model import Scenario
from planning_poker_simulator.scenarios.results import Result, Verdict

MARKS: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.PASSED: ("passed", "green"),
    Verdict.FAILED: ("failed", "bold red"),
}
"""How a verdict is shown, and in which style."""


def listing(scenarios: Sequence[Scenario]) -> RenderableType:
    """Their files and names."""
    table = Table(box=None, pad_edge=False)
    table.add_column("file", no_wrap=True)
    table.add_column("scenario", no_wrap=True)
    table.add_column("actions", justify="right")
    for each in scenarios:
        table.add_row(said(Path(each.source).name), said(each.name), str(each.steps))
    return table


def summary(results: Sequence[Result], left_out: int = 0) -> RenderableType:
    """All results in a table, what went wrong, and the sum."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scenario", no_wrap=True, overflow="ellipsis")
    for name in ("actions", "checks", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True, min_width=7)
    for each in results:
        mark, style = MARKS[each.verdict]
        checks = f"{each.checked}/{each.checked + len(each.failures)}"
        table.add_row(
            said(each.scenario.name),
            f"{each.actions}/{each.scenario.steps}",
            checks,
            f"{each.seconds:.2f} s",
            Text(mark, style),
        )
    failed = [each for each in results if not each.passed]
    return Group(Text(), table, *(_failure(each) for each in failed), _sum(results, left_out))


def _failure(result: Result) -> RenderableType:
    """One scenario that failed: what was expected, what was, and what happened last."""
    title = Text.assemble(
        ("failed ", "bold red"),
        (said(result.scenario.name, "bold")),
        f" in {result.scenario.source}",
        no_wrap=True,
        overflow="ignore",
    )
    return Group(Text(), title, Padding(Group(*_details(result)), (0, 0, 0, 2), expand=False))


def _details(result: Result) -> Iterator[Text]:
    for each in result.failures:
        line = f"line {each.line}: " if each.line else ""
        yield Text.assemble((f"{line}{each.what}", "bold"))
        yield Text.assemble(("  expected ", "dim"), Text(each.expected, "green"))
        yield Text.assemble(("  but      ", "dim"), Text(each.actual, "red"))
    if result.last_events:
        yield Text("the last events:", "dim")
        yield from (Text(f"  {each}") for each in result.last_events)


def _sum(results: Sequence[Result], left_out: int) -> Text:
    passed = sum(each.passed for each in results)
    failed = len(results) - passed
    seconds = sum(each.seconds for each in results)
    parts = [f"{passed} passed"]
    if failed:
        parts.append(f"{failed} failed")
    if left_out:
        parts.append(f"{left_out} not played")
    text = f"\n{', '.join(parts)}; {seconds:.1f} s of playing"
    return Text(text, "bold red" if failed else "bold green")
