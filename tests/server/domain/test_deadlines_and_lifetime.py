"""What is scheduled, and what happens when it is due."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.types import Decision, FireTimer, Timer
from tests.server.domain.table import START_MS, Table, accepted, fold, refused, table

DAY_MS = 24 * 3_600_000


def start(game: Table, seconds: int | None = None) -> Decision:
    command = pb.StartRound()
    if seconds is not None:
        command.duration.seconds = seconds
    return game.do(pb.Command(player_id="p1", start_round=command))


def set_deadline(game: Table, seconds: int) -> Decision:
    command = pb.SetDeadline(round_id=game.round_id)
    command.remaining.seconds = seconds
    return game.do(pb.Command(player_id="p1", set_deadline=command))


def timed(seconds: int) -> Table:
    settings = pb.GameSettings()
    settings.round_duration.seconds = seconds
    return table(settings, "Bob")


def test_a_round_has_no_deadline_by_default() -> None:
    game = table()
    accepted(start(game))
    assert game.state.timers() == ()
    assert not game.view.to_game().current_round.HasField("expire_time")


def test_a_round_gets_the_games_deadline() -> None:
    game = timed(60)
    accepted(start(game))
    assert game.state.timers() == (Timer("deadline", "r1", game.state.version, START_MS + 60_000),)


@pytest.mark.parametrize(("seconds", "due"), [(10, [START_MS + 10_000]), (0, [])])
def test_a_rounds_own_duration_comes_before_the_games(seconds: int, due: list[int]) -> None:
    game = timed(60)
    accepted(start(game, seconds))
    assert [timer.due_ms for timer in game.state.timers()] == due


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1])
def test_a_deadline_is_between_a_second_and_thirty_days(seconds: int) -> None:
    game = table()
    refused(start(game, seconds), pb.REASON_INVALID_VALUE)
    accepted(start(game))
    refused(set_deadline(game, seconds), pb.REASON_INVALID_VALUE)


@pytest.mark.parametrize("nanos", [1, 999_999_999])
def test_a_deadline_of_less_than_a_second_is_refused(nanos: int) -> None:
    game = table()
    accepted(start(game))
    command = pb.SetDeadline(round_id="r1")
    command.remaining.nanos = nanos
    decision = game.do(pb.Command(player_id="p1", set_deadline=command))
    refusal = refused(decision, pb.REASON_INVALID_VALUE)
    assert refusal.message == "The remaining time must be 0, or 1 to 2,592,000 seconds."


def test_a_deadline_is_set_moved_and_lifted() -> None:
    game = table()
    accepted(start(game))
    assert accepted(set_deadline(game, 0)) == []
    accepted(set_deadline(game, 30))
    game.now_ms += 10_000
    accepted(set_deadline(game, 30))
    (timer,) = game.state.timers()
    assert timer == Timer("deadline", "r1", game.state.version, START_MS + 40_000)
    accepted(set_deadline(game, 0))
    assert game.state.timers() == ()


def test_a_moved_deadline_fires_at_its_new_time_only() -> None:
    game = timed(60)
    accepted(start(game))
    (first,) = game.state.timers()
    accepted(set_deadline(game, 120))
    game.now_ms += 60_000
    fire = FireTimer("deadline", "r1", first.set_version)
    assert accepted(game.do(fire)) == []
    assert accepted(game.fire("deadline")) == []
    game.now_ms += 60_000
    accepted(game.fire("deadline"))
    assert game.view.phase == pb.GAME_PHASE_LOBBY


def test_at_the_deadline_the_server_reveals_what_there_is() -> None:
    game = timed(60)
    accepted(start(game))
    accepted(game.vote("p2", "5"))
    game.now_ms += 60_000
    accepted(game.fire("deadline"))
    event = game.events[-1]
    assert event.actor_id == ""
    assert event.votes_revealed.forced
    assert list(event.votes_revealed.round.missing_player_ids) == ["p1"]
    assert not event.votes_revealed.round.HasField("expire_time")
    assert game.state.timers() == ()


def test_at_the_deadline_with_all_votes_the_reveal_is_not_forced() -> None:
    game = timed(60)
    accepted(start(game))
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    game.now_ms += 60_000
    accepted(game.fire("deadline"))
    assert not game.events[-1].votes_revealed.forced


def test_at_the_deadline_without_a_vote_the_round_closes_without_result() -> None:
    game = timed(60)
    accepted(start(game))
    game.now_ms += 60_000
    accepted(game.fire("deadline"))
    assert game.kinds()[-1] == "round_abandoned"
    assert game.events[-1].actor_id == ""
    assert game.view.phase == pb.GAME_PHASE_LOBBY


def test_a_vote_before_the_deadline_has_fired_counts_however_late() -> None:
    game = timed(60)
    accepted(start(game))
    game.now_ms += 61_000
    accepted(game.vote("p1", "5"))
    accepted(game.fire("deadline"))
    assert game.view.votes["p1"].card == "5"


def test_a_deadline_survives_a_restart() -> None:
    game = timed(60)
    accepted(start(game))
    accepted(game.vote("p1", "5"))
    before = game.state.timers()
    game.state = fold(game.rows)
    assert game.state.timers() == before
    game.now_ms += 60_000
    accepted(game.fire("deadline"))
    assert game.view.votes["p1"].card == "5"


def test_a_deadline_of_a_closed_round_does_nothing() -> None:
    game = timed(60)
    accepted(start(game))
    (timer,) = game.state.timers()
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    accepted(start(game, 0))
    game.now_ms += 60_000
    fire = FireTimer(timer.kind, timer.round_id, timer.set_version)
    assert accepted(game.do(fire)) == []


def test_a_timer_before_there_is_a_game_does_nothing() -> None:
    assert accepted(Table().do(FireTimer("lifetime", "", 1))) == []


def mortal(ttl_ms: int = DAY_MS) -> Table:
    game = Table()
    accepted(game.create(ttl_ms=ttl_ms))
    return game


def test_a_game_with_a_lifetime_says_when_it_ends() -> None:
    game = mortal()
    assert game.state.timers() == (Timer("lifetime", "", 1, START_MS + DAY_MS),)
    assert game.view.to_game().expire_time.ToMilliseconds() == START_MS + DAY_MS


def test_a_lifetime_ends_the_game_and_abandons_its_open_round() -> None:
    game = mortal()
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    game.now_ms += DAY_MS
    accepted(game.fire("lifetime"))
    assert game.kinds()[-2:] == ["round_abandoned", "game_ended"]
    assert [event.actor_id for event in game.events[-2:]] == ["", ""]
    assert game.state.timers() == ()


def test_an_ended_game_has_no_lifetime_left() -> None:
    game = mortal()
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    game.now_ms += DAY_MS
    assert accepted(game.do(FireTimer("lifetime", "", 1))) == []


@pytest.mark.parametrize("ttl_ms", [59_999, 365 * DAY_MS + 1, -60_000])
def test_a_lifetime_is_between_a_minute_and_a_year(ttl_ms: int) -> None:
    refused(Table().create(ttl_ms=ttl_ms), pb.REASON_INVALID_VALUE)


@pytest.mark.parametrize("ttl_ms", [60_000, 365 * DAY_MS])
def test_the_bounds_of_a_lifetime_are_fine(ttl_ms: int) -> None:
    assert mortal(ttl_ms).state.timers()[0].due_ms == START_MS + ttl_ms


def test_time_never_goes_back_even_if_the_clock_does() -> None:
    game = timed(60)
    game.now_ms -= 5_000
    accepted(start(game))
    assert game.events[-1].event_time.ToMilliseconds() == START_MS
    started = game.events[-1].round_started.round
    assert started.start_time.ToMilliseconds() == START_MS
    assert started.expire_time.ToMilliseconds() == START_MS + 60_000
