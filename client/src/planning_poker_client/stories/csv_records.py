"""The records of a CSV file, whatever program wrote it. Pure."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from planning_poker_client.errors import BadStories, Finding

MAX_BYTES: Final = 32 << 20
"""Of a file: Jira's exports of a thousand issues with all their comments are below it."""
SEPARATORS: Final = ",;\t|^"
"""Comma first: of a single column none can be told."""
MAX_HEADER: Final = 1 << 17
"""Characters in which a header must end; as many as Python lets one field have."""
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How Excel's own files begin, new and old."""
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")


class Decoded(NamedTuple):
    """The text of a file."""

    text: str
    encoding: str
    """Python's name of it."""
    notes: Sequence[Finding] = ()


class Record(NamedTuple):
    """A row that is not empty."""

    line: int
    """That it begins on, from 1."""
    fields: Sequence[str]
    problem: str = ""
    """Why it and all that follows cannot be read."""


def decoded(data: bytes) -> Decoded:
    """UTF-8 or UTF-16, as the byte order mark says; without one UTF-8, else Windows-1252.

    Raises BadStories.
    """
    if len(data) > MAX_BYTES:
        raise BadStories([Finding(0, f"it is larger than {MAX_BYTES:,} bytes")])
    if data.startswith(_WORKBOOKS):
        raise BadStories([Finding(0, "it is a workbook of a spreadsheet; save it as CSV UTF-8")])
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = Decoded(_strict(data, "utf-16", "is not UTF-16, as the file begins"), "utf-16")
    else:
        found = _of_bytes(data)
    nul = found.text.find("\0")
    if nul >= 0:
        what = (
            "holds a NUL character: the file is damaged, or in another encoding; save it as UTF-8"
        )
        raise BadStories([Finding(_line_of(found.text[:nul]), what)])
    return found


def header(text: str, separator: str) -> Record | None:
    """The first record, read with this separator; None where there is none."""
    return next(records(text[:MAX_HEADER], separator), None)


def records(text: str, separator: str) -> Iterator[Record]:
    """All records with something in them; the last may be one that tells of a problem."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):  # spreadsheets leave empty lines
                yield Record(line, fields)
            line = reader.line_num + 1
    except csv.Error as error:
        yield Record(line, (), f"is not CSV: {error}")


def _of_bytes(data: bytes) -> Decoded:
    try:
        return Decoded(data.decode().removeprefix("\ufeff"), "utf-8")
    except UnicodeDecodeError as error:
        line = _line_of(data[: error.start].decode())
        if data.startswith(codecs.BOM_UTF8) or not data.decode("utf-8", "ignore").isascii():
            # As Windows-1252 it would be read, too, with garbage for all that is UTF-8.
            raise BadStories([Finding(line, "is damaged UTF-8; save the file as UTF-8")]) from None
    text = _strict(data, "cp1252", "is neither UTF-8 nor Windows-1252; save the file as UTF-8")
    note = Finding(line, "is not UTF-8: the file was read as Windows-1252")
    return Decoded(text, "cp1252", (note,))


def _strict(data: bytes, encoding: str, otherwise: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "ignore")
        raise BadStories([Finding(_line_of(before), otherwise)]) from None


def _line_of(before: str) -> int:
    """The number of the line that comes behind `before`."""
    return len(_LINE_BREAK.findall(before)) + 1
