"""What the history of a game says: its stories, rounds, people and figures.

`planning_poker_model.chronicler` folds a game's events into a `Chronicle`; a report, an
export and a time line read it. All times are aware datetimes in UTC.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import planningpoker.v1 as pb

NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One round, from its start to what became of it."""

    round: pb.Round
    """As its last whole event gave it: with votes and statistics once revealed."""
    status: pb.RoundStatus.ValueType
    opened_at: datetime
    opened_by: str
    """The player's id; empty for the server and for the game's owner without a seat."""
    closed_at: datetime | None = None
    """When it was revealed or abandoned; None while it is open."""
    closed_by: str = ""
    """Who revealed or abandoned it, as in `opened_by`."""
    forced: bool = False
    """Whether somebody revealed it although votes were missing."""
    absent_player_ids: tuple[str, ...] = ()
    """The voters who were not connected at the reveal."""
    voted_player_ids: tuple[str, ...] = ()
    """Who had a card on the table when it closed, or has one now."""
    discussed_until: datetime | None = None
    """When the table's next act about the same story came, with no other round between."""

    @property
    def is_revealed(self) -> bool:
        return self.status == pb.ROUND_STATUS_REVEALED

    @property
    def voting(self) -> timedelta:
        """From the start to the reveal or abandonment; nothing while it is open."""
        return self.closed_at - self.opened_at if self.closed_at else NOTHING

    @property
    def discussion(self) -> timedelta:
        """From the reveal to the estimate, the next round or the skipping of the same story.

        Nothing where none of these followed: how long the table went on talking is
        not in the history then.
        """
        if self.closed_at is None or self.discussed_until is None:
            return NOTHING
        return self.discussed_until - self.closed_at

    @property
    def outliers(self) -> frozenset[str]:
        """Who held the lowest or the highest card, where these differ, as `Statistics` says."""
        return frozenset(self.round.statistics.outlier_player_ids)

    def apart(self) -> Iterator[tuple[str, bool]]:
        """Who saw it differently from most, and whether lower or (True) higher.

        The holders of the lowest and the highest card, less those whose card was as
        frequent as any: where nine say 5 and one says 8, only the one stood apart.
        """
        figures = self.round.statistics
        for vote in self.round.votes:
            if vote.player_id in figures.outlier_player_ids and vote.card not in figures.modes:
                yield vote.player_id, vote.card == figures.highest_card


