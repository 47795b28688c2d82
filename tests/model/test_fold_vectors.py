"""The vectors by which other languages check their fold say what ours does."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tests.model.fold_vectors import FOLDER, Vector, vectors

each_vector = pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)


def folded(vector: Vector) -> GameView:
    view = vector.begin()
    for event in vector.events:
        view.apply(event)
    return view


@each_vector
def test_the_view_after_the_events_is_the_result(vector: Vector) -> None:
    assert folded(vector).to_game() == vector.result


@each_vector
def test_the_result_as_a_snapshot_gives_the_same_view_again(vector: Vector) -> None:
    assert GameView.from_game(vector.result) == folded(vector)


@each_vector
def test_a_view_from_a_snapshot_at_any_event_goes_on_to_the_same_result(vector: Vector) -> None:
    view = vector.begin()
    for event in vector.events:
        view.apply(event)
        view = GameView.from_game(view.to_game())
    assert view.to_game() == vector.result


@each_vector
def test_an_event_that_is_to_be_refused_is_and_changes_nothing(vector: Vector) -> None:
    if vector.refused is None:
        return
    view = folded(vector)
    with pytest.raises(ValueError, match="does not follow"):
        view.apply(vector.refused)
    assert view.to_game() == vector.result


@each_vector
def test_a_vector_is_found_by_its_name_and_says_what_it_shows(vector: Vector) -> None:
    assert (FOLDER / f"{vector.name}.json").is_file()
    assert vector.description.endswith(".")


def test_each_kind_of_event_is_in_some_vector() -> None:
    kinds = {event.WhichOneof("event") for vector in vectors() for event in vector.events}
    contract = pb.GameEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    assert kinds - {None} == {field.name for field in contract}


def test_one_vector_holds_an_event_of_an_unknown_kind() -> None:
    unknown = [v.name for v in vectors() if any(e.WhichOneof("event") is None for e in v.events)]
    assert unknown == ["unknown_event"]


def test_some_vectors_hold_an_event_that_is_to_be_refused() -> None:
    assert [v.name for v in vectors() if v.refused is not None] == ["gap", "repeated_event"]
