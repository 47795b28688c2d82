"""What a watch over the events of all games, or of one, is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypedDict

import planningpoker.v1 as pb
from planning_poker_client.changes import Change, EventBody
from planning_poker_client.values import check_names, to_access, to_names


class WatchOptions(TypedDict, total=False):
    """Which events are watched, and from where on."""

    cursor: str
    """Of the last item that was processed, by a watch of all games if this is one, or else of this
    game; without one, the first event there is comes first …"""
    from_now: bool
    """… or the first that happens from now on. With a cursor, this means nothing."""
    game: str
    """Only those of this game, named by its join code or id."""
    event_types: str | Iterable[str]
    """Only these, such as "votes_revealed"; all, unless given."""
    labels: Mapping[str, str] | None
    """Only of games with all of these labels."""
    passcode: str
    """For one game that has a passcode …"""
    player_id: str
    """… unless it is watched with a seat in it …"""
    seat_secret: bytes
    """… which this proves."""


@dataclass(frozen=True, slots=True)
class Watched:
    """An event, and where it stands among those of all games."""

    cursor: str
    """Behind this event; opaque. A watch from here on begins with the next one."""
    game_id: str
    """Whose event it is."""
    change: Change
    """What happened, as a follower of the game is told it."""

    def __repr__(self) -> str:
        return f"Watched({self.game_id!r}, {self.version}, {self.name!r})"

    @property
    def name(self) -> str:
        """What happened: "votes_revealed"; empty where this SDK is older than the event."""
        return self.change.name

    @property
    def body(self) -> EventBody | None:
        """The message of what happened, such as `pb.VotesRevealed`; None for an empty `name`."""
        return self.change.body

    @property
    def version(self) -> int:
        """Of the game, with this event."""
        return self.change.version

    @property
    def time(self) -> datetime:
        """When it happened, by the server's clock, in UTC."""
        return self.change.time

    @property
    def actor_id(self) -> str:
        """The player who caused it; empty for the server and an owner without a seat."""
        return self.change.actor_id

    @property
    def correlation_id(self) -> str:
        """Of the command that caused it: that of its receipt."""
        return self.change.correlation_id


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All that had happened was told; from here on it is told as it happens. Comes once a watch."""

    cursor: str
    """Behind all that was told."""


FeedItem: TypeAlias = Watched | CaughtUp


def watched(told: pb.WatchedEvent) -> Watched:
    """What the server told, for a user."""
    event = told.event
    change = Change(event.version, event.WhichOneof("event") or "", event)
    return Watched(told.cursor, told.game_id, change)


def watch_request(options: WatchOptions) -> pb.WatchEventsRequest:
    """What asks for the events; raises TypeError for an option that there is not."""
    check_names(options, WatchOptions)
    seat = options.get("player_id", ""), options.get("seat_secret", b"")
    return pb.WatchEventsRequest(
        cursor=options.get("cursor", ""),
        from_now=options.get("from_now", False),
        game_id=options.get("game", ""),
        event_types=to_names(options.get("event_types", ())),
        labels=options.get("labels"),
        access=to_access(options.get("passcode", ""), *seat),
    )
