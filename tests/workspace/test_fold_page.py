"""docs/fold.md has a row for each event, and each row names what the event changes."""

import re
from collections.abc import Iterator

import planningpoker.v1 as pb
from tests.model.fold_vectors import vectors
from tests.workspace.tree import ROOT

ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", re.M)
ROUND = "current_round"
# A reveal gives the story as it is; nothing in a round changes one today.
NEVER_SEEN = {("votes_revealed", "stories")}


def rows() -> dict[str, set[str]]:
    """The fields that the page says an event changes, by the event's name."""
    page = (ROOT / "docs" / "fold.md").read_text(encoding="utf-8")
    events = page.partition("## Events")[2].partition("\n## ")[0]
    return {
        name: set(re.findall(r"`([\w.]+)`", changes)) for name, changes, _ in ROW.findall(events)
    }


def changes() -> Iterator[tuple[str, str]]:
    """(event, field) of each change that an event of a vector makes to the view."""
    for vector in vectors():
        view = vector.begin()
        for event in vector.events:
            before = view.to_game()
            view.apply(event)
            for field in changed(before, view.to_game()):
                yield event.WhichOneof("event") or "", field


def changed(before: pb.Game, after: pb.Game) -> Iterator[str]:
    """Fields with another value; of a round that goes on, the fields of the round."""
    for name in set(differing(before, after)) - {"version"}:
        one, other = before.current_round, after.current_round
        if name == ROUND and (one.round_id, one.status) == (other.round_id, other.status):
            yield from (f"{ROUND}.{each}" for each in differing(one, other))
        else:
            yield name


def differing(one: pb.Game | pb.Round, other: pb.Game | pb.Round) -> Iterator[str]:
    for field in one.DESCRIPTOR.fields:
        if getattr(one, field.name) != getattr(other, field.name):
            yield field.name


def test_each_event_of_the_contract_has_a_row_in_its_order() -> None:
    contract = pb.GameEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    assert list(rows()) == [field.name for field in contract]


def test_each_row_names_just_what_the_vectors_show_to_change() -> None:
    said = {(event, field) for event, fields in rows().items() for field in fields}
    shown = {(event, field) for event, field in changes() if event not in ("", "game_created")}
    assert said - NEVER_SEEN == shown


def test_an_unknown_event_changes_nothing_that_could_be_named() -> None:
    assert [field for event, field in changes() if event == ""] == []
