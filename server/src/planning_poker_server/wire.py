"""Bytes of server envelopes. What is stored is spliced in as it is, never encoded again."""

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message

import planningpoker.v1 as pb

PROTOCOL_VERSION = 1

_PAYLOADS = {
    field.message_type.full_name: field
    for field in pb.ServerEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields
    if field.message_type is not None
}


def _tag(number: int) -> bytes:
    return _varint(number << 3 | 2)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(tag: bytes, value: bytes) -> bytes:
    return tag + _varint(len(value)) + value


_BATCH_EVENT = _tag(pb.EventBatch.DESCRIPTOR.fields_by_name["events"].number)
_BATCH_SNAPSHOT = _tag(pb.EventBatch.DESCRIPTOR.fields_by_name["snapshot"].number)
_ATTACHED_SNAPSHOT = _tag(pb.Attached.DESCRIPTOR.fields_by_name["snapshot"].number)


def envelope(
    payload: Message, now_ms: int, correlation_id: str = "", spliced: bytes = b""
) -> bytes:
    """An envelope around `payload`, whose encoded fields `spliced` are added as they are."""
    field = _PAYLOADS[payload.DESCRIPTOR.full_name]
    header = pb.ServerEnvelope(
        message_type=field.name, correlation_id=correlation_id, version=PROTOCOL_VERSION
    )
    header.timestamp.FromMilliseconds(now_ms)
    body = payload.SerializeToString() + spliced
    return header.SerializeToString() + _field(_tag(field.number), body)


def events(
    game_id: str, first_version: int, encoded: Iterable[bytes], now_ms: int, *, replay: bool
) -> bytes:
    """An envelope with a run of stored events."""
    batch = pb.EventBatch(game_id=game_id, first_version=first_version, attempt=1, replay=replay)
    spliced = b"".join([_field(_BATCH_EVENT, event) for event in encoded])
    return envelope(batch, now_ms, spliced=spliced)


def snapshot(game_id: str, version: int, encoded: bytes, now_ms: int) -> bytes:
    """An envelope with a view instead of events."""
    batch = pb.EventBatch(game_id=game_id, first_version=version, attempt=1)
    return envelope(batch, now_ms, spliced=_field(_BATCH_SNAPSHOT, encoded))


def attached(
    game_id: str,
    outcome: pb.AttachOutcome.ValueType,
    head: int,
    encoded: bytes | None,
    player_ids: Iterable[str],
    connected: Sequence[str],
    correlation_id: str,
    now_ms: int,
) -> bytes:
    """The answer to an Attach, with an encoded view unless resumed."""
    answer = pb.Attached(
        game_id=game_id,
        outcome=outcome,
        head_version=head,
        player_ids=player_ids,
        connected_player_ids=connected,
    )
    spliced = b"" if encoded is None else _field(_ATTACHED_SNAPSHOT, encoded)
    return envelope(answer, now_ms, correlation_id, spliced)
