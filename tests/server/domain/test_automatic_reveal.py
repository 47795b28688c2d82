"""Reveal by itself: at once or after a countdown, never too early, never on nobody's votes."""

from collections.abc import Callable

import pytest

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_server.domain.consequences import consequences
from planning_poker_server.domain.types import Decision, FireTimer
from tests.server.domain.table import Table, accepted, refused, table


def automatic(
    countdown_s: int = 0, electorate: pb.Electorate.ValueType = pb.ELECTORATE_CONNECTED
) -> pb.GameSettings:
    settings = pb.GameSettings(auto_reveal=True, electorate=electorate)
    settings.reveal_countdown.seconds = countdown_s
    return settings


def cancel(game: Table) -> Decision:
    command = pb.CancelReveal(round_id=game.round_id)
    return game.do(pb.Command(player_id="p1", cancel_reveal=command))


def leave(game: Table, player_id: str) -> None:
    accepted(game.do(pb.Command(player_id=player_id, leave_game=pb.LeaveGame())))


def observe(game: Table, player_id: str) -> None:
    change = pb.UpdatePlayer(role=pb.PLAYER_ROLE_OBSERVER)
    accepted(game.do(pb.Command(player_id=player_id, update_player=change)))


def remove(game: Table, player_id: str) -> None:
    command = pb.RemovePlayer(player_id=player_id)
    accepted(game.do(pb.Command(player_id="p1", remove_player=command)))


def all_but_bob_voted(countdown_s: int = 0) -> Table:
    """Ada and Cy have voted, Bob (p2) has not."""
    game = table(automatic(countdown_s), "Bob", "Cy")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p3", "5"))
    return game


def all_voted(countdown_s: int) -> Table:
    game = all_but_bob_voted(countdown_s)
    accepted(game.vote("p2", "8"))
    return game


def is_revealed(game: Table) -> bool:
    return game.view.phase == pb.GAME_PHASE_REVEALED


def counts_down(game: Table) -> bool:
    return game.view.round_reveal_time is not None


def test_the_last_vote_reveals_and_the_server_did_it() -> None:
    game = all_but_bob_voted()
    assert not is_revealed(game)
    accepted(game.vote("p2", "8"))
    assert is_revealed(game)
    vote, reveal = game.events[-2:]
    assert reveal.actor_id == ""
    assert not reveal.votes_revealed.forced
    assert reveal.correlation_id == vote.correlation_id


def test_without_the_setting_nothing_reveals_by_itself() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    assert not is_revealed(game)


