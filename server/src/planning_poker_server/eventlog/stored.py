"""Rows of a log as they are stored: of any type, and perhaps not fitting together."""

from collections.abc import Sequence
from typing import NamedTuple

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import GameRow


class StoredGame(NamedTuple):
    """What the log says of a game beside its records, all of one moment."""

    row: GameRow
    timers: Sequence[Timer]
    last: object
    """The highest version that a record of it has; None: it has no records."""


class StoredRecord(NamedTuple):
    """A record and its place in the log. SQLite stores any type in any column."""

    position: int
    version: object
    event: object
    sealed: object

    def __repr__(self) -> str:
        return f"<StoredRecord {self.version}>"


class Stray(NamedTuple):
    """What belongs to no game."""

    game_id: object
    what: str
    """"record" or "timer"."""
    number: int
    """How many of them."""
