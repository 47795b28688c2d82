"""A round as everyone at a table is told it: recorded from our server, played by a peer."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Step(NamedTuple):
    """What one command brings about, in bytes."""

    correlation_id: bytes
    command_bytes: int
    everyone: Sequence[bytes]
    """Frames that each player at the table is given."""
    sender: Sequence[bytes]
    """Frames that only the sender is given, behind those."""

    def to_json(self) -> Mapping[str, Any]:
        return {
            "correlation_id": self.correlation_id.decode(),
            "command_bytes": self.command_bytes,
            "everyone": [b64encode(frame).decode() for frame in self.everyone],
            "sender": [b64encode(frame).decode() for frame in self.sender],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Step":
        return cls(
            found["correlation_id"].encode(),
            found["command_bytes"],
            [b64decode(frame) for frame in found["everyone"]],
            [b64decode(frame) for frame in found["sender"]],
        )
