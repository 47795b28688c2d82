"""Checks a game's rows in the log against what its events fold to. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from planning_poker_server import ids
from planning_poker_server.eventlog.port import Record, Summary
from planning_poker_server.eventlog.stored import StoredGame, StoredRecord
from planning_poker_server.history import HistoryCheck, Kind
from planning_poker_server.room import summary

_MOST: Final = 100
"""Findings of one game; a damaged game is known to be so by fewer."""


class Finding(NamedTuple):
    """One thing that is wrong with a log."""

    game_id: str
    version: int | None
    """The record it is about; None: the game as a whole."""
    kind: Kind
    detail: str


class GameCheck:
    """Takes the rows of one game in the order of their versions, a page at a time.

    Records above `stored.last` are left out: they came after `stored` was read.
    """

    def __init__(self, game_id: str, stored: StoredGame) -> None:
        self.game_id = game_id
        self.events = 0
        """Records taken so far."""
        self._stored = stored
        self._check = HistoryCheck(game_id)
        self._findings: list[Finding] = []
        self._expected = 1
        self._position = 0

    def take(self, rows: Sequence[StoredRecord]) -> bool:
        """Look at the next rows; False once there are no more to be taken."""
        last = self._stored.last
        for row in rows:
            if isinstance(row.version, int) and isinstance(last, int) and row.version > last:
                return False
            self.events += 1
            self._take(row)
        return bool(rows)

    def findings(self) -> list[Finding]:
        """What is wrong, once all rows were taken."""
        head = self._stored.row.head
        last = self._expected - 1
        if isinstance(head, int) and head > last:
            self._hole(last + 1, head)
        elif head != last:
            self._find(None, Kind.HEAD, f"its head is {head!r}, its last record {last}")
        if ids.parse_game(self.game_id) != (self.game_id, ""):
            self._find(None, Kind.ID, "no game has an id of this form")
        if self._check.whole and last > 0:
            for kind, detail in (*self._check.unfit(), *self._differences()):
                self._find(None, kind, detail)
        return self._findings

    def _take(self, row: StoredRecord) -> None:
        version = row.version
        if not isinstance(version, int) or version < self._expected:
            self._find(None, Kind.VERSION, "a record has a version that none can have")
            return
        if version > self._expected:
            self._hole(self._expected, version - 1)
        self._expected = version + 1
        if row.position <= self._position:
            self._find(version, Kind.POSITION, "it stands before its predecessor in the log")
        self._position = row.position
        if not isinstance(row.event, bytes) or not isinstance(row.sealed, bytes):
            self._check.whole = False
            self._find(version, Kind.UNDECODABLE, "it holds something else than bytes")
            return
        problem = self._check.take(Record(version, row.event, row.sealed))
        if problem is not None:
            self._find(version, problem.kind, problem.detail)

    def _hole(self, first: int, last: int) -> None:
        self._check.whole = False
        missing = f"record {first} is" if first == last else f"records {first} to {last} are"
        self._find(first, Kind.HOLE, f"{missing} missing")

    def _differences(self) -> Iterator[tuple[Kind, str]]:
        """Where the row of the game and its timers are not what the events fold to."""
        state = self._check.state
        folded, stored = summary(state), self._stored.row.summary
        for name, right, there in zip(Summary._fields, folded, stored, strict=True):
            if right != there:
                yield Kind.SUMMARY, f"{name} is not what its events make it"
        if folded.join_code and ids.parse_game(folded.join_code) != ("", folded.join_code):
            yield Kind.ID, "no game has a join code of this form"
        if sorted(self._stored.timers) != sorted(state.timers()):
            wanted = len(state.timers())
            yield (
                Kind.TIMERS,
                f"{len(self._stored.timers)} are set; {wanted} follow from its events",
            )

    def _find(self, version: int | None, kind: Kind, detail: str) -> None:
        if len(self._findings) < _MOST:
            self._findings.append(Finding(self.game_id, version, kind, detail))
