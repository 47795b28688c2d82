"""What one who watches wants to be told. Pure."""

from dataclasses import dataclass
from typing import Protocol, Self

from google.protobuf.message import DecodeError

import planningpoker.v1 as pb
from planning_poker_server.eventlog.port import GameCorrupt


class Told(Protocol):
    """An event, ready to be told."""

    @property
    def cursor(self) -> str:
        """Behind the event."""
        ...

    @property
    def name(self) -> str:
        """As in GameEvent."""
        ...

    @property
    def guarded(self) -> bool:
        """Whether its game has a passcode now."""
        ...

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Of its game."""
        ...

    @property
    def encoded(self) -> bytes:
        """As a WatchedEvent."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; what it names nothing for is wanted whatever it is."""

    names: frozenset[str]
    labels: frozenset[tuple[str, str]]
    everything: bool
    """Whether games with a passcode may be told of."""

    @classmethod
    def of(cls, request: pb.WatchEventsRequest, *, everything: bool) -> Self:
        """What a request asks for, as far as its sender may see it."""
        return cls(frozenset(request.event_types), frozenset(request.labels.items()), everything)

    def has(self, told: Told) -> bool:
        """Whether this event is to be told."""
        return (
            (self.everything or not told.guarded)
            and self.labels.issubset(told.labels)
            and (not self.names or told.name in self.names)
        )


def name_of(event: bytes, version: int) -> str:
    """As in GameEvent, of a stored event; raises GameCorrupt unless it is that of the version."""
    try:
        decoded = pb.GameEvent.FromString(event)
    except DecodeError as error:
        raise GameCorrupt(f"record {version} cannot be decoded") from error
    if decoded.version != version:
        raise GameCorrupt(f"record {version} holds the event of another version")
    return decoded.WhichOneof("event") or ""
