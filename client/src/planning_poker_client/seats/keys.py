"""What names a game, and seats that need no storing: what follows from what is known. Pure."""

import hashlib
import hmac
import re
from typing import Final

KEY_BYTES: Final = 32
"""What a seat key has at least."""

_GAME_ID: Final = re.compile(r"[0-9a-f]{32}")


def is_game_id(name: str) -> bool:
    """Whether this is a game's id, and no join code."""
    return _GAME_ID.fullmatch(name) is not None


def plain_code(code: str) -> str:
    """A join code however people write it: with or without its hyphen, in either case."""
    return code.replace("-", "").casefold()


def game_id_for(principal: str, correlation_id: str) -> str:
    """Id of the game that this creation by this principal makes, as the contract has it."""
    told = f"game:{principal}:{correlation_id.lower()}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def derived_secret(key: bytes, game_id: str, external_id: str) -> bytes:
    """The 32 bytes that prove this person's seat in this game to whoever holds the key."""
    return hmac.digest(key, f"{game_id}\0{external_id}".encode(), "sha256")
