"""What happened in one run, as it was recorded: what the checkers look at."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_client import Item
from planning_poker_model.view import GameView
from planning_poker_server.eventlog.port import Record

MARK: Final = "card:"
"""Begins the comment of every vote, and nothing else."""


class Append(NamedTuple):
    """What one append put into the log."""

    time: float
    """Seconds since the beginning, as all times here that say nothing else."""
    clock_ms: int
    """By the clock of the server that decided it."""
    game_id: str
    records: Sequence[Record]


class Written(NamedTuple):
    """A message that the server wrote to a stream."""

    time: float
    clock_ms: int
    frame: bytes


class Frame(NamedTuple):
    """A message as it went over the wire."""

    method: str
    encoded: bytes
    is_request: bool = False


class Said(NamedTuple):
    """A message that a client wrote to a stream."""

    time: float
    envelope: pb.ClientEnvelope
    versions: dict[str, int]
    """The versions of the games that this client showed then."""


@dataclass
class Stream:
    """One call, as it went over the wire."""

    number: int
    client: str
    """Name of the program."""
    method: str = "Play"
    request: bytes = b""
    """Of a call that begins with one message."""
    opened: float = 0.0
    written: list[Written] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    disturbed: bool = False
    """Whether anything but a short delay was done to it or to its ends."""
    closed_ms: int | None = None
    """When the server saw its end, by the server's clock."""
    reached: int = 0
    """How many of `written` the client has read."""


class Accepted(NamedTuple):
    """A command has its effect."""

    version: int
    duplicate: bool


class Refused(NamedTuple):
    """A command has none, and never will by this attempt."""

    reason: str


class Unknown(NamedTuple):
    """A command may have an effect: nobody was told."""

    why: str


class NeverSent(NamedTuple):
    """A command was given up before it left its client."""

    why: str


Outcome = Accepted | Refused | Unknown | NeverSent


@dataclass
class Asked:
    """A command, and what whoever gave it was told, each time it was given."""

    correlation_id: str
    game_id: str
    actor: str
    """The seat."""
    name: str
    """"submit_vote"."""
    command: pb.Command
    given: int = 0
    """How often."""
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def comment(self) -> str:
        """Of a vote: nobody else's is the same."""
        return self.command.submit_vote.comment


@dataclass
class Told:
    """What a program was told of a game, from one `changes()`."""

    client: str
    game_id: str
    begin: int
    """The version from which on."""
    items: list[tuple[float, Item]] = field(default_factory=list)


class Caught(NamedTuple):
    """A watch said that it had told all there was."""

    opened: float
    """When it was asked for."""
    after: int
    """How many items were told before, by all watches of its program."""


@dataclass
class Fed:
    """What a program was told by its watches, one going on where the one before stood."""

    client: str
    game_id: str
    """Whose events it wants; empty: of all games."""
    names: frozenset[str]
    """Which events it wants; none: all."""
    items: list[tuple[str, pb.GameEvent]] = field(default_factory=list)
    """Each with its game."""
    caught_up: list[Caught] = field(default_factory=list)


class Read(NamedTuple):
    """A game as it was read."""

    asked: float
    client: str
    game_id: str
    at_least: int
    """The version that it was to have."""
    exactly: int | None
    game: pb.Game


class ReadHistory(NamedTuple):
    """The events of a game behind a version, as they were read to their end."""

    asked: float
    client: str
    game_id: str
    after: int
    events: Sequence[pb.GameEvent]


@dataclass
class Shown:
    """How a game stood with a client at the end."""

    client: str
    game_id: str
    player_id: str
    view: GameView
    seat: pb.SeatState
    presence: frozenset[str]
    stale: bool
    pending: int
    table: int
    """Which of the games it is."""
    served: GameView | None = None
    """The view of the server."""


class Gauge(NamedTuple):
    """The most that was seen of something, and its limit."""

    name: str
    most: int
    limit: int


@dataclass
class History:
    """All of one run."""

    seed: int
    appends: list[Append] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    """Of Play."""
    calls: list[Stream] = field(default_factory=list)
    """Of all other methods."""
    asked: list[Asked] = field(default_factory=list)
    reused: list[tuple[Asked, str, Outcome]] = field(default_factory=list)
    """Accepted commands whose id was used for another one: its name, and what came of it."""
    taken: list[str] = field(default_factory=list)
    """Correlation ids of the commands that took seats."""
    told: list[Told] = field(default_factory=list)
    fed: list[Fed] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    read_histories: list[ReadHistory] = field(default_factory=list)
    elsewhere: set[tuple[str, str]] = field(default_factory=set)
    """Games and seats in them whose holders are on no record."""
    expected: list[tuple[str, int]] = field(default_factory=list)
    """Programs, and the tables where each must be in the end."""
    shown: list[Shown] = field(default_factory=list)
    """At the end, when everything had the time to settle."""
    gauges: dict[str, Gauge] = field(default_factory=dict)
    sometimes: Counter[str] = field(default_factory=Counter)
    """How often each path was taken that some run must take."""
    trace: list[tuple[float, str, str | pb.ClientEnvelope | Frame]] = field(default_factory=list)
    """When, who and what; what went over the wire as it is."""
    incidents: list[str] = field(default_factory=list)
    """What no run may ever have: bugs that were caught and logged."""
    restarts_ms: list[int] = field(default_factory=list)
    """When servers began, by their clocks."""

    def measure(self, name: str, value: int, limit: int) -> None:
        """Note how much there is of something."""
        known = self.gauges.get(name)
        if known is None or value - limit > known.most - known.limit:
            self.gauges[name] = Gauge(name, value, limit)
