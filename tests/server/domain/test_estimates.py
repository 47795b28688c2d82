"""The agreed value of a story, apart from its votes."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.types import Decision
from tests.server.domain.table import Table, accepted, refused, table


@pytest.fixture
def game() -> Table:
    """Round r1 of story s1 is revealed; s2 was not voted on."""
    game = table(None, "Bob")
    accepted(game.add_story("Login page"))
    accepted(game.add_story("Search"))
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "8"))
    accepted(game.reveal())
    return game


def end(game: Table) -> Decision:
    return game.do(pb.Command(player_id="p1", end_game=pb.EndGame()))


def test_a_card_of_the_revealed_round_becomes_the_estimate_with_its_number(game: Table) -> None:
    game.now_ms += 1_000
    accepted(game.accept("s1", "5", "r1"))
    story = game.view.stories["s1"]
    assert story.status == pb.STORY_STATUS_ESTIMATED
    assert (story.estimate.value, story.estimate.number) == ("5", 5)
    assert (story.estimate.player_id, story.estimate.round_id) == ("p1", "r1")
    assert story.estimate.accept_time.ToMilliseconds() == game.now_ms


def test_any_card_can_be_accepted_whatever_the_votes(game: Table) -> None:
    accepted(game.accept("s1", "89", "r1"))


def test_free_text_can_be_accepted_and_has_no_number(game: Table) -> None:
    accepted(game.accept("s1", " split it ", "r1"))
    estimate = game.view.stories["s1"].estimate
    assert estimate.value == "split it"
    assert not estimate.HasField("number")


def test_a_special_card_has_no_number(game: Table) -> None:
    accepted(game.accept("s1", "?", "r1"))
    assert not game.view.stories["s1"].estimate.HasField("number")


@pytest.mark.parametrize("value", ["", "  ", "x" * 41, "a\nb", "\u202e5"])
def test_a_value_that_cannot_be_kept_is_refused(game: Table, value: str) -> None:
    refusal = refused(game.accept("s1", value), pb.REASON_INVALID_TEXT)
    assert refusal.details["field"] == "value"


def test_the_votes_stay_as_they_were(game: Table) -> None:
    before = game.view.to_game().current_round
    accepted(game.accept("s1", "13", "r1"))
    assert game.view.to_game().current_round == before


def test_an_estimate_can_be_changed_and_both_are_in_the_history(game: Table) -> None:
    accepted(game.accept("s1", "5", "r1"))
    accepted(game.accept("s1", "8", "r1"))
    assert game.view.stories["s1"].estimate.value == "8"
    values = [e.estimate_accepted.story.estimate.value for e in game.events[-2:]]
    assert values == ["5", "8"]


def test_the_same_value_from_the_same_round_again_has_no_event(game: Table) -> None:
    accepted(game.accept("s1", "5", "r1"))
    assert accepted(game.accept("s1", " 5", "r1")) == []
    assert accepted(game.accept("s1", "5")) != []


def test_a_story_can_be_estimated_without_a_round(game: Table) -> None:
    accepted(game.accept("s2", "3"))
    estimate = game.view.stories["s2"].estimate
    assert (estimate.round_id, estimate.number) == ("", 3)


def test_an_accepted_skipped_story_is_estimated(game: Table) -> None:
    change = pb.UpdateStory(story_id="s2", skipped=True)
    accepted(game.do(pb.Command(player_id="p1", update_story=change)))
    accepted(game.accept("s2", "3"))
    assert game.view.stories["s2"].status == pb.STORY_STATUS_ESTIMATED


@pytest.mark.parametrize(("story_id", "round_id"), [("s2", "r1"), ("s1", "r2"), ("s1", "r99")])
def test_a_round_that_is_not_the_storys_last_revealed_one_is_refused(
    game: Table, story_id: str, round_id: str
) -> None:
    refused(game.accept(story_id, "5", round_id), pb.REASON_ROUND_CLOSED)


def test_an_earlier_round_of_the_story_is_refused(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    refused(game.accept("s1", "8", "r1"), pb.REASON_ROUND_CLOSED)
    accepted(game.accept("s1", "8", "r2"))


def test_the_open_round_must_be_revealed_first(game: Table) -> None:
    accepted(game.start("s2"))
    refused(game.accept("s2", "5", "r2"), pb.REASON_ROUND_NOT_REVEALED)
    refused(game.accept("s2", "5"), pb.REASON_ROUND_OPEN)


def test_a_story_can_be_accepted_while_another_is_voted_on(game: Table) -> None:
    accepted(game.start("s2"))
    accepted(game.accept("s1", "5", "r1"))
    assert game.view.stories["s1"].estimate.round_id == "r1"


def test_an_abandoned_second_round_leaves_the_first_to_be_accepted(game: Table) -> None:
    accepted(game.start("s1"))
    abandon = pb.AbandonRound(round_id="r2")
    accepted(game.do(pb.Command(player_id="p1", abandon_round=abandon)))
    accepted(game.accept("s1", "5", "r1"))


def test_the_number_is_that_of_the_rounds_own_deck(game: Table) -> None:
    deck = pb.Deck(name="hours", cards=[pb.Card(label="5", value=50), pb.Card(label="6", value=60)])
    update = pb.UpdateGame(settings=pb.GameSettings(deck=deck))
    accepted(game.do(pb.Command(player_id="p1", update_game=update)))
    accepted(game.accept("s1", "5", "r1"))
    assert game.view.stories["s1"].estimate.number == 5


def test_without_a_round_the_number_is_that_of_the_games_deck(game: Table) -> None:
    deck = pb.Deck(name="hours", cards=[pb.Card(label="5", value=50), pb.Card(label="6", value=60)])
    update = pb.UpdateGame(settings=pb.GameSettings(deck=deck))
    accepted(game.do(pb.Command(player_id="p1", update_game=update)))
    accepted(game.accept("s2", "5"))
    assert game.view.stories["s2"].estimate.number == 50


def test_a_new_round_keeps_the_estimate_until_another_is_accepted(game: Table) -> None:
    accepted(game.accept("s1", "5", "r1"))
    accepted(game.start("s1"))
    story = game.view.stories["s1"]
    assert (story.status, story.estimate.value) == (pb.STORY_STATUS_ESTIMATED, "5")


def test_the_end_gives_the_final_estimates_in_the_backlogs_order(game: Table) -> None:
    accepted(game.accept("s2", "3"))
    accepted(game.accept("s1", "5"))
    accepted(game.accept("s1", "8"))
    accepted(game.add_story("Never estimated"))
    accepted(end(game))
    estimates = game.events[-1].game_ended.estimates
    assert [(e.story_id, e.title, e.estimate.value) for e in estimates] == [
        ("s1", "Login page", "8"),
        ("s2", "Search", "3"),
    ]


def test_the_end_abandons_an_open_round(game: Table) -> None:
    accepted(game.start("s2"))
    accepted(end(game))
    assert game.kinds()[-2:] == ["round_abandoned", "game_ended"]
    assert game.view.phase == pb.GAME_PHASE_ENDED
    assert not game.view.to_game().HasField("current_round")


def test_the_end_keeps_the_last_revealed_round(game: Table) -> None:
    accepted(end(game))
    assert game.view.to_game().current_round.round_id == "r1"
    assert game.view.to_game().HasField("end_time")
