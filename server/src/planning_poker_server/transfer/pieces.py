"""Reads a JSON document piece by piece: an object whose last value is an array of any length.

The standard library parses each value; this finds where one ends and the next
begins, so that no more than one of them is in memory.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

MAX_VALUE: Final = 16 << 20
"""Characters of one value."""
_CHUNK: Final = 1 << 16
_SPACE: Final = " \t\n\r"


class NotJson(Exception):
    """The text is not what it should be; the message says why, and repeats none of it."""


class Pieces:
    """The pieces of one text, in their order."""

    def __init__(self, read: Callable[[int], str]) -> None:
        """`read` gives up to so many characters more; none at the end."""
        self._read = read
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_without_doubles, parse_constant=_no_number
        )

    def members(self, last: str) -> Iterator[tuple[str, object]]:
        """The members of the object before the one called `last`, which is begun then."""
        self._expect("{")
        while True:
            name = self._value()
            if not isinstance(name, str):
                raise NotJson("a name is expected and something else found")
            self._expect(":")
            if name == last:
                return
            yield name, self._value()
            self._expect(",")

    def items(self) -> Iterator[object]:
        """The values of the array that is begun; the object and the text must end behind it."""
        self._expect("[")
        if self._peek() != "]":
            yield self._value()
            while self._peek() == ",":
                self._expect(",")
                yield self._value()
        self._expect("]")
        self._expect("}")
        if self._peek():
            raise NotJson("something follows behind its end")

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            found = "something else" if self._peek() else "the end"
            raise NotJson(f"{character!r} is expected and {found} found")
        self._at += 1

    def _peek(self) -> str:
        """The next character that is no white space, not taken; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more(_CHUNK):
                return ""

    def _more(self, count: int) -> bool:
        """Have `count` characters more, and forget what was taken; False at the end."""
        if self._ended:
            return False
        more = self._read(count)
        self._text = self._text[self._at :] + more
        self._at = 0
        self._ended = not more
        return not self._ended

    def _value(self) -> object:
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError:
                raise NotJson("it is nested too deeply") from None
            except ValueError as error:
                failed: ValueError | None = error
            else:
                failed = None
                # A number that ends where the text does may go on in the next chunk.
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            waiting = len(self._text) - self._at
            if waiting > MAX_VALUE:
                raise NotJson(f"a value of more than {MAX_VALUE:,} characters does not end")
            if not self._more(max(_CHUNK, waiting)) and failed is not None:
                raise NotJson(_why(failed)) from None


def _why(error: ValueError) -> str:
    return error.msg.lower() if isinstance(error, json.JSONDecodeError) else "a number is too long"


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise NotJson("an object names a member twice")
    return members


def _no_number(_name: str) -> NoReturn:
    raise NotJson("a number is none (NaN or Infinity)")
