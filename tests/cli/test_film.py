"""A film shows every version as it was, forwards and backwards, and keys move in it."""

import random

import pytest

from planning_poker_model.view import GameView
from planning_poker_server.cli.games.film import Film
from planning_poker_server.cli.games.steps import StepKeys
from tests.games import refinement


@pytest.fixture(scope="module")
def film() -> Film:
    return Film(list(refinement(stories=12, seed=3)))


def test_each_version_is_what_folding_up_to_it_gives(film: Film) -> None:
    view = GameView()
    versions = {}
    for version in range(1, film.last + 1):
        view.apply(film.event(version))
        versions[version] = view.copy()
    order = list(versions)
    random.Random(1).shuffle(order)  # noqa: S311
    for version in order:
        assert film.view(version) == versions[version]
    assert film.last > 150
    assert len(film.told) == film.last


def test_looking_changes_nothing(film: Film) -> None:
    before = film.view(100)
    film.view(120).players.clear()
    assert film.view(100) == before


@pytest.mark.parametrize(
    ("typed", "orders"),
    [
        ("n\x1b[C ", ["next", "next", "next"]),
        ("bp\x1b[D\x7f", ["back", "back", "back", "back"]),
        ("gG\x1b[H\x1bOH", ["first", "last", "first"]),
        ("42\rx7\n", ["42", "7"]),
        ("1n2\r", ["next", "2"]),
        ("\r\x1b\x1b[1;5Cq", ["quit"]),
        ("a\x04", ["play", "quit"]),
    ],
)
def test_keys_are_orders(typed: str, orders: list[str]) -> None:
    assert StepKeys().feed(typed) == orders


def test_a_number_may_come_in_pieces() -> None:
    keys = StepKeys()
    assert keys.feed("1") == []
    assert (keys.feed("2"), keys.number) == ([], "12")
    assert (keys.feed("\r"), keys.number) == (["12"], "")
