import pytest

from planning_poker_model.decks import BUILT_IN
from planning_poker_server.cli.orders import Misunderstood, Order, help_lines, parse

DECK = BUILT_IN["fibonacci"]


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("", None),
        ("   ", None),
        ("vote 8", Order("vote", "8")),
        ("VOTE 8 too big", Order("vote", "8 too big")),
        ("8", Order("vote", "8")),
        ("  ? no idea ", Order("vote", "? no idea")),
        ("☕", Order("vote", "☕")),
        ("start  Login page ", Order("start", "Login page")),
        ("reveal", Order("reveal")),
        ("Quit", Order("quit")),
        ("accept", Order("accept")),
    ],
)
def test_what_is_typed_is_understood(line: str, order: Order | None) -> None:
    assert parse(line, DECK) == order


def test_a_card_that_is_also_a_word_is_the_card_of_its_own_deck_only() -> None:
    with pytest.raises(Misunderstood):
        parse("M", DECK)
    assert parse("M", BUILT_IN["t_shirt"]) == Order("vote", "M")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("vote", "vote needs a card."),
        ("start ", "start needs a title."),
        ("lead", "lead needs a name."),
        ("dance now", "dance is not known here; help lists what is."),
        ("7", "7 is not known here; help lists what is."),
    ],
)
def test_what_is_not_understood_is_answered_with_what_would_be(line: str, answer: str) -> None:
    with pytest.raises(Misunderstood) as caught:
        parse(line, DECK)
    assert str(caught.value) == answer


def test_help_names_every_order_and_the_cards() -> None:
    lines = help_lines(DECK)
    for line in lines[:-1]:
        parse(f"{line.split()[0]} something", DECK)
    assert lines[-1] == "The cards are 0 1 2 3 5 8 13 21 34 55 89 ? ☕"
    assert max(map(len, lines)) < 76
