"""Nothing that anybody else sees depends on a card before its reveal."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

import planningpoker.v1 as pb
from planning_poker_server.domain.types import Decision
from tests.server.domain.table import Table, accepted, table

CARDS = st.sampled_from("0 1 2 3 5 8 13 21 34 55 89 ? ☕".split())  # noqa: SIM905
PLAYERS = st.sampled_from(["p1", "p2", "p3"])


class Step(NamedTuple):
    """One thing that happens, with two cards to choose from."""

    kind: str
    player_id: str
    cards: tuple[str, str]
    comments: tuple[str, str]


STEPS = st.builds(
    Step,
    st.sampled_from(
        ["vote"] * 6 + ["retract", "reveal", "start", "observe", "go", "come", "fire", "join"]
    ),
    PLAYERS,
    st.tuples(CARDS, CARDS),
    st.tuples(st.text("ab", max_size=140), st.text("ab", max_size=140)),
)


def happen(game: Table, step: Step, world: int) -> Decision | None:
    player_id = step.player_id
    match step.kind:
        case "vote":
            return game.vote(player_id, step.cards[world], step.comments[world])
        case "retract":
            return game.retract(player_id)
        case "reveal":
            return game.reveal(force=True)
        case "start":
            return game.start()
        case "observe":
            change = pb.UpdatePlayer(role=pb.PLAYER_ROLE_OBSERVER)
            return game.do(pb.Command(player_id=player_id, update_player=change))
        case "join":
            return game.join("Dee")
        case "go":
            game.disconnect(player_id)
        case "come":
            game.connect(player_id)
        case "fire":
            game.now_ms += 10_000
            if game.state.timers():
                return game.fire(game.state.timers()[0].kind)
    return None


def seen(game: Table) -> list[bytes]:
    """The events as everyone gets them, but for what a reveal is there to show."""
    shown = []
    for row in game.rows:
        event = pb.GameEvent.FromString(row.event)
        if event.HasField("votes_revealed"):
            event.votes_revealed.round.ClearField("votes")
            event.votes_revealed.round.ClearField("statistics")
            shown.append(event.SerializeToString(deterministic=True))
        else:
            shown.append(row.event)
    return shown


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(STEPS, max_size=25),
    st.booleans(),
    st.sampled_from([0, 5]),
    st.sampled_from([pb.ELECTORATE_CONNECTED, pb.ELECTORATE_INVITED]),
)
def test_two_games_that_differ_in_cards_only_look_the_same(
    steps: list[Step],
    automatic: bool,
    countdown_s: int,
    electorate: pb.Electorate.ValueType,
) -> None:
    asked = pb.GameSettings(auto_reveal=automatic, electorate=electorate)
    asked.reveal_countdown.seconds = countdown_s
    one, other = table(asked, "Bob", "Cy"), table(asked, "Bob", "Cy")
    for game in (one, other):
        accepted(game.start())
    for step in steps:
        decisions = happen(one, step, 0), happen(other, step, 1)
        if isinstance(decisions[0], pb.Refusal):
            assert decisions[0] == decisions[1]
        assert one.state.timers() == other.state.timers()
        if one.view.phase == pb.GAME_PHASE_VOTING:
            assert one.view.to_game() == other.view.to_game()
    assert seen(one) == seen(other)
