"""What a game's history says of its rounds, stories and people."""

from datetime import timedelta

import pytest

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle
from planning_poker_model.chronicler import chronicle
from planning_poker_model.decks import BUILT_IN
from tests import games
from tests.games import SECOND
from tests.server.domain.table import Table, accepted, table

SKIP = pb.UpdateStory(story_id="s1", skipped=True)


def with_story(*others: str) -> Table:
    game = table(None, *others)
    accepted(game.add_story("Login page"))
    accepted(game.add_story("Search"))
    return game


def round_of(game: Table, cards: str, story_id: str = "s1", *, force: bool = False) -> None:
    """A round of ten seconds and its reveal, one card a player."""
    accepted(game.start(story_id))
    for number, card in enumerate(cards.split(), 1):
        accepted(game.vote(f"p{number}", card))
    game.now_ms += 10 * SECOND
    accepted(game.reveal(force=force))


def wait(game: Table, seconds: int) -> None:
    game.now_ms += seconds * SECOND


def told(game: Table) -> Chronicle:
    return chronicle(game.events)


def test_a_revealed_round_keeps_its_votes_times_and_who_turned_the_cards() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    (record,) = told(game).rounds
    assert record.is_revealed
    assert (record.opened_by, record.closed_by, record.forced) == ("p1", "p1", False)
    assert record.voting == timedelta(seconds=10)
    assert [(vote.display_name, vote.card) for vote in record.round.votes] == [
        ("Ada", "3"),
        ("Bob", "5"),
    ]


def test_a_forced_reveal_says_who_was_missing_and_who_was_not_there() -> None:
    game = with_story("Bob", "Cid")
    game.disconnect("p3")
    round_of(game, "3", force=True)
    (record,) = told(game).rounds
    assert record.forced
    assert list(record.round.missing_player_ids) == ["p2", "p3"]
    assert record.absent_player_ids == ("p3",)


def test_an_abandoned_round_keeps_how_many_cards_nobody_saw() -> None:
    game = with_story("Bob")
    accepted(game.start("s1"))
    accepted(game.vote("p2", "3"))
    wait(game, 40)
    accepted(game.do(pb.Command(player_id="p1", abandon_round=pb.AbandonRound(round_id="r1"))))
    (record,) = told(game).rounds
    assert record.status == pb.ROUND_STATUS_ABANDONED
    assert (record.voted_player_ids, record.voting) == (("p2",), timedelta(seconds=40))


def test_a_round_that_is_still_open_says_who_has_voted() -> None:
    game = with_story("Bob")
    accepted(game.start("s1"))
    accepted(game.vote("p2", "3"))
    (record,) = told(game).rounds
    assert record.status == pb.ROUND_STATUS_OPEN
    assert (record.closed_at, record.voted_player_ids) == (None, ("p2",))


def test_discussion_lasts_until_the_story_gets_its_estimate() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    wait(game, 60)
    accepted(game.accept("s1", "5", "r1"))
    wait(game, 600)
    (first, _) = told(game).stories
    assert (first.voting.seconds, first.discussion.seconds, first.time.seconds) == (10, 60, 70)


def test_discussion_lasts_until_the_story_is_voted_on_again_or_skipped() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    wait(game, 30)
    round_of(game, "3 5")
    wait(game, 20)
    accepted(game.do(pb.Command(player_id="p1", update_story=SKIP)))
    assert [each.discussion.seconds for each in told(game).rounds] == [30, 20]


def test_where_the_table_went_on_to_another_story_no_discussion_is_claimed() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    wait(game, 60)
    round_of(game, "3 5", "s2")
    wait(game, 60)
    accepted(game.accept("s1", "5"))
    assert [each.discussion.seconds for each in told(game).rounds] == [0, 0]


def test_rounds_to_consensus_count_reveals_until_all_cards_were_alike() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    accepted(game.start("s1"))
    accepted(game.do(pb.Command(player_id="p1", abandon_round=pb.AbandonRound(round_id="r2"))))
    round_of(game, "5 5")
    (first, second) = told(game).stories
    assert first.rounds_to_consensus == 2
    assert len(first.rounds) == 3
    assert second.rounds_to_consensus is None


@pytest.mark.parametrize("cards", ["5", "? ?", "3 5"])
def test_one_vote_special_cards_and_different_ones_are_no_consensus(cards: str) -> None:
    (story,) = chronicle(games.played([cards])).stories
    assert story.rounds_to_consensus is None


def test_an_estimate_without_consensus_still_says_which_reveal_led_to_it() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    round_of(game, "3 5")
    accepted(game.accept("s1", "5", "r2"))
    assert told(game).stories[0].rounds_to_estimate == 2
    accepted(game.accept("s1", "after the spike"))
    assert told(game).stories[0].rounds_to_estimate is None


