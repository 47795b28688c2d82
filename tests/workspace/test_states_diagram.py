"""Whoever edits the client's table of states and not its diagram is told so."""

import re

import pytest

from planning_poker_client.states import TRANSITIONS, Signal
from tools.draw_states import PAGE, diagram, drawn


def test_the_diagram_on_the_page_is_that_of_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == drawn(page), "run .venv/bin/python tools/draw_states.py"


def test_each_row_of_the_table_is_an_arrow_except_that_all_can_be_closed() -> None:
    arrows = set(re.findall(r"^    (\w+) --> (\w+): (.*)$", diagram(), re.M))
    assert arrows == {
        (before.__name__, after.__name__, signal.value)
        for (before, signal), after in TRANSITIONS.items()
        if signal is not Signal.CLOSE
    }
    closed = {before for before, signal in TRANSITIONS if signal is Signal.CLOSE}
    assert closed == {before for before, _ in TRANSITIONS}


def test_a_page_that_lost_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="no place"):
        drawn("# Connection state\n")
