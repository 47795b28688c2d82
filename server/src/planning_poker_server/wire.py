"""Bytes of server envelopes. What is stored is spliced in as it is, never encoded again."""

from collections.abc import Iterable
from typing import NamedTuple

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

import planningpoker.v1 as pb

PROTOCOL_VERSION = 1


def _tag(number: int) -> bytes:
    return _varint(number << 3 | 2)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Of almost all that is spliced; making them anew costs more than the rest of splicing.
_LENGTHS = [_varint(length) for length in range(1 << 12)]


def _run(tag: bytes, values: Iterable[bytes]) -> bytes:
    """A repeated field."""
    run, known = list(values), len(_LENGTHS)
    parts = run * 2
    parts[::2] = [
        tag + (_LENGTHS[size] if size < known else _varint(size)) for size in map(len, run)
    ]
    parts[1::2] = run
    return b"".join(parts)


def _field(tag: bytes, value: bytes) -> bytes:
    return tag + _varint(len(value)) + value


class _Kind(NamedTuple):
    """A payload, and what is the same in every envelope around one."""

    header: bytes
    tag: bytes


_KINDS = {
    field.message_type.full_name: _Kind(
        pb.ServerEnvelope(message_type=field.name, version=PROTOCOL_VERSION).SerializeToString(),
        _tag(field.number),
    )
    for field in pb.ServerEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields
    if field.message_type is not None
}
_CORRELATION_ID = _tag(pb.ServerEnvelope.CORRELATION_ID_FIELD_NUMBER)
_TIMESTAMP = _tag(pb.ServerEnvelope.TIMESTAMP_FIELD_NUMBER)
_BATCH_EVENT = _tag(pb.EventBatch.DESCRIPTOR.fields_by_name["events"].number)
_BATCH_SNAPSHOT = _tag(pb.EventBatch.DESCRIPTOR.fields_by_name["snapshot"].number)
_RESPONSE_GAME = _tag(pb.GetGameResponse.DESCRIPTOR.fields_by_name["game"].number)
_RESPONSE_BATCH = _tag(pb.ReadHistoryResponse.DESCRIPTOR.fields_by_name["batch"].number)
_WATCH = pb.WatchEventsResponse.DESCRIPTOR.fields_by_name
_WATCH_CURSOR, _WATCH_EVENTS = _tag(_WATCH["cursor"].number), _tag(_WATCH["events"].number)
_RUN_EVENT = _tag(pb.WatchedEvents.DESCRIPTOR.fields_by_name["events"].number)
_WATCHED = pb.WatchedEvent.DESCRIPTOR.fields_by_name
_WATCHED_GAME, _WATCHED_CURSOR = _tag(_WATCHED["game_id"].number), _tag(_WATCHED["cursor"].number)
_WATCHED_EVENT = _tag(_WATCHED["event"].number)
_ATTACHED_SNAPSHOT = _tag(pb.Attached.DESCRIPTOR.fields_by_name["snapshot"].number)


def game_response(encoded: bytes) -> bytes:
    """A GetGameResponse with an encoded view."""
    return _field(_RESPONSE_GAME, encoded)


def history_response(batch: pb.EventBatch, encoded: Iterable[bytes]) -> bytes:
    """A ReadHistoryResponse with a run of stored events, all else of which `batch` has."""
    spliced = _run(_BATCH_EVENT, encoded)
    return _field(_RESPONSE_BATCH, batch.SerializeToString() + spliced)


def watched(cursor: str, encoded: Iterable[bytes]) -> bytes:
    """A WatchEventsResponse with a run of encoded WatchedEvents, the last one at `cursor`."""
    run = _run(_RUN_EVENT, encoded)
    return _field(_WATCH_CURSOR, cursor.encode()) + _field(_WATCH_EVENTS, run)


def watched_event(game_id: str, cursor: str, encoded: bytes) -> bytes:
    """A WatchedEvent around a stored event."""
    place = _field(_WATCHED_GAME, game_id.encode()) + _field(_WATCHED_CURSOR, cursor.encode())
    return place + _field(_WATCHED_EVENT, encoded)


def envelope(
    payload: Message, now_ms: int, correlation_id: str = "", spliced: bytes = b""
) -> bytes:
    """An envelope around `payload`, whose encoded fields `spliced` are added as they are."""
    kind = _KINDS[payload.DESCRIPTOR.full_name]
    seconds, millis = divmod(now_ms, 1_000)
    made = Timestamp(seconds=seconds, nanos=millis * 1_000_000)
    asked = _field(_CORRELATION_ID, correlation_id.encode()) if correlation_id else b""
    # So that maps, too, are the same bytes in every run of a simulation; it costs 0.1 µs.
    body = payload.SerializeToString(deterministic=True) + spliced
    return b"".join(
        (
            kind.header,
            asked,
            _field(_TIMESTAMP, made.SerializeToString()),
            _field(kind.tag, body),
        )
    )


def events(batch: pb.EventBatch, encoded: Iterable[bytes], now_ms: int) -> bytes:
    """An envelope with a run of stored events, all else of which `batch` has."""
    spliced = _run(_BATCH_EVENT, encoded)
    return envelope(batch, now_ms, spliced=spliced)


def snapshot(batch: pb.EventBatch, encoded: bytes, now_ms: int) -> bytes:
    """An envelope with an encoded view instead of events, all else of which `batch` has."""
    return envelope(batch, now_ms, spliced=_field(_BATCH_SNAPSHOT, encoded))


def attached(answer: pb.Attached, encoded: bytes | None, correlation_id: str, now_ms: int) -> bytes:
    """The answer to an Attach, with an encoded view unless resumed."""
    spliced = b"" if encoded is None else _field(_ATTACHED_SNAPSHOT, encoded)
    return envelope(answer, now_ms, correlation_id, spliced)
