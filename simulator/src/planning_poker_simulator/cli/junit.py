"""Results as JUnit XML, as CI systems read it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from planning_poker_server.printable import printable
from planning_poker_simulator.scenarios.model import Scenario
from planning_poker_simulator.scenarios.results import Result

_SUITE: Final = "poker-sim"


def write_junit(file: Path, results: Sequence[Result], left_out: Sequence[Scenario] = ()) -> None:
    """Write one test case for each scenario; those `left_out` are skipped. Raises OSError."""
    failed = sum(not result.passed for result in results)
    counts = {
        "name": _SUITE,
        "tests": str(len(results) + len(left_out)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(len(left_out)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }
    suites = Element("testsuites", counts)
    suite = SubElement(suites, "testsuite", counts)
    for result in results:
        _add(suite, result)
    for scenario in left_out:
        SubElement(_case(suite, scenario, 0.0), "skipped", message="not played: one failed before")
    indent(suites)
    ElementTree(suites).write(file, encoding="utf-8", xml_declaration=True)


def _case(suite: Element, scenario: Scenario, seconds: float) -> Element:
    stem = Path(scenario.source).stem
    return SubElement(
        suite,
        "testcase",
        classname=f"{_SUITE}.{_text(stem)}",
        name=_text(scenario.name),
        file=_text(scenario.source),
        time=f"{seconds:.3f}",
    )


def _add(suite: Element, result: Result) -> None:
    case = _case(suite, result.scenario, result.seconds)
    if result.passed:
        return
    first = result.failures[0]
    failure = SubElement(case, "failure", message=_text(str(first)), type="unexpected")
    lines = [*map(str, result.failures), "", "the last events:", *result.last_events]
    failure.text = "\n".join(map(_text, lines))


def _text(text: str) -> str:
    """XML can hold no control characters."""
    return printable(text)
