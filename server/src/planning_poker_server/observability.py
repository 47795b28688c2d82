"""Logs: Loguru, readable in development and JSON lines in production.

Whatever is logged, a record stays one line, values that were bound under a
private name are never printed, and tracebacks show no values of variables.
"""

import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TextIO
from uuid import UUID

from loguru import logger

from planning_poker_server.printable import printable
from planning_poker_server.settings import LoggingSettings

if TYPE_CHECKING:
    from loguru import Message, Record

PRIVATE_WORDS: Final = frozenset(
    {"authorization", "card", "cards", "comment", "cookie", "credential", "credentials", "hash"}
    | {"passcode", "passcodes", "password", "secret", "secrets", "token", "tokens", "vote"}
)
"""A value is redacted when any word of its name is one of these."""

REDACTED: Final = "[redacted]"
_MAX_MESSAGE: Final = 4_000
_MAX_VALUE: Final = 1_000
_MAX_ITEMS: Final = 50
_MAX_TRACEBACK: Final = 20_000
_MAX_DEPTH: Final = 4

_QUIET: Final = dict.fromkeys(("alembic", "asyncio", "grpc", "sqlalchemy"), logging.WARNING)
"""Libraries that log too much below this; SQLAlchemy would log parameters, sealed ones too."""

_COLOURS: Final = {
    "TRACE": "2",
    "DEBUG": "2",
    "INFO": "32",
    "SUCCESS": "32",
    "WARNING": "33",
    "ERROR": "31",
    "CRITICAL": "1;31",
}


def configure_logging(settings: LoggingSettings, sink: TextIO | None = None) -> None:
    """Send everything that is logged in this process to `sink` (default: standard error).

    Replaces what was configured before, in Loguru and in the standard library's
    logging, whose records go the same way.
    """
    stream = sys.stderr if sink is None else sink
    coloured = settings.format == "text" and stream.isatty()
    layout: Callable[[Record], str] = (
        json_line if settings.format == "json" else lambda record: text_line(record, coloured)
    )
    logger.remove()
    logger.add(
        _Sink(stream, layout),
        level=settings.level,
        format="{message}",
        backtrace=False,
        diagnose=False,
        catch=False,  # Loguru would print the raw record, private values and all
    )
    _intercept(logger.level(settings.level).no)


def json_line(record: "Record") -> str:
    """The record as a line of ASCII JSON: every odd character is an escape already."""
    line: dict[str, Any] = {
        "timestamp": _utc(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name,
        "message": record["message"][:_MAX_MESSAGE],
        "logger": record["name"],
    }
    for key, value in record["extra"].items():
        name = key if key not in line and key != "exception" else f"extra_{key}"
        line[name] = _shown(key, value)
    if record["exception"] is not None:
        kind = record["exception"].type
        line["exception"] = {
            "type": kind.__name__ if kind else "",
            "traceback": _traceback(record),
        }
    return json.dumps(line, allow_nan=False)


def text_line(record: "Record", coloured: bool = False) -> str:
    """The record as a line for people.

    A traceback follows on lines of its own, indented, so that none of them can
    be taken for a record.
    """
    level = record["level"].name
    padded = f"{level:<8}"
    if coloured:
        padded = f"\x1b[{_COLOURS.get(level, '0')}m{padded}\x1b[0m"
    parts = [
        f"{_utc(record):%Y-%m-%d %H:%M:%S}.{_utc(record).microsecond // 1000:03}Z {padded}",
        f"{(record['name'] or '').removeprefix('planning_poker_server.')}:",
        printable(record["message"], _MAX_MESSAGE),
    ]
    for key, value in record["extra"].items():
        shown = _shown(key, value)
        plain = shown if isinstance(shown, str) else json.dumps(shown)
        parts.append(f"{printable(key)}={printable(plain)}")
    lines = [" ".join(parts)]
    if record["exception"] is not None:
        lines += [f"    {printable(line)}" for line in _traceback(record).splitlines()]
    return "\n".join(lines)


class _Sink:
    """Writes lines; a full disk or a closed pipe costs the line, never the caller."""

    def __init__(self, stream: TextIO, layout: "Callable[[Record], str]") -> None:
        self._stream = stream
        self._layout = layout

    def __call__(self, message: "Message") -> None:
        line = self._layout(message.record)
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return


class _Intercept(logging.Handler):
    """Hands records of the standard library's logging to Loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # a library's faulty call must not end ours
            message = f"(cannot be formatted) {record.msg}"
        level: str | int = record.levelno
        if record.levelname in _COLOURS:
            level = record.levelname

        def named(made: "Record") -> None:
            made["name"] = record.name

        logger.patch(named).opt(exception=record.exc_info).log(level, "{}", message)


def _intercept(level: int) -> None:
    logging.basicConfig(handlers=[_Intercept()], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name, at_least in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, at_least))


def _utc(record: "Record") -> datetime:
    return record["time"].astimezone(UTC)


def _traceback(record: "Record") -> str:
    """Where it was raised, without values of variables or statements' parameters."""
    caught = record["exception"]
    if caught is None or caught.type is None:
        return ""
    lines = traceback.format_exception(caught.type, caught.value, caught.traceback)
    text = re.sub(r"\[parameters: .*", "[parameters hidden]", "".join(lines))
    return text if len(text) <= _MAX_TRACEBACK else f"…{text[-_MAX_TRACEBACK:]}"


def _words(name: str) -> set[str]:
    """The words of a name in snake_case, kebab-case or camelCase."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name)}


def _shown(name: str, value: object, depth: int = 0) -> Any:
    """What may be printed of a bound value: plain data, and of all else its type only."""
    if _words(name) & PRIVATE_WORDS:
        return REDACTED
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str() | UUID() | PurePath() | BaseException():
            text = str(value)
            return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case Mapping() if depth < _MAX_DEPTH:
            items = list(value.items())[:_MAX_ITEMS]
            return {str(key): _shown(str(key), item, depth + 1) for key, item in items}
        case Sequence() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_shown("", item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    return f"<{type(value).__name__}>"
