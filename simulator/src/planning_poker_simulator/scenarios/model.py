"""What a scenario says: players, what they do, and what is to come of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = str | int | bool | tuple[str, ...]
"""What an option can be: text, milliseconds or a count, yes or no, names."""

ACCEPTED = "accepted"


class Line(Enum):
    """What a player's way to the server is like."""

    GOOD = "good"
    SLOW = "slow"
    LOSSY = "lossy"


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody who can take a seat."""

    name: str
    """What the scenario calls this player."""
    called: str
    """The name at the table."""
    role: str = "voter"
    facilitator: bool = False
    """Made one on joining; who joins first is one anyway."""
    proxied: bool = False
    tabs: int = 1
    line: Line = Line.GOOD
    group: str = ""
    """The entry of a crowd; empty for a single person."""
    connection: str = ""
    """Players with the same one share a client and its connection; empty: one of one's own."""


@dataclass(frozen=True, slots=True)
class GameSettings:
    """How the game is played; None: as the service does by default."""

    deck: str | tuple[str, ...] | None = None
    """The name of a built-in one, or cards of one's own."""
    auto_reveal: bool | None = None
    reveal_countdown_ms: int | None = None
    round_duration_ms: int | None = None
    claim_grace_ms: int | None = None
    electorate: str | None = None
    reveal: str | None = None
    manage_rounds: str | None = None
    manage_stories: str | None = None
    manage_players: str | None = None
    passcode: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One action, or one expected outcome: a verb with what it is about."""

    verb: str
    line: int
    """In the file, from 1."""
    players: tuple[str, ...] = ()
    at_once: bool = False
    """Whether all of `players`, or `pairs`, act at the same time."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Players, stories or events, each with its text."""
    text: str = ""
    texts: tuple[str, ...] = ()
    number: int = 0
    """Milliseconds, where it is a time."""
    settings: GameSettings | None = None
    options: Mapping[str, Value] = field(default_factory=dict)
    steps: tuple["Step", ...] = ()
    """What is inside: simultaneous actions, or outcomes to be checked."""
    after_ms: int = 0
    by: str = ""
    """Who does it; empty: the facilitator who opened the game, or whoever it is about."""
    tab: int = 1
    background: bool = False
    expected: tuple[str, ...] = (ACCEPTED,)
    """What may be answered: "accepted", or reasons of refusals."""

    def text_of(self, option: str) -> str:
        """An option's text; empty where it is not given."""
        value = self.options.get(option, "")
        return value if isinstance(value, str) else ""

    def names_of(self, option: str) -> tuple[str, ...] | None:
        """An option's names; None where it is not given."""
        value = self.options.get(option)
        return value if isinstance(value, tuple) else None

    def number_of(self, option: str) -> int | None:
        """An option's count or milliseconds; None where it is not given."""
        value = self.options.get(option)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag_of(self, option: str) -> bool | None:
        """An option's yes or no; None where it is not given."""
        value = self.options.get(option)
        return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story of a game: what is done, and what must come of it."""

    name: str
    source: str
    """The file, for messages."""
    description: str = ""
    settings: GameSettings = GameSettings()
    server: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """Settings of an embedded server, above those that are shipped."""
    server_line: int = 1
    """Where they are in the file."""
    players: tuple[Player, ...] = ()
    actions: tuple[Step, ...] = ()
    outcomes: tuple[Step, ...] = ()

    @property
    def steps(self) -> int:
        """How many actions there are, those of parallel blocks each for itself."""
        return sum(
            max(1, len(each.steps)) if each.verb == "parallel" else 1 for each in self.actions
        )
