"""Which appends leave the timers in the log alone."""

from dataclasses import replace

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.scheduled import Scheduled
from tests.contract.eventlog.games import proposal

DEADLINE = Timer("deadline", "r1", 1, 9_000)


def test_a_new_game_has_no_timers_to_replace() -> None:
    scheduled = Scheduled()
    assert not scheduled.differs(proposal("game"))
    assert scheduled.differs(proposal("game", timers=[DEADLINE]))


def test_what_is_not_known_is_written() -> None:
    assert Scheduled().differs(proposal("game", 3))
    assert Scheduled().differs(proposal("game", 3, timers=[DEADLINE]))


def test_the_same_timers_are_left_alone() -> None:
    scheduled = Scheduled()
    scheduled.committed([proposal("game", 3, 2, timers=[DEADLINE])])
    assert not scheduled.differs(proposal("game", 5, timers=(DEADLINE,)))
    assert scheduled.differs(proposal("game", 5, timers=[DEADLINE._replace(due_ms=1)]))
    assert scheduled.differs(proposal("game", 5))


def test_timers_are_written_when_another_head_was_seen_last() -> None:
    scheduled = Scheduled()
    scheduled.committed([proposal("game", 3, timers=[DEADLINE])])
    assert scheduled.differs(proposal("game", 6, timers=[DEADLINE]))


def test_an_append_without_records_tells_nothing() -> None:
    scheduled = Scheduled()
    scheduled.committed([proposal("game", 3, timers=[DEADLINE])])
    scheduled.committed([replace(proposal("game", 4), records=())])
    assert not scheduled.differs(proposal("game", 4, timers=[DEADLINE]))


def test_only_the_games_written_last_are_remembered() -> None:
    scheduled = Scheduled(max_games=2)
    scheduled.committed([proposal("a"), proposal("b"), proposal("a", 1), proposal("c")])
    assert not scheduled.differs(proposal("a", 2))
    assert not scheduled.differs(proposal("c", 1))
    assert scheduled.differs(proposal("b", 1))
