from planning_poker_model.decks import BUILT_IN
from planning_poker_server.cli.cast import FAR_APART, LATECOMER, VOTERS, Opinions

SCALE = [card.label for card in BUILT_IN["fibonacci"].cards if not card.special]
EVERYONE = (*VOTERS, LATECOMER)


def cards(seed: int, story: int) -> list[str]:
    opinions = Opinions(seed, SCALE)
    return [opinions.first(name, story) for name in EVERYONE]


def spread(seed: int, story: int) -> int:
    places = [SCALE.index(card) for card in cards(seed, story) if card in SCALE]
    return max(places) - min(places)


def test_the_same_seed_gives_the_same_game_and_another_another() -> None:
    games = [[cards(seed, story) for story in range(12)] for seed in (1, 1, 2)]
    assert games[0] == games[1]
    assert games[0] != games[2]


def test_an_opinion_does_not_depend_on_who_was_asked_before() -> None:
    one, other = Opinions(3, SCALE), Opinions(3, SCALE)
    forward = {name: one.first(name, 4) for name in EVERYONE}
    backward = {name: other.first(name, 4) for name in reversed(EVERYONE)}
    assert forward == backward


def test_every_card_is_one_of_the_deck() -> None:
    labels = {card.label for card in BUILT_IN["fibonacci"].cards}
    for seed in range(50):
        for story in range(12):
            assert set(cards(seed, story)) <= labels


def test_contested_stories_set_the_team_apart_and_the_others_do_not() -> None:
    for seed in range(50):
        for story in range(12):
            contested = Opinions(seed, SCALE).is_contested(story)
            assert (spread(seed, story) >= FAR_APART) == contested


def test_not_everyone_says_the_same_of_every_story() -> None:
    assert any(len(set(cards(12, story))) > 1 for story in range(12) if story % 4 != 1)


def test_after_the_talk_the_team_is_close_to_the_middle() -> None:
    for seed in range(50):
        opinions = Opinions(seed, SCALE)
        for name in EVERYONE:
            card = opinions.again(name, 1, "5")
            assert card in ("5", "8")


def test_a_middle_that_is_no_card_of_the_scale_does_not_matter() -> None:
    assert Opinions(1, SCALE).again("Ada", 1, "") in SCALE


def test_a_tiny_deck_is_enough() -> None:
    opinions = Opinions(1, ["1", "2"])
    assert {opinions.first(name, 1) for name in EVERYONE} <= {"1", "2"}


def test_thinking_takes_between_none_and_all_of_the_time() -> None:
    times = [Opinions(seed, SCALE).patience("Ada", 1, 1) for seed in range(100)]
    assert 0 <= min(times) < 0.1
    assert 0.9 < max(times) <= 1
