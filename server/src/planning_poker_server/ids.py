"""Ids of games: how they are made and how what a client sends is read."""

import hashlib
import re
import uuid
from typing import Final

_GAME_ID: Final = re.compile(r"[0-9a-f]{32}")
_JOIN_CODE: Final = re.compile(r"[2-9A-HJ-NP-Z]{4}-?[2-9A-HJ-NP-Z]{2}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_NAMESPACE: Final = uuid.UUID("5a3f6bb3-52b9-4c86-9a3c-6f0a2a2d8f10")


def game_id_for(principal: str, correlation_id: str) -> str:
    """The game that this command of this principal creates, however often it is sent."""
    return hashlib.sha256(f"game:{principal}:{correlation_id}".encode()).hexdigest()[:32]


def join_code_for(game_id: str, attempt: int) -> str:
    """The `attempt`-th code to try for a game: "K7QF-3M"."""
    digest = hashlib.sha256(f"code:{game_id}:{attempt}".encode()).digest()
    letters = "".join(_ALPHABET[byte % 32] for byte in digest[:6])
    return f"{letters[:4]}-{letters[4:]}"


def cause_of(game_id: str, *what: object) -> str:
    """Correlation id of something that the server does by itself: the same on every node."""
    return str(uuid.uuid5(_NAMESPACE, "/".join([game_id, *map(str, what)])))


def parse_game(text: str) -> tuple[str, str] | None:
    """(game id, "") or ("", join code in its canonical form); None for neither."""
    if _GAME_ID.fullmatch(text):
        return text, ""
    code = text.upper()
    if len(code) <= 7 and _JOIN_CODE.fullmatch(code):
        letters = code.replace("-", "")
        return "", f"{letters[:4]}-{letters[4:]}"
    return None


def parse_correlation_id(text: str) -> str | None:
    """A UUID in its canonical form; None if it is none."""
    return text.lower() if _UUID.fullmatch(text) else None
