"""What the status of a failed call tells. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

import planningpoker.v1 as pb

_DOMAIN: Final = b"planningpoker"
# Of google.rpc.Status, google.protobuf.Any, and the two messages that we look
# for in it. Read field by field, so that the SDK needs no package for them.
_DETAILS, _TYPE, _VALUE = 3, 1, 2
_REASON, _REASON_DOMAIN, _RETRY_DELAY = 1, 2, 1


class Status(NamedTuple):
    """How a call failed."""

    code: str
    """Name of the gRPC code: "UNAVAILABLE"."""
    number: int
    message: str = ""
    reason: pb.Reason.ValueType = pb.REASON_UNSPECIFIED
    """What our server says of it; unspecified where it was not our server that failed the call."""
    retry_after: timedelta = timedelta()

    @property
    def refusal(self) -> pb.Refusal:
        """The same as a refusal: it says for certain that there was no effect."""
        refusal = pb.Refusal(
            reason=self.reason, code=self.number, message=self.message, definite=True
        )
        refusal.retryable = self.code == "UNAVAILABLE"
        refusal.retry_delay.FromTimedelta(self.retry_after)
        return refusal


def status_of(code: str, number: int, message: str, details: bytes) -> Status:
    """The status of a call with these "grpc-status-details-bin", or none."""
    reason, retry_after = pb.REASON_UNSPECIFIED, timedelta()
    for kind, value in _details(details):
        if kind.endswith(b"/google.rpc.ErrorInfo") and _text(value, _REASON_DOMAIN) == _DOMAIN:
            reason = _reason(_text(value, _REASON).decode(errors="replace"))
        elif kind.endswith(b"/google.rpc.RetryInfo"):
            retry_after = _duration(_text(value, _RETRY_DELAY))
    return Status(code, number, message, reason, retry_after)


def _reason(name: str) -> pb.Reason.ValueType:
    name = f"REASON_{name}"
    # One that is newer than this SDK still tells that our server said it.
    return pb.Reason.Value(name) if name in pb.Reason.keys() else pb.REASON_INTERNAL  # noqa: SIM118


def _details(status: bytes) -> Iterator[tuple[bytes, bytes]]:
    for any_ in _fields(status, _DETAILS):
        yield _text(any_, _TYPE), _text(any_, _VALUE)


def _text(message: bytes, number: int) -> bytes:
    return next(_fields(message, number), b"")


def _fields(message: bytes, number: int) -> Iterator[bytes]:
    """The texts, bytes and messages in the fields of this number; none where there is garbage."""
    try:
        fields = UnknownFieldSet(Empty.FromString(message))
    except DecodeError:
        return
    for field in (fields[index] for index in range(len(fields))):
        if field.field_number == number and isinstance(field.data, bytes):
            yield field.data


def _duration(encoded: bytes) -> timedelta:
    try:
        return Duration.FromString(encoded).ToTimedelta()
    except (DecodeError, ValueError, OverflowError):
        return timedelta()
