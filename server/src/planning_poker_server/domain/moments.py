"""Milliseconds since the epoch, in and out of the contract's times."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(ms: int) -> Timestamp:
    return Timestamp(seconds=ms // 1_000, nanos=ms % 1_000 * 1_000_000)


def duration(ms: int) -> Duration:
    return Duration(seconds=ms // 1_000, nanos=ms % 1_000 * 1_000_000)


def to_ms(moment: Timestamp | Duration) -> int:
    """Whole milliseconds, rounded down."""
    return moment.seconds * 1_000 + moment.nanos // 1_000_000
