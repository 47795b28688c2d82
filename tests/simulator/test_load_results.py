"""Figures of a load, and what is said of them."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from planning_poker_simulator.load.effort import Effort
from planning_poker_simulator.load.plan import Plan
from planning_poker_simulator.load.result import Counts, Result, Server, shortfalls
from planning_poker_simulator.load.statistics import Span, latencies, p99, percentile, spans
from planning_poker_simulator.load.tables import told

SEEN = latencies([1.0] * 98 + [20.0, 40.0])
RESULT = Result(
    plan=Plan(games=5, players=4, votes_per_s=50.0, duration_s=2.0),
    server=Server("127.0.0.1:50051", embedded=True, cpu=0.25, rss_bytes=100 << 20),
    connections=8,
    seated_s=0.5,
    elapsed_s=2.0,
    interrupted=False,
    effort=Effort(cpu=0.2, late_p99_ms=1.0, loop_p99_ms=2.0),
    counts=Counts(100, 170, 100, 680, 680, 0, 0, 0),
    errors={},
    accepted_per_s=85.0,
    delivered_per_s=340.0,
    seen=SEEN,
    answered=SEEN,
)


# Statistics


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 1_001)]
    assert [percentile(values, percent) for percent in (0, 50, 99, 99.9, 100)] == [
        1.0,
        500.0,
        990.0,
        999.0,
        1000.0,
    ]
    assert percentile([7.0], 99.9) == 7.0


def test_a_percentile_of_nothing_is_an_error_and_no_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)
    assert latencies([]) is None


def test_latencies_do_not_depend_on_the_order_in_which_they_came() -> None:
    values = [float(value) for value in range(2_000)]
    found = latencies(values[1::2] + values[::2])
    assert found is not None
    assert found == (2_000, 999.0, 1_799.0, 1_979.0, 1_997.0, 1_999.0)
    assert p99(values) == found.p99_ms


def test_one_slow_vote_of_a_thousand_is_seen_in_the_tail() -> None:
    found = latencies([1.0] * 998 + [500.0] * 2)
    assert found is not None
    assert (found.p99_ms, found.p999_ms, found.max_ms) == (1.0, 500.0, 500.0)


def test_latencies_over_time_belong_to_when_a_vote_was_due() -> None:
    due_s, values = [0.1, 2.2, 0.2, 2.4], [1.0, 9.0, 3.0, 7.0]
    assert spans(due_s, values, 1.0) == [Span(0.5, 1.0, 3.0), Span(2.5, 7.0, 9.0)]


# Saturation


@pytest.mark.parametrize(
    ("effort", "why"),
    [
        (Effort(0.86, 1.0, 1.0), "it used 86% of a core"),
        (Effort(0.5, 26.0, 1.0), "votes were sent 26 ms late"),
        (Effort(0.5, 1.0, 26.0), "its event loop was 26 ms late"),
        (Effort(0.5, 1.0, 1.0, gave_up=True), "it fell behind its own schedule"),
    ],
)
def test_a_generator_that_was_too_busy_says_why_and_nothing_of_the_server(
    effort: Effort, why: str
) -> None:
    result = replace(RESULT, effort=effort)
    found = result.to_json()
    assert found["saturated"] is True
    assert any(reason.startswith(why) for reason in found["reasons"])
    for name in ("latency", "throughput", "counts", "errors"):
        assert name not in found
    assert "cpu" not in found["server"]
    printed = text_of(result)
    assert why in printed
    assert "p99.9" not in printed


def test_a_generator_within_its_bounds_is_believed() -> None:
    assert Effort(0.85, 25.0, 25.0).saturated == []


# What is told


def test_a_result_in_json_has_every_figure_with_its_unit() -> None:
    found = json.loads(json.dumps(RESULT.to_json()))
    assert found["saturated"] is False
    assert found["latency"]["seen"] == {
        "samples": 100,
        "p50_ms": 1.0,
        "p90_ms": 1.0,
        "p99_ms": 20.0,
        "p999_ms": 40.0,
        "max_ms": 40.0,
    }
    assert found["throughput"] == {"accepted_per_s": 85.0, "delivered_per_s": 340.0}
    assert found["counts"]["delivered"] == found["counts"]["expected"] == 680
    assert found["errors"] == {}
    assert found["server"] == {
        "address": "127.0.0.1:50051",
        "embedded": True,
        "cpu": 0.25,
        "rss_bytes": 100 << 20,
        "others_cpu": None,
    }
    assert found["generator"] == {"cpu": 0.2, "late_p99_ms": 1.0, "loop_p99_ms": 2.0}
    assert found["plan"]["seed"] == 1


def test_errors_are_told_by_reason_the_most_frequent_first() -> None:
    printed = text_of(replace(RESULT, errors={"NO_ANSWER": 1, "TOO_MANY_COMMANDS": 1_200}))
    assert printed.index("TOO_MANY_COMMANDS") < printed.index("NO_ANSWER")
    assert "1,200" in printed


def test_a_machine_that_did_other_work_as_well_is_told() -> None:
    alone, shared = (replace(RESULT.server, others_cpu=cpu) for cpu in (0.05, 0.9))
    assert "Others" not in text_of(replace(RESULT, server=alone))
    assert "90% of a core" in text_of(replace(RESULT, server=shared))


def test_what_was_cut_short_says_so() -> None:
    assert "interrupted after 2.0 s" in text_of(replace(RESULT, interrupted=True))


def test_what_was_asked_for_is_kept_or_named() -> None:
    assert shortfalls(RESULT, max_errors=0, p99_ms=20.0) == []
    assert shortfalls(RESULT, max_errors=0, p99_ms=19.9) == [
        "Votes were seen after 20.0 ms at p99, and 19.9 ms are allowed."
    ]
    failed = replace(RESULT, errors={"NO_ANSWER": 3})
    assert shortfalls(failed, max_errors=3, p99_ms=None) == []
    assert shortfalls(failed, max_errors=2, p99_ms=None) == [
        "There were 3 errors, and at most 2 are allowed."
    ]


def test_an_event_that_was_not_delivered_is_no_success() -> None:
    lost = replace(RESULT, counts=Counts(100, 170, 100, 679, 680, 0, 0, 0))
    assert shortfalls(lost, max_errors=0, p99_ms=None) == ["679 events were delivered of 680."]


def test_a_bound_for_latencies_is_not_kept_where_there_are_none() -> None:
    assert shortfalls(replace(RESULT, seen=None), max_errors=0, p99_ms=50.0) != []


def text_of(result: Result) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(told(result))
    return captured.get()
