"""Ids and secrets that anybody can work out who has the key; in any language."""

import hashlib
import hmac

import pytest

from planning_poker_client.seats.keys import derived_secret, game_id_for, is_game_id
from planning_poker_server import ids

CORRELATION_ID = "123e4567-e89b-12d3-a456-426614174000"
GAME = "ab" * 16
KEY = b"k" * 32


@pytest.mark.parametrize("principal", ["", "team:blue", "spiffe://poker/ü"])
def test_the_id_of_a_new_game_is_what_the_server_makes_of_it(principal: str) -> None:
    expected = ids.game_id_for(principal, CORRELATION_ID)
    assert game_id_for(principal, CORRELATION_ID.upper()) == expected
    assert is_game_id(expected)


def test_the_id_of_a_new_game_is_what_the_contract_says() -> None:
    # printf %s 'game::123e4567-e89b-12d3-a456-426614174000' | sha256sum
    assert game_id_for("", CORRELATION_ID) == "9ff3ab72cf7d220f23c15d79b54e7a40"


def test_a_secret_is_an_hmac_of_game_and_external_id() -> None:
    expected = hmac.new(KEY, GAME.encode() + b"\0" + b"U1", hashlib.sha256).digest()
    assert derived_secret(KEY, GAME, "U1") == expected
    assert len(expected) == 32


def test_another_key_game_or_person_has_another_secret() -> None:
    secrets = {
        derived_secret(KEY, GAME, "U1"),
        derived_secret(b"l" * 32, GAME, "U1"),
        derived_secret(KEY, "cd" * 16, "U1"),
        derived_secret(KEY, GAME, "U2"),
        derived_secret(KEY, GAME, "ü1"),
    }
    assert len(secrets) == 5


@pytest.mark.parametrize("name", ["K7QF-3M", "", GAME.upper(), GAME[:-1], GAME + "\n"])
def test_what_is_no_id_is_not_taken_for_one(name: str) -> None:
    assert not is_game_id(name)
