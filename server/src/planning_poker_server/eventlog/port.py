"""What the service asks of an event log; each adapter passes `tests/contract/eventlog`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from planning_poker_server.domain.types import Timer

PURGED: Final = -1
"""The head of a game that was purged."""
FOREVER_MS: Final = 1 << 62


class Record(NamedTuple):
    """One event as stored: the bytes everyone may see, and those only the server reads."""

    version: int
    event: bytes
    sealed: bytes

    def __repr__(self) -> str:
        return f"<Record {self.version}>"


class Summary(NamedTuple):
    """What the log keeps beside the events, so that games can be listed and found.

    The join code, the time of creation and the labels are those of a game's
    first append.
    """

    join_code: str
    display_name: str
    phase: int
    create_ms: int
    update_ms: int
    guarded: bool = False
    """Whether the game has a passcode."""
    labels: tuple[tuple[str, str], ...] = ()
    """In the order of their names."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Records to be appended to one game, all or none.

    Without records it asks only whether the head is still `expected_head`.
    """

    game_id: str
    expected_head: int
    """Version of the last record that the decision knew; 0: the game must not exist."""
    records: Sequence[Record]
    timers: Sequence[Timer]
    """All that is scheduled once the records are in; replaces what was."""
    summary: Summary


@dataclass(frozen=True, slots=True)
class Commit:
    """Proof that `proposal` is durable. Only a log makes one."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Conflict:
    """The head is another one; nothing was written."""

    head: int
    """Where the game stands; 0: there never was one; PURGED: there was, and never will be."""


class Place(NamedTuple):
    """A game's place among all games, the newest of which come first."""

    create_ms: int
    game_id: str


class GameRow(NamedTuple):
    """A game as listed."""

    game_id: str
    head: int
    summary: Summary

    @property
    def place(self) -> Place:
        """Where it stands among all games."""
        return Place(self.summary.create_ms, self.game_id)


@dataclass(frozen=True, slots=True)
class GameFilter:
    """Which games are looked for. Times are half-open: since ≤ time < before."""

    phases: tuple[int, ...] = ()
    """Empty: all."""
    created_since_ms: int = 0
    created_before_ms: int = FOREVER_MS
    updated_since_ms: int = 0
    updated_before_ms: int = FOREVER_MS

    def fits(self, summary: Summary) -> bool:
        """Whether a game is one of them."""
        return (
            (not self.phases or summary.phase in self.phases)
            and self.created_since_ms <= summary.create_ms < self.created_before_ms
            and self.updated_since_ms <= summary.update_ms < self.updated_before_ms
        )


class FeedRecord(NamedTuple):
    """An event in the order of the whole log, and what is known of its game now."""

    cursor: str
    """Opaque: behind this event."""
    game_id: str
    version: int
    event: bytes
    guarded: bool
    labels: tuple[tuple[str, str], ...]


class LogError(Exception):
    """Root of what a log raises."""


class LogUnavailable(LogError):
    """The log cannot be read or written now (disk full, locked, gone).

    `definite` is True where nothing was written for certain; False leaves an
    append in doubt until the log was read; reading that game fails likewise
    for as long as the log itself cannot be certain.
    """

    def __init__(self, message: str, *, definite: bool) -> None:
        super().__init__(message)
        self.definite = definite


class GameCorrupt(LogError):
    """A game's records have a hole or cannot be read; other games are not concerned."""


class EventLog(Protocol):
    """An append-only log of games. All methods may raise LogUnavailable."""

    @property
    def epoch(self) -> str:
        """Identifies this log; another after it was replaced or restored."""
        ...

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        """Compare and set the head, and write records, timers and summary in one transaction.

        Durable when it returns a Commit. A new game whose join code is taken by
        another game is a Conflict with head 0. A caller that is cancelled may
        find its records appended nevertheless. Raises ValueError for a proposal
        that contradicts itself: versions that do not follow `expected_head`,
        two timers of one kind for one round. Raises LogError for what cannot
        be stored at all.
        """
        ...

    def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        """Pages of at most 1,000 records with versions above `after`, in order.

        No transaction is open between pages. Raises GameCorrupt at a hole;
        yields nothing for a game that does not exist.
        """
        ...

    def events(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[bytes]]:
        """Like `read`, but for the public halves alone: for what is to leave the server."""
        ...

    async def game(self, game_id: str) -> GameRow | None:
        """The game as listed; None where there is none."""
        ...

    async def head(self, game_id: str) -> int:
        """Version of the game's last record; 0: there is none."""
        ...

    async def resolve(self, join_code: str) -> str | None:
        """The game with this join code."""
        ...

    def scan(self, cursor: str = "") -> AsyncIterator[Sequence[FeedRecord]]:
        """Pages of all games' records behind an opaque cursor, up to the log's present end.

        Raises ValueError for a cursor that is not of this log, GameCorrupt at a
        record that cannot be read.
        """
        ...

    async def end(self) -> str:
        """The cursor behind all that is in the log now."""
        ...

    async def games(self, after: str = "", limit: int = 100) -> Sequence[GameRow]:
        """Games with ids above `after`, ordered by id; at most `limit`."""
        ...

    async def find(
        self, wanted: GameFilter, behind: Place | None = None, limit: int = 100
    ) -> Sequence[GameRow]:
        """The wanted games behind a place, the newest first; at most `limit`."""
        ...

    async def purge(self, game_id: str, now_ms: int, expected_head: int | None = None) -> bool:
        """Remove a game and all that was in it, for good; `sweep` removes the traces.

        True: it is gone, now or since an earlier call, and its id is never
        given again. False: there never was one, or its head is not
        `expected_head`.
        """
        ...

    async def sweep(self) -> bool:
        """Leave no trace of purged games in any file; calls at once share the work.

        True: none is left of any game whose purge had returned. False: the log
        is larger than may be rewritten while others wait, and traces may stay.
        Raises LogUnavailable where that is not certain: to be called again.
        Begun again by opening the log where a crash left it unfinished.
        """
        ...

    async def due(self, until_ms: int, limit: int = 100) -> Sequence[tuple[str, Timer]]:
        """Game ids and timers due at or before `until_ms`, the earliest first."""
        ...

    async def probe(self) -> None:
        """Return once something was committed; raises LogUnavailable where nothing can be."""
        ...

    async def close(self) -> None:
        """Finish what was begun and release everything; idempotent."""
        ...
