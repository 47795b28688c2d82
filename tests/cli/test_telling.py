from typing import TYPE_CHECKING

import pytest

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.cli.telling import Teller

if TYPE_CHECKING:
    from tests.cli.conftest import Table


def told(table: "Table") -> list[str]:
    """Everything that is told of the game, from its first event on."""
    view = GameView()
    teller = Teller(view)
    lines = []
    for event in table.events:
        view.apply(event)
        if line := teller.tell(view, event):
            lines.append(line.text)
    return lines


def test_a_round_reads_as_a_story(table: "Table") -> None:
    table.start("s1")
    table.vote("p1", "p2")
    table.reveal(p1="3", p2="13")
    table.start("s1", number=2)
    table.vote("p1", "p2")
    table.reveal(p1="5", p2="5")
    table.accept("5")
    table.add(pb.GameEvent(game_ended=pb.GameEnded()))
    assert told(table)[-11:] == [
        "12 stories enter the backlog",
        "Cards for SHOP-1",
        "Ada lays a card",
        "Bob lays a card",
        "Cards turned: 3 to 13 · median 8 · mean 8 · agreement 50 % (Ada 3, Bob 13)",
        "Round 2 for SHOP-1",
        "Ada lays a card",
        "Bob lays a card",
        "Cards turned: all say 5 (Ada 5, Bob 5)",
        "SHOP-1 is estimated at 5",
        "The game is over",
    ]


def test_coming_and_going_is_told_by_name(table: "Table") -> None:
    table.add(pb.GameEvent(player_left=pb.PlayerLeft(player_id="p2")))
    table.add(pb.GameEvent(player_removed=pb.PlayerRemoved(player_id="p3")))
    lines = told(table)
    assert lines[:6][0] == "Ada sits down"
    assert lines[5] == "Grace watches"
    assert lines[-2:] == ["Bob leaves", "Chiara was removed"]


@pytest.mark.parametrize("name", [f.name for f in pb.GameEvent.DESCRIPTOR.oneofs[0].fields])
def test_every_kind_of_event_can_be_told_or_passed_over(name: str) -> None:
    event = pb.GameEvent(version=1)
    getattr(event, name).SetInParent()
    Teller(GameView()).tell(GameView(), event)
