"""What the whole history of a game must be: for who looks at a log, or fills one."""

from enum import StrEnum
from typing import NamedTuple

from google.protobuf.message import DecodeError

import planningpoker.v1 as pb
from planning_poker_server.domain.moments import to_ms
from planning_poker_server.domain.state import GameState
from planning_poker_server.eventlog.port import Record
from planning_poker_server.room import decoded


class Kind(StrEnum):
    """What can be wrong, by the names that `games verify` prints."""

    HOLE = "hole"
    UNDECODABLE = "undecodable"
    VERSION = "version"
    POSITION = "position"
    TIME = "time"
    FOLD = "fold"
    ID = "id"
    SEALED = "sealed"
    HEAD = "head"
    SUMMARY = "summary"
    TIMERS = "timers"
    STRAY = "stray"
    UNREADABLE = "unreadable"


class Problem(NamedTuple):
    """One thing that is wrong."""

    kind: Kind
    detail: str
    """Without what is sealed, and without text that a player wrote."""


class HistoryCheck:
    """Folds a game's records one after the other and says what does not fit."""

    def __init__(self, game_id: str) -> None:
        self.game_id = game_id
        self.state = GameState()
        self.whole = True
        """Whether all records so far were folded; after that, nothing is folded any more."""

    def take(self, record: Record) -> Problem | None:
        """Fold the next record; what is wrong with it, if anything is."""
        try:
            event, sealed = decoded(record)
        except DecodeError:
            self.whole = False
            return Problem(Kind.UNDECODABLE, "what it holds cannot be decoded")
        except ValueError:
            self.whole = False
            return Problem(Kind.VERSION, "it holds the event of another version")
        if not self.whole:
            return None
        problem = self._misplaced(event)
        try:
            self.state.evolve(event, sealed)
        except Exception:  # the folds trust a log that only the server writes
            self.whole = False
            name = event.WhichOneof("event")
            return Problem(Kind.FOLD, f"its {name} does not follow from what was before")
        return problem

    def _misplaced(self, event: pb.GameEvent) -> Problem | None:
        creates = event.HasField("game_created")
        if creates != (event.version == 1):
            return Problem(Kind.FOLD, "a game begins with its only game_created")
        if creates and event.game_created.game.game_id != self.game_id:
            return Problem(Kind.ID, "it creates a game with another id")
        if to_ms(event.event_time) < self.state.last_event_ms:
            return Problem(Kind.TIME, "it happened before the event before it")
        return None

    def unfit(self) -> list[Problem]:
        """Where the public and the sealed parts of the present state do not go together."""
        state = self.state
        view, problems = state.view, []
        if view.passcode_required != (state.passcode is not None):
            problems.append("whether it asks for a passcode, and whether it has one, differ")
        seatless = [player_id for player_id in view.players if not state.seat_hash(player_id)]
        if seatless or state.seats.knows(b""):
            problems.append("a seat has no secret, so that none would prove it")
        if view.phase == pb.GAME_PHASE_VOTING and not all(map(self._has_card, view.voted)):
            problems.append("a vote of the open round has no card")
        return [Problem(Kind.SEALED, detail) for detail in problems]

    def _has_card(self, player_id: str) -> bool:
        try:
            return bool(self.state.sealed_vote(player_id)[0])
        except LookupError:
            return False
