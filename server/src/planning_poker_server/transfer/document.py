"""A game as a JSON document: how it is written.

One header, then each event in protobuf's JSON on a line of its own, with sorted
keys: the same game gives the same bytes. Decision 0027 says what it leaves out.
"""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError

import planningpoker.v1 as pb
from planning_poker_server.eventlog.port import Record

FORMAT: Final = "planning-poker game"
FORMAT_VERSION: Final = 1
_END: Final = "\n ]\n}\n"


class Header(NamedTuple):
    """What a document says of its game before the events."""

    game_id: str
    join_code: str
    version: int
    """Of the last event."""
    with_secrets: bool
    """Whether each event has its sealed part beside it."""


class NotRepresentable(Exception):
    """An event cannot be written without loss; the message names it."""


async def written(header: Header, pages: AsyncIterator[Sequence[Record]]) -> AsyncIterator[str]:
    """The document's text, piece by piece.

    Raises NotRepresentable at an event that would not come back as it was, and
    where the records are not those that the header promises.
    """
    yield _beginning(header)
    version = 0
    async for page in pages:
        lines = []
        for record in page:
            version += 1
            if record.version != version:
                raise NotRepresentable(f"Event {version} is missing.")
            comma = "," if version > 1 else ""
            lines.append(f"{comma}\n  {_line(record, header.with_secrets)}")
        yield "".join(lines)
    if version != header.version:
        raise NotRepresentable(f"Event {version + 1} is missing.")
    yield _END


def _beginning(header: Header) -> str:
    fields = {
        "format": FORMAT,
        "formatVersion": FORMAT_VERSION,
        "gameId": header.game_id,
        "joinCode": header.join_code,
        "version": header.version,
        "withSecrets": header.with_secrets,
    }
    lines = "".join(f" {_json(key)}: {_json(value)},\n" for key, value in fields.items())
    return f'{{\n{lines} "events": ['


def _line(record: Record, with_secrets: bool) -> str:
    entry: dict[str, Any] = {"event": _event(record)}
    if with_secrets:
        entry["sealed"] = base64.b64encode(record.sealed).decode()
    return _json(entry)


def _event(record: Record) -> dict[str, Any]:
    """The event as JSON, proved to come back as it is."""
    try:
        event = pb.GameEvent.FromString(record.event)
    except DecodeError as error:
        raise NotRepresentable(f"Event {record.version} cannot be decoded.") from error
    if event.version != record.version:
        raise NotRepresentable(f"Event {record.version} is stored as another version.")
    plain: dict[str, Any] = MessageToDict(event)
    # Of all that a message can hold, the order of a map is no information.
    back = ParseDict(plain, pb.GameEvent()).SerializeToString(deterministic=True)
    if back != event.SerializeToString(deterministic=True):
        raise NotRepresentable(
            f"Event {record.version} holds something that this version of the program does "
            "not know; export it with the version that wrote it."
        )
    return plain


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