CHANGES: dict[str, Callable[[Table], None]] = {
    "leaves": lambda game: leave(game, "p2"),
    "is removed": lambda game: remove(game, "p2"),
    "becomes an observer": lambda game: observe(game, "p2"),
    "disconnects": lambda game: game.disconnect("p2"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_it_reveals_when_the_one_it_waits_for_goes(change: Callable[[Table], None]) -> None:
    game = all_but_bob_voted()
    change(game)
    assert is_revealed(game)


def test_it_reveals_when_the_setting_is_switched_on_with_all_votes_in() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    update = pb.UpdateGame(settings=automatic())
    accepted(game.do(pb.Command(player_id="p1", update_game=update)))
    assert is_revealed(game)


def test_it_waits_for_who_joins_late() -> None:
    game = table(automatic(), "Bob")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.join("Cy"))
    accepted(game.vote("p2", "5"))
    assert not is_revealed(game)
    accepted(game.vote("p3", "5"))
    assert is_revealed(game)


def test_it_never_fires_on_nobody() -> None:
    game = table(automatic(), "Bob")
    accepted(game.start())
    game.disconnect("p1", "p2")
    assert not is_revealed(game)
    game = table(automatic())
    accepted(game.start())
    observe(game, "p1")
    assert game.view.phase == pb.GAME_PHASE_VOTING


def test_it_never_fires_when_all_who_voted_went_away() -> None:
    game = table(automatic(), "Bob")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    game.disconnect("p1", "p2")
    assert not is_revealed(game)


def test_observers_and_proxied_seats_are_not_waited_for() -> None:
    game = table(automatic())
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    accepted(game.join("Cy", proxied=True))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    assert is_revealed(game)
    assert list(game.events[-1].votes_revealed.round.missing_player_ids) == ["p3"]


def test_an_asynchronous_game_waits_for_all_who_are_invited() -> None:
    game = table(automatic(electorate=pb.ELECTORATE_INVITED), "Bob")
    accepted(game.join("Cy", proxied=True))
    game.disconnect("p1", "p2")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    assert not is_revealed(game)
    accepted(game.vote("p3", "5"))
    assert is_revealed(game)


def test_while_clients_come_back_only_the_votes_of_all_voters_reveal() -> None:
    game = table(automatic(), "Bob", "Cy")
    accepted(game.start())
    game.settled = False
    game.disconnect("p2", "p3")
    accepted(game.vote("p1", "5"))
    assert not is_revealed(game)
    accepted(game.vote("p2", "5"))
    accepted(game.vote("p3", "5"))
    assert is_revealed(game)


def test_once_they_are_back_it_reveals_with_who_is_there() -> None:
    game = table(automatic(), "Bob")
    accepted(game.start())
    game.settled = False
    game.disconnect("p2")
    accepted(game.vote("p1", "5"))
    game.settled = True
    game.settle()
    assert is_revealed(game)


def test_a_countdown_runs_from_the_last_vote() -> None:
    game = all_but_bob_voted(countdown_s=5)
    game.now_ms += 1_000
    accepted(game.vote("p2", "8"))
    assert counts_down(game)
    assert not is_revealed(game)
    (timer,) = game.state.timers()
    assert timer.due_ms == game.now_ms + 5_000
    assert game.view.to_game().current_round.reveal_time.ToMilliseconds() == timer.due_ms
    assert game.events[-1].actor_id == ""


def test_a_countdown_need_not_be_of_whole_seconds() -> None:
    settings = automatic()
    settings.reveal_countdown.FromMilliseconds(1_500)
    game = table(settings)
    assert game.view.settings.reveal_countdown == settings.reveal_countdown
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    assert game.state.timers()[0].due_ms == game.now_ms + 1_500


def test_at_the_end_of_the_countdown_the_server_reveals() -> None:
    game = all_voted(countdown_s=5)
    game.now_ms += 5_000
    accepted(game.fire("countdown"))
    assert is_revealed(game)
    assert game.events[-1].actor_id == ""
    assert not game.events[-1].votes_revealed.forced
    assert game.state.timers() == ()


def test_a_countdown_does_not_fire_early() -> None:
    game = all_voted(countdown_s=5)
    game.now_ms += 4_999
    assert accepted(game.fire("countdown")) == []
    assert counts_down(game)


def test_a_retraction_cancels_the_countdown_and_the_next_vote_starts_it_anew() -> None:
    game = all_voted(countdown_s=5)
    accepted(game.retract("p2"))
    assert not counts_down(game)
    assert game.events[-1].actor_id == ""
    game.now_ms += 3_000
    accepted(game.vote("p2", "5"))
    (timer,) = game.state.timers()
    assert timer.due_ms == game.now_ms + 5_000


def test_a_new_voter_cancels_the_countdown() -> None:
    game = all_voted(countdown_s=5)
    accepted(game.join("Dee"))
    assert not counts_down(game)


def test_after_the_servers_own_cancelling_the_countdown_starts_again_without_a_vote() -> None:
    game = all_voted(countdown_s=5)
    accepted(game.join("Dee"))
    leave(game, "p4")
    assert counts_down(game)


def test_who_comes_back_without_a_vote_cancels_the_countdown() -> None:
    game = all_but_bob_voted(countdown_s=5)
    game.disconnect("p2")
    assert counts_down(game)
    game.connect("p2")
    assert not counts_down(game)


def test_a_changed_vote_leaves_the_countdown_as_it_is() -> None:
    game = all_voted(countdown_s=5)
    (before,) = game.state.timers()
    game.now_ms += 1_000
    accepted(game.vote("p2", "13"))
    assert game.state.timers() == (before,)


def test_switching_it_off_cancels_the_countdown() -> None:
    game = all_voted(countdown_s=5)
    update = pb.UpdateGame(settings=pb.GameSettings())
    accepted(game.do(pb.Command(player_id="p1", update_game=update)))
    assert not counts_down(game)
    assert not is_revealed(game)


def test_all_going_away_does_not_stop_a_countdown() -> None:
    game = all_voted(countdown_s=5)
    game.disconnect("p1", "p2", "p3")
    assert counts_down(game)
    game.now_ms += 5_000
    accepted(game.fire("countdown"))
    assert is_revealed(game)


def test_a_person_stops_the_countdown_until_the_next_vote() -> None:
    game = all_voted(countdown_s=5)
    accepted(cancel(game))
    assert not counts_down(game)
    game.disconnect("p2")
    game.connect("p2")
    assert not counts_down(game)
    accepted(game.vote("p2", "8"))
    assert counts_down(game)


def test_a_retraction_ends_the_hold_too() -> None:
    game = all_voted(countdown_s=5)
    accepted(cancel(game))
    accepted(game.retract("p2"))
    game.disconnect("p2")
    assert counts_down(game)


def test_the_owner_without_a_seat_stops_the_countdown_as_well() -> None:
    game = Table()
    accepted(game.create(automatic(5), player=""))
    accepted(game.join("Bob"))
    accepted(game.start(sender=""))
    accepted(game.vote("p1", "5"))
    command = pb.CancelReveal(round_id="r1")
    accepted(game.do(pb.Command(cancel_reveal=command)))
    game.settle()
    assert not counts_down(game)


def test_stopping_where_nothing_counts_down_is_refused() -> None:
    refused(cancel(all_but_bob_voted(countdown_s=5)), pb.REASON_NO_COUNTDOWN)


def test_a_manual_reveal_ends_the_countdown() -> None:
    game = all_voted(countdown_s=5)
    accepted(game.reveal())
    assert is_revealed(game)
    assert game.state.timers() == ()


def test_a_held_round_does_not_hold_the_next() -> None:
    game = all_voted(countdown_s=5)
    accepted(cancel(game))
    accepted(game.reveal())
    accepted(game.start())
    for player_id in ("p1", "p2", "p3"):
        accepted(game.vote(player_id, "5"))
    assert counts_down(game)


def test_a_countdown_that_was_set_again_does_not_fire_for_the_first() -> None:
    game = all_voted(countdown_s=5)
    (first,) = game.state.timers()
    accepted(game.retract("p2"))
    accepted(game.vote("p2", "5"))
    game.now_ms += 5_000
    fire = FireTimer("countdown", first.round_id, first.set_version)
    assert accepted(game.do(fire)) == []
    accepted(game.fire("countdown"))
    assert is_revealed(game)


def test_due_with_somebody_missing_it_is_cancelled_and_nothing_revealed() -> None:
    game = all_voted(countdown_s=5)
    accepted(game.join("Dee", connect=False))
    game.now_ms += 5_000
    game.connected.add("p4")
    accepted(game.fire("countdown"))
    assert not counts_down(game)
    assert not is_revealed(game)


def evolve(game: Table, event: pb.GameEvent) -> None:
    """Lets something happen from which nothing follows, as right after a failed append."""
    event.version = game.state.version + 1
    game.state.evolve(event, storage.Sealed())


def test_due_without_a_vote_it_is_cancelled_whoever_is_there() -> None:
    game = all_voted(countdown_s=5)
    for player_id in ("p1", "p2", "p3"):
        retracted = pb.VoteRetracted(round_id="r1", player_id=player_id)
        evolve(game, pb.GameEvent(vote_retracted=retracted))
    game.connected.clear()
    game.now_ms += 5_000
    (timer,) = game.state.timers()
    (draft,) = accepted(game.ask(FireTimer(timer.kind, timer.round_id, timer.set_version)))
    assert draft.event.WhichOneof("event") == "reveal_cancelled"
    assert draft.by_server


def test_nobody_follows_in_a_game_that_is_over() -> None:
    game = table(None, "Bob")
    evolve(game, pb.GameEvent(player_left=pb.PlayerLeft(player_id="p1")))
    assert consequences(game.state, game.presence, game.now_ms) != []
    evolve(game, pb.GameEvent(game_ended=pb.GameEnded()))
    assert consequences(game.state, game.presence, game.now_ms) == []


def test_there_are_no_consequences_before_the_game() -> None:
    game = Table()
    assert consequences(game.state, game.presence, game.now_ms) == []
