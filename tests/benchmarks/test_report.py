"""The page says what was measured, and nothing of what was void."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import plot
from benchmarks.__main__ import write
from benchmarks.load.counts import percentile
from benchmarks.machine import Unsuitable, file_system
from benchmarks.measure import TINY, Window, figure
from benchmarks.report import Results, markdown
from benchmarks.workloads.crowd import Result as Crowd
from benchmarks.workloads.games import Result as Games
from benchmarks.workloads.idle import Result as Idle
from benchmarks.workloads.log import Result as Log
from benchmarks.workloads.rebuild import Result as Rebuild

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only looked at


def window(server_cpu: float = 0.5, disturbed: float = 0.0, **seen: Any) -> Window:
    counted = {
        "wall_s": 5.0,
        "events": 5_000,
        "frames": {"event_batch": 4_500},
        "bytes": 1_000_000,
        "acks": 100,
        "load_cpu": 0.3,
        "late_p99_ms": 1.0,
        "seen_p50_ms": 1.5,
        "seen_p99_ms": 4.0,
        "refusals": {},
    }
    return Window(server_cpu, disturbed, counted | seen)


def results(ours: Sequence[Window], bare: Sequence[Window], void: Sequence[str] = ()) -> Results:
    about = {"processor": "one that counts"}
    return Results(about, TINY, games=Games(list(ours), list(bare), list(void)))


def whole() -> Results:
    rate: list[Mapping[str, Any]] = [{"per_s": 30_000.0, "ms": 100.0, "p50_ms": 1.0, "p99_ms": 2.0}]
    return replace(
        results([window(0.5)], [window(0.25)]),
        crowd=Crowd([window(0.1)], [window(0.4)], [window(0.2)]),
        log=Log(rate, rate, rate),
        rebuild=Rebuild(10_000, rate, rate),
        idle=Idle(1_000, [60.0], [40.0]),
    )


def test_cpu_is_counted_for_each_delivered_event() -> None:
    assert window(server_cpu=0.5, wall_s=4.0, events=1_000).event_us == pytest.approx(2_000)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"load_cpu": 0.95}, "the load took 95% of its core"),
        ({"late_p99_ms": 80.0}, "the load was late by 80 ms at p99"),
        ({"refusals": {"REASON_ROUND_CLOSED": 1}}, "refused"),
    ],
)
def test_a_window_in_which_the_load_failed_is_void(seen: dict[str, Any], why: str) -> None:
    assert why in window(**seen).void
    assert window().void == ""


def test_a_figure_is_a_median_with_the_lowest_and_the_highest() -> None:
    assert figure([3.0, 1.0, 1_250.0]).text() == "3 (1–1,250)"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = array("d", range(1, 101))
    assert (percentile(values, 50), percentile(values, 99)) == (51, 100)
    assert percentile(array("d"), 99) == 0


def test_the_page_has_each_part_that_was_measured_and_its_ratio() -> None:
    page = markdown(whole(), "RESULTS.svg")
    assert "one that counts" in page
    assert "![Each repetition beside its peer](RESULTS.svg)" in page
    assert "costs 2.00 × what it" in page
    assert "stores 1.00 × as many commands" in page
    assert "10,000 events" in page
    assert "takes 1.50 × the memory" in page


def test_a_part_that_was_left_out_is_not_on_the_page() -> None:
    page = markdown(results([window()], [window()]))
    assert "The event log alone" not in page
    assert "idle streams" not in page


def test_void_windows_are_told_and_make_no_figure() -> None:
    page = markdown(results([], [], ["the load took 95% of its core"]))
    assert "Void, and measured again: the load took 95% of its core." in page
    assert "nothing can be said" in page
    assert "CPU for each delivered event" not in page


def test_a_disturbed_window_is_told() -> None:
    page = markdown(results([window(disturbed=0.4)], [window()]))
    assert "In 1 of 2 windows other programs used more than 10% of a core" in page
    assert "other programs" not in markdown(results([window()], [window()]))


def test_the_plot_has_a_bar_for_each_side_and_a_dot_for_each_repetition() -> None:
    drawn = ElementTree.fromstring(plot.svg(plot.charts(whole())))  # noqa: S314 - our own
    name = "{http://www.w3.org/2000/svg}"
    assert len(drawn.findall(f"{name}rect[@class='ours']")) == 6
    assert len(drawn.findall(f"{name}rect[@class='peer']")) == 6
    assert len(drawn.findall(f"{name}circle")) == 12


def test_a_folder_in_memory_is_no_disk() -> None:
    if not IN_MEMORY.is_dir():
        pytest.skip("no file system in memory here")
    with pytest.raises(Unsuitable, match="in memory"):
        file_system(IN_MEMORY)


def test_minutes_of_measuring_are_not_lost_for_want_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    write(whole(), folder)
    assert {path.name for path in folder.iterdir()} == {"RESULTS.md", "RESULTS.svg"}
