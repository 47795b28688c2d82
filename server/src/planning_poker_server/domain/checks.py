"""Checks of single values, shared by the commands. Each returns a refusal, or None for "fine".

Such checks are chained with `or`, so that the first refusal counts and a check
may rely on those before it. No message repeats text that was not checked.
"""

import re
from collections.abc import Iterable
from typing import Final

from google.protobuf.duration_pb2 import Duration

import planningpoker.v1 as pb
from planning_poker_model import text
from planning_poker_server.domain.refusals import refuse

_ID: Final = re.compile(r"[a-z][0-9]{1,9}")
_NANOS_PER_MS: Final = 1_000_000
_NAMES_SHOWN: Final = 10


def line_problem(value: str, field: str, limit: int, *, required: bool = True) -> pb.Refusal | None:
    """A text of one line, after trimming of 1 (not `required`: 0) to `limit` characters."""
    trimmed = text.trim(value)
    if not trimmed and required:
        return _bad_text(field, limit, f"is empty; it needs 1 to {limit:,} characters")
    problem = text.problem(trimmed, limit)
    return _bad_text(field, limit, problem) if problem else None


def lines_problem(value: str, field: str, limit: int) -> pb.Refusal | None:
    """A text of any number of lines, of up to `limit` characters."""
    problem = text.problem(text.trim(value, multiline=True), limit, multiline=True)
    return _bad_text(field, limit, problem) if problem else None


def _bad_text(field: str, limit: int, problem: str) -> pb.Refusal:
    message = f"The {field.replace('_', ' ')} {problem}."
    return refuse(pb.REASON_INVALID_TEXT, message, field=field, limit=str(limit))


def url_problem(value: str, limit: int) -> pb.Refusal | None:
    """Empty, or a link that a browser opens over http or https."""
    link = text.trim(value)
    if link and not text.is_link(link):
        return bad_value("url", "The link must begin with http:// or https:// and a host.")
    return line_problem(value, "url", limit, required=False)


def id_problem(value: str, field: str, kind: str) -> pb.Refusal | None:
    """An id that this server may have given out: "p17" with `kind` "p"."""
    if _ID.fullmatch(value) and value[0] == kind:
        return None
    message = f"The {field.replace('_', ' ')} must be one that this game gave out, like {kind}1."
    return refuse(pb.REASON_INVALID_ID, message, field=field)


def size_problem(value: bytes, field: str, size: int) -> pb.Refusal | None:
    """Exactly `size` bytes."""
    if len(value) == size:
        return None
    return bad_value(field, f"The {field.replace('_', ' ')} must have {size} bytes.")


def bad_value(field: str, message: str) -> pb.Refusal:
    return refuse(pb.REASON_INVALID_VALUE, message, field=field)


def enum_problem(value: int, known: Iterable[int], field: str) -> pb.Refusal | None:
    """A value of the enum as this server knows it."""
    if value in known:
        return None
    return bad_value(field, f"The {field.replace('_', ' ')} has a value that is not known here.")


def duration_problem(
    value: Duration, field: str, bounds: tuple[int, int], what: str = ""
) -> pb.Refusal | None:
    """A duration within `bounds`, in ms and inclusive, or none at all."""
    lowest, highest = bounds
    nanos = value.seconds * 1_000 * _NANOS_PER_MS + value.nanos
    if lowest * _NANOS_PER_MS <= nanos <= highest * _NANOS_PER_MS or nanos == 0:
        return None
    zero = "0, or " if lowest else ""
    message = (
        f"The {what or field.replace('_', ' ')} must be {zero}"
        f"{lowest // 1_000:,} to {highest // 1_000:,} seconds."
    )
    return bad_value(field, message)


def names(players: Iterable[pb.Player]) -> str:
    """The players' names for a sentence: "Ada, Bob and 3 others"."""
    shown = [player.display_name for player in players]
    if len(shown) > _NAMES_SHOWN:
        others = len(shown) - _NAMES_SHOWN + 1
        shown = [*shown[: _NAMES_SHOWN - 1], f"{others} others"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
