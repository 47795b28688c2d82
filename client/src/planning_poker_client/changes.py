"""What a follower of a game is told, in order and once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeAlias, cast

import planningpoker.v1 as pb
from planning_poker_client.errors import NotReported, PokerError
from planning_poker_client.reports import DeliveryReport

EventBody: TypeAlias = (
    pb.GameCreated
    | pb.GameUpdated
    | pb.GameEnded
    | pb.PlayerJoined
    | pb.PlayerUpdated
    | pb.PlayerLeft
    | pb.PlayerRemoved
    | pb.SeatReset
    | pb.StoriesAdded
    | pb.StoryUpdated
    | pb.StoryMoved
    | pb.StoryRemoved
    | pb.RoundStarted
    | pb.VoteSubmitted
    | pb.VoteRetracted
    | pb.RevealScheduled
    | pb.RevealCancelled
    | pb.DeadlineSet
    | pb.RoundAbandoned
    | pb.VotesRevealed
    | pb.EstimateAccepted
)


@dataclass(frozen=True, slots=True)
class Change:
    """One event of the game, already applied to its view."""

    version: int
    name: str
    """What happened: "votes_revealed"; empty where this SDK is older than the event."""
    event: pb.GameEvent
    """As the server sent it; shared between followers, not to be changed."""

    def __repr__(self) -> str:
        return f"Change({self.version}, {self.name!r})"

    @property
    def body(self) -> EventBody | None:
        """The message of what happened, such as `pb.VotesRevealed`; None for an empty `name`."""
        return cast("EventBody", getattr(self.event, self.name)) if self.name else None

    @property
    def correlation_id(self) -> str:
        """Of the command that caused it: that of its receipt."""
        return self.event.correlation_id

    @property
    def actor_id(self) -> str:
        """The player who caused it; empty for the server and an owner without a seat."""
        return self.event.actor_id

    @property
    def time(self) -> datetime:
        """When it happened, by the server's clock, in UTC."""
        return self.event.event_time.ToDatetime(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Resynced:
    """The view was replaced by a later one: what happened in between is not told one by one."""

    from_version: int
    """The last version this follower was told of."""
    to_version: int
    """The version of the view that replaced it; lower where the server's log was restored."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What the own seat asked for and the view showed already was not to be; the view is right."""

    correlation_id: str
    """Of the command."""
    name: str
    """What it was: "submit_vote", "retract_vote" or "update_player"."""
    error: PokerError
    """Why, as it is raised where the command was awaited."""

    def __repr__(self) -> str:
        # A refusal's message may name the card.
        return f"RolledBack({self.correlation_id!r}, {self.name!r}, {type(self.error).__name__})"


Item: TypeAlias = Change | Resynced | RolledBack


class Delivers(Protocol):
    """Who waits for the report on a receipt."""

    async def delivered(self, receipt: "Receipt", timeout: float | None) -> DeliveryReport: ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """A command was accepted: its effect is durable."""

    correlation_id: str
    """On each event it caused: `change.correlation_id`."""
    game_id: str
    version: int
    """Of the command's last event; of the game where it changed nothing."""
    duplicate: bool = False
    """True where the same command had been accepted before."""
    player_id: str = ""
    """The seat that creating or joining gave."""
    story_ids: tuple[str, ...] = ()
    """The stories that were added, in their order."""
    round_id: str = ""
    """The round that was started."""
    command: str = field(default="", compare=False)
    """What was accepted: "reveal_votes"; empty for attaching."""
    delivers: Delivers | None = field(default=None, compare=False, repr=False)
    """The client that gave it; None: nobody tells of its delivery."""

    async def delivered(self, timeout: float | None = None) -> DeliveryReport:
        """Wait for the final word on who has the critical event that this command caused.

        `timeout` is in seconds, `ClientOptions.report_timeout` by default. Raises
        NotReported at once where such a command is never reported on, WaitTimeout,
        and ClientClosed, ConnectionLost or GameDetached when no report can come.
        """
        if self.delivers is None:
            raise NotReported("Nobody tells of its delivery: it was not sent on a stream.")
        return await self.delivers.delivered(self, timeout)
