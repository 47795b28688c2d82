"""Reports on critical events: who has applied them, and when that is told."""

from collections.abc import Iterable

import planningpoker.v1 as pb
from planning_poker_server.deliveries import Critical, Deliveries, Report, critical

SEATS = {"p1", "p2", "p3"}
REVEAL = Critical(10, "cause", "p1")


def deliveries(limit: int = 4) -> Deliveries:
    return Deliveries("game", interim_ms=3_000, end_ms=75_000, limit=limit)


def begun(connected: Iterable[str] = SEATS) -> Deliveries:
    """A reveal at time 0 to three seats, of which these are connected."""
    reports = deliveries()
    assert reports.begin(REVEAL, SEATS, 0) == []
    assert reports.due(set(connected), 0) == []
    return reports


def told(reports: Iterable[Report]) -> list[tuple[str, str, str, bool]]:
    """Acknowledged, pending, absent, final."""
    messages = [report.message for report in reports]
    return [
        (
            " ".join(m.acknowledged_player_ids),
            " ".join(m.pending_player_ids),
            " ".join(m.absent_player_ids),
            m.final,
        )
        for m in messages
    ]


def test_when_everybody_has_it_the_report_is_final_at_once() -> None:
    reports = begun()
    assert not reports.acknowledge(["p1"], 10)
    assert not reports.acknowledge(["p2"], 12)
    assert reports.acknowledge(["p3"], 10)
    assert told(reports.due(SEATS, 40)) == [("p1 p2 p3", "", "", True)]
    assert not reports.open
    assert reports.timer() is None


def test_after_three_seconds_an_interim_report_says_who_is_still_missing() -> None:
    reports = begun()
    reports.acknowledge(["p1"], 10)
    assert reports.due(SEATS, 2_999) == []
    assert reports.timer() == 3_000
    assert told(reports.due(SEATS, 3_000)) == [("p1", "p2 p3", "", False)]
    assert reports.due(SEATS, 3_001) == []
    assert reports.timer() == 75_000


def test_what_was_applied_before_the_event_does_not_count() -> None:
    reports = begun()
    reports.acknowledge(["p1"], 9)
    assert told(reports.due(SEATS, 3_000)) == [("", "p1 p2 p3", "", False)]


def test_who_is_not_there_is_not_waited_for_but_named() -> None:
    reports = deliveries()
    reports.begin(REVEAL, SEATS, 0)
    assert reports.due({"p1", "p2"}, 0) == []
    reports.acknowledge(["p1", "p2"], 10)
    assert told(reports.due({"p1", "p2"}, 20)) == [("p1 p2", "", "p3", True)]


def test_who_goes_while_waited_for_ends_the_waiting() -> None:
    reports = begun()
    reports.acknowledge(["p1", "p2"], 10)
    reports.presence_changed()
    assert told(reports.due({"p1", "p2"}, 16_000)) == [("p1 p2", "", "p3", True)]


def test_who_comes_back_while_it_is_open_is_waited_for() -> None:
    reports = begun({"p1", "p2"})
    reports.presence_changed()
    assert reports.due(SEATS, 100) == []
    reports.acknowledge(["p1", "p2"], 10)
    assert told(reports.due(SEATS, 3_000)) == [("p1 p2", "p3", "", False)]
    assert reports.acknowledge(["p3"], 10)
    assert told(reports.due(SEATS, 3_100)) == [("p1 p2 p3", "", "", True)]


def test_whoever_acknowledged_and_left_has_it_all_the_same() -> None:
    reports = begun()
    reports.acknowledge(["p3"], 10)
    reports.presence_changed()
    reports.due({"p1", "p2"}, 100)
    reports.acknowledge(["p1", "p2"], 10)
    assert told(reports.due({"p1", "p2"}, 200)) == [("p1 p2 p3", "", "", True)]


def test_after_the_last_try_the_report_ends_with_who_is_still_missing() -> None:
    reports = begun()
    reports.acknowledge(["p1", "p2"], 10)
    reports.due(SEATS, 3_000)
    assert reports.due(SEATS, 74_999) == []
    assert told(reports.due(SEATS, 75_000)) == [("p1 p2", "p3", "", True)]


def test_after_a_restart_nobody_counts_as_absent_before_they_had_time_to_come_back() -> None:
    reports = deliveries()
    reports.begin(REVEAL, SEATS, 0, hold_ms=15_000)
    assert told(reports.due(set(), 3_000)) == [("", "p1 p2 p3", "", False)]
    reports.acknowledge(["p1", "p2"], 11)
    reports.presence_changed()
    assert reports.due({"p1", "p2"}, 14_999) == []
    assert told(reports.due({"p1", "p2"}, 15_000)) == [("p1 p2", "", "p3", True)]


def test_one_acknowledgement_is_good_for_all_events_up_to_it() -> None:
    reports = begun()
    reports.begin(Critical(12, "next", "p2"), SEATS, 10)
    for seat in SEATS:
        reports.acknowledge([seat], 12)
    assert [report.event.version for report in reports.due(SEATS, 20)] == [10, 12]


def test_the_oldest_report_ends_when_there_are_too_many() -> None:
    reports = deliveries(limit=2)
    for version in (1, 2):
        assert reports.begin(Critical(version, "", ""), SEATS, 0) == []
    reports.due(SEATS, 0)
    assert told(reports.begin(Critical(3, "", ""), SEATS, 0)) == [("", "p1 p2 p3", "", True)]


def test_the_last_report_is_the_newest_events_as_it_stands() -> None:
    reports = begun()
    assert reports.last is not None
    assert told([reports.last]) == [("", "p1 p2 p3", "", False)]
    reports.acknowledge(SEATS, 10)
    reports.due(SEATS, 10)
    assert told([reports.last]) == [("p1 p2 p3", "", "", True)]
    assert deliveries().last is None


def test_a_game_without_anybody_connected_is_reported_on_at_once() -> None:
    reports = deliveries()
    reports.begin(REVEAL, SEATS, 0)
    assert told(reports.due(set(), 0)) == [("", "", "p1 p2 p3", True)]


# What is critical, and whose doing it was


def event(version: int, name: str, actor_id: str = "", correlation_id: str = "c") -> pb.GameEvent:
    made = pb.GameEvent(version=version, actor_id=actor_id, correlation_id=correlation_id)
    getattr(made, name).SetInParent()
    return made


def test_what_follows_from_a_vote_was_caused_by_its_voter() -> None:
    run = [
        event(1, "vote_submitted", "p2", "vote"),
        event(2, "votes_revealed", "", "vote"),
        event(3, "round_started", "p1", "start"),
        event(4, "story_updated", "p1", "edit"),
        event(5, "votes_revealed", "", "deadline"),
    ]
    assert critical(run) == [(2, "vote", "p2"), (3, "start", "p1"), (5, "deadline", "")]