@dataclass(frozen=True, slots=True)
class StoryRecord:
    """A story with all that happened to it."""

    story: pb.Story
    """As it is, or was when it was removed."""
    is_removed: bool
    rounds: tuple[RoundRecord, ...]
    """In the order of their start, the abandoned ones too."""
    estimates: tuple[pb.Estimate, ...]
    """Every estimate it ever had, the oldest first: value, who, when, from which round."""

    @property
    def revealed(self) -> tuple[RoundRecord, ...]:
        return tuple(each for each in self.rounds if each.is_revealed)

    @property
    def estimate(self) -> pb.Estimate | None:
        """The one that counts; None where it has none, or the story was skipped since."""
        return self.story.estimate if self.story.HasField("estimate") else None

    @property
    def estimated_at(self) -> datetime | None:
        """When the estimate that counts was accepted."""
        return self.estimate.accept_time.ToDatetime(tzinfo=UTC) if self.estimate else None

    @property
    def voting(self) -> timedelta:
        return sum((each.voting for each in self.rounds), NOTHING)

    @property
    def discussion(self) -> timedelta:
        return sum((each.discussion for each in self.rounds), NOTHING)

    @property
    def time(self) -> timedelta:
        """How long the table had it before it, as far as the history tells."""
        return self.voting + self.discussion

    @property
    def rounds_to_consensus(self) -> int | None:
        """How many reveals it took until all votes were equal; None where they never were.

        Consensus is what `Statistics.consensus_card` says: more than one vote, all on
        the same card, and that card on the scale. Abandoned rounds turned no card and
        do not count. That the table settled on a value without it is no consensus:
        `rounds_to_estimate` tells of that.
        """
        agreed = (n for n, each in enumerate(self.revealed, 1) if _is_consensus(each))
        return next(agreed, None)

    @property
    def rounds_to_estimate(self) -> int | None:
        """How many reveals led to the estimate that counts; None where it came from no round."""
        source = self.estimate.round_id if self.estimate else ""
        led = (n for n, each in enumerate(self.revealed, 1) if each.round.round_id == source)
        return next(led, None) if source else None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who sat at the table at some time."""

    player: pb.Player
    """As it is, or was when the seat was left."""
    joined_at: datetime
    """The first time."""
    left_at: datetime | None = None
    """The last time, unless they came back."""
    was_removed: bool = False
    """Whether somebody else ended it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody's cards lay among the others', over all revealed rounds."""

    player_id: str
    display_name: str
    votes: int
    outlier: int = 0
    """How often among the holders of the lowest and highest card: `Statistics` counts all."""
    lower: int = 0
    """How often apart from most, on the low side: see `RoundRecord.apart`."""
    higher: int = 0
    """The same on the high side."""

    @property
    def apart(self) -> int:
        return self.lower + self.higher


@dataclass(frozen=True, slots=True)
class Chronicle:
    """A game's history at a version, told by stories, rounds and people."""

    game: pb.Game
    """The view at that version."""
    created_at: datetime
    last_event_at: datetime
    ended_at: datetime | None
    people: Mapping[str, Person]
    """Everyone who was ever at the table, by id, in the order of the first joining."""
    stories: tuple[StoryRecord, ...]
    """In the backlog's order; those that were removed come last."""
    rounds: tuple[RoundRecord, ...]
    """All of them in the order of their start, also those without a story."""

    @property
    def revealed(self) -> tuple[RoundRecord, ...]:
        """In order, so that their `agreement` is that of the game over time."""
        return tuple(each for each in self.rounds if each.is_revealed)

    @property
    def without_story(self) -> tuple[RoundRecord, ...]:
        return tuple(each for each in self.rounds if not each.round.story_id)

    @property
    def duration(self) -> timedelta:
        """From the creation to the end, or to the last event of a game that goes on."""
        return (self.ended_at or self.last_event_at) - self.created_at

    @property
    def played(self) -> tuple[datetime, datetime] | None:
        """When the first round began, and when the last known work on a round was over."""
        if not self.rounds:
            return None
        ends = [each.discussed_until or each.closed_at or each.opened_at for each in self.rounds]
        return self.rounds[0].opened_at, max(ends)

    @property
    def points(self) -> float | None:
        """The sum of the estimates that are numbers; None where none is."""
        numbers = [
            each.estimate.number
            for each in self.stories
            if each.estimate and each.estimate.HasField("number") and not each.is_removed
        ]
        return math.fsum(numbers) if numbers else None

    def name(self, player_id: str) -> str:
        """The last known name of somebody; empty for an id that nobody had."""
        person = self.people.get(player_id)
        return person.player.display_name if person else ""

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Of everyone whose card was ever turned, in the order of joining."""
        votes: Counter[str] = Counter()
        outlier: Counter[str] = Counter()
        apart: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        for each in self.revealed:
            votes.update(vote.player_id for vote in each.round.votes)
            outlier.update(each.outliers)
            for player_id, is_higher in each.apart():
                apart[is_higher][player_id] += 1
        return tuple(
            Standing(
                player_id,
                self.name(player_id),
                votes[player_id],
                outlier[player_id],
                apart[False][player_id],
                apart[True][player_id],
            )
            for player_id in self.people
            if votes[player_id]
        )


def _is_consensus(record: RoundRecord) -> bool:
    return bool(record.round.statistics.consensus_card)