def test_every_estimate_is_kept_with_who_when_and_from_which_round() -> None:
    game = with_story("Bob")
    round_of(game, "3 5")
    accepted(game.accept("s1", "5", "r1"))
    wait(game, 60)
    accepted(game.accept("s1", "8"))
    estimates = told(game).stories[0].estimates
    assert [(e.value, e.number, e.player_id, e.round_id) for e in estimates] == [
        ("5", 5, "p1", "r1"),
        ("8", 8, "p1", ""),
    ]
    assert estimates[0].accept_time.seconds + 60 == estimates[1].accept_time.seconds


def test_a_skipped_story_has_no_estimate_but_had_one() -> None:
    game = with_story()
    accepted(game.accept("s1", "5"))
    accepted(game.do(pb.Command(player_id="p1", update_story=SKIP)))
    story = told(game).stories[0]
    assert story.estimate is None
    assert [each.value for each in story.estimates] == ["5"]


def test_a_removed_story_comes_last_with_its_rounds_and_is_not_in_the_points() -> None:
    game = with_story("Bob")
    round_of(game, "3 3")
    accepted(game.accept("s1", "3", "r1"))
    accepted(game.accept("s2", "5"))
    assert told(game).points == 8
    remove = pb.RemoveStory(story_id="s1")
    accepted(game.do(pb.Command(player_id="p1", remove_story=remove)))
    history = told(game)
    assert [(s.story.story_id, s.is_removed) for s in history.stories] == [
        ("s2", False),
        ("s1", True),
    ]
    assert len(history.stories[1].rounds) == 1
    assert history.points == 5


def test_votes_without_a_story_are_apart() -> None:
    game = with_story("Bob")
    round_of(game, "3 5", "")
    history = told(game)
    assert history.without_story == history.rounds
    assert [story.rounds for story in history.stories] == [(), ()]


def test_points_are_of_numbers_only() -> None:
    game = table(pb.GameSettings(deck=BUILT_IN["t_shirt"]))
    accepted(game.add_story())
    accepted(game.accept("s1", "XL"))
    assert told(game).points is None


def test_who_left_was_there() -> None:
    game = table(None, "Bob", "Cid")
    accepted(game.do(pb.Command(player_id="p2", leave_game=pb.LeaveGame())))
    remove = pb.RemovePlayer(player_id="p3")
    accepted(game.do(pb.Command(player_id="p1", remove_player=remove)))
    people = told(game).people
    assert [each.player.display_name for each in people.values()] == ["Ada", "Bob", "Cid"]
    assert [each.left_at is not None for each in people.values()] == [False, True, True]
    assert [each.was_removed for each in people.values()] == [False, False, True]


def test_who_came_back_is_one_person_who_has_not_left() -> None:
    game = table(None, "Bob")
    accepted(game.do(pb.Command(player_id="p2", leave_game=pb.LeaveGame())))
    wait(game, 60)
    accepted(game.join("Bob"))
    bob = told(game).people["p2"]
    assert (bob.left_at, len(told(game).people)) == (None, 2)
    assert bob.joined_at < told(game).last_event_at


def test_one_against_the_rest_stood_apart_and_the_rest_did_not() -> None:
    standings = chronicle(games.played(["5 5 5 8"])).standings
    assert [(each.outlier, each.lower, each.higher) for each in standings] == [
        (1, 0, 0),
        (1, 0, 0),
        (1, 0, 0),
        (1, 0, 1),
    ]


def test_where_no_card_was_more_frequent_nobody_stood_apart() -> None:
    standings = chronicle(games.played(["3 8", "3 3 5 5"])).standings
    assert [each.apart for each in standings] == [0, 0, 0, 0]
    assert [each.votes for each in standings] == [2, 2, 1, 1]


def test_agreement_over_time_is_that_of_the_reveals_in_order() -> None:
    history = chronicle(games.played(["1 2 3 5", "3 3 5 5", "5 5 5 5"]))
    assert [r.round.statistics.agreement for r in history.revealed] == [0.25, 0.5, 1]


def test_a_game_lasts_until_its_end_or_its_last_event() -> None:
    game = with_story("Bob")
    assert told(game).played is None
    wait(game, 100)
    round_of(game, "3 5")
    assert told(game).duration == timedelta(seconds=110)
    wait(game, 90)
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    history = told(game)
    assert history.duration == timedelta(seconds=200)
    assert history.ended_at == history.last_event_at
    assert history.played == (history.rounds[0].opened_at, history.rounds[0].closed_at)


def test_an_event_of_a_later_server_is_passed_over() -> None:
    events = games.played(["3 5"])
    unknown = pb.GameEvent(version=len(events) + 1, event_time=events[-1].event_time)
    history = chronicle([*events, unknown])
    assert history.game.version == unknown.version
    assert history.rounds == chronicle(events).rounds


def test_a_history_with_a_hole_is_refused() -> None:
    events = games.played(["3 5"])
    with pytest.raises(ValueError, match="does not follow"):
        chronicle(events[1:])
    with pytest.raises(ValueError, match="at least one event"):
        chronicle([])
