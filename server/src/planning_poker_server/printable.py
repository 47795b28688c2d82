"""Text from elsewhere, made safe to show on one line of a terminal or a log."""

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Control, format (bidi, zero-width), surrogate, private-use, line and paragraph separator."""


def printable(text: str, limit: int | None = None) -> str:
    """`text` with every character that moves, hides or colours others escaped.

    Line breaks, tabs, ANSI escapes, bidi overrides and zero-width characters
    come out as backslash escapes. Longer than `limit`, it ends in "…".
    """
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) for char in text)


def _escape(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN:
        return char
    return char.encode("unicode_escape").decode("ascii")
