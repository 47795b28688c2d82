"""What Prometheus finds."""

import re

from prometheus_client import generate_latest

from planning_poker_server.metrics import Metrics
from tests.workspace.tree import ROOT


def test_everything_that_is_counted_is_there_and_0_before_it_happens() -> None:
    lines = generate_latest(Metrics().registry).decode().splitlines()
    values = dict(
        line.rsplit(" ", 1) for line in lines if line[0] != "#" and "_created" not in line
    )
    assert values == dict.fromkeys(
        (
            "planning_poker_redeliveries_total",
            'planning_poker_detached_total{reason="SLOW"}',
            'planning_poker_detached_total{reason="UNACKNOWLEDGED"}',
            "planning_poker_stalled_streams_total",
            'planning_poker_delivery_reports_total{outcome="complete"}',
            'planning_poker_delivery_reports_total{outcome="incomplete"}',
        ),
        "0.0",
    )


def test_the_page_for_operators_names_what_is_counted_and_nothing_else() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(planning_poker_\w+_total)`", page))
    assert named == {f"{family.name}_total" for family in Metrics().registry.collect()}
