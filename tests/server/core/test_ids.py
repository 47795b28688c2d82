"""How ids are made, and how what a client sends is read."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning_poker_server import ids

GAME_ID = "0123456789abcdef0123456789abcdef"


def test_a_creation_sent_again_names_the_same_game() -> None:
    first = ids.game_id_for("ada", "id-1")
    assert first == ids.game_id_for("ada", "id-1")
    assert ids.parse_game(first) == (first, "")


def test_another_principal_or_correlation_id_names_another_game() -> None:
    made = {ids.game_id_for(*of) for of in (("ada", "1"), ("bob", "1"), ("ada", "2"))}
    assert len(made) == 3


@given(game_id=st.text(), attempt=st.integers(min_value=0, max_value=50))
def test_every_join_code_is_one_that_can_be_typed_in(game_id: str, attempt: int) -> None:
    code = ids.join_code_for(game_id, attempt)
    assert ids.parse_game(code) == ("", code)
    assert not set(code) & set("01IO")


def test_join_codes_of_one_game_differ_by_attempt() -> None:
    assert len({ids.join_code_for(GAME_ID, attempt) for attempt in range(20)}) == 20


@pytest.mark.parametrize("typed", ["K7QF-3M", "k7qf-3m", "K7QF3M", "k7qf3m"])
def test_a_join_code_is_read_however_it_is_typed(typed: str) -> None:
    assert ids.parse_game(typed) == ("", "K7QF-3M")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "../../etc/passwd",
        "games.>",
        "*",
        "K7QF-3M\n",
        "K7Q-F3M",
        "K7QF--3M",
        "K7QO-3M",
        GAME_ID.upper(),
        GAME_ID + "\n",
        GAME_ID[:-1],
        GAME_ID + "0",
        "'; DROP TABLE games; --",
        "x" * 10_000,
    ],
)
def test_what_is_neither_id_nor_code_names_no_game(text: str) -> None:
    assert ids.parse_game(text) is None


@given(st.text())
def test_reading_a_game_name_never_fails(text: str) -> None:
    parsed = ids.parse_game(text)
    assert parsed is None or bool(parsed[0]) != bool(parsed[1])


@given(st.uuids())
def test_every_uuid_is_a_correlation_id_in_one_form(given_id: uuid.UUID) -> None:
    assert ids.parse_correlation_id(str(given_id).upper()) == str(given_id)


@pytest.mark.parametrize(
    "text",
    ["", "1", "{" + str(uuid.UUID(int=1)) + "}", uuid.UUID(int=1).hex, str(uuid.UUID(int=1)) + " "],
)
def test_what_is_no_canonical_uuid_is_no_correlation_id(text: str) -> None:
    assert ids.parse_correlation_id(text) is None


def test_what_the_server_does_by_itself_has_the_same_cause_on_every_node() -> None:
    cause = ids.cause_of(GAME_ID, "deadline", "r1", 7)
    assert cause == ids.cause_of(GAME_ID, "deadline", "r1", 7)
    assert cause != ids.cause_of(GAME_ID, "deadline", "r1", 8)
    assert ids.parse_correlation_id(cause) == cause
