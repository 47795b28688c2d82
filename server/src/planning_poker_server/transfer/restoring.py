"""A document of a game becomes what is appended to a log, or is refused as a whole. Pure."""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Final

from google.protobuf.json_format import ParseDict

import planningpoker.v1 as pb
from planning_poker_model import limits, text
from planning_poker_model.limits import GameLimits
from planning_poker_server import ids
from planning_poker_server.domain.seats import unprovable
from planning_poker_server.domain.state import GameState
from planning_poker_server.eventlog.port import Proposal, Record
from planning_poker_server.history import HistoryCheck
from planning_poker_server.printable import printable
from planning_poker_server.room import summary
from planning_poker_server.transfer.document import FORMAT, FORMAT_VERSION, Header
from planning_poker_server.transfer.pieces import NotJson, Pieces

MAX_EVENT_BYTES: Final = 2 << 20
"""Of one event as stored; the contract keeps messages under this."""
MAX_BYTES: Final = 1 << 30
"""Of all records of a game."""
_HEADER: Final[dict[str, type]] = {
    "format": str,
    "formatVersion": int,
    "gameId": str,
    "joinCode": str,
    "version": int,
    "withSecrets": bool,
}
_SHOWN: Final = 200
_MAX_HEADER_MEMBERS: Final = 100
_MAX_NUMBER: Final = 10**9
"""In the id of a player, story or round."""


class DocumentError(Exception):
    """The document cannot be imported; the message is half a sentence that says why."""


def read_document(read: Callable[[int], str], most: GameLimits) -> tuple[Header, Proposal]:
    """What must be appended for the game of this document to be there.

    Everything is checked before it returns: the form, that the events follow
    one another and fold, the sizes. Raises DocumentError, and what `read` raises.
    """
    pieces = Pieces(read)
    try:
        header = _header(pieces)
    except NotJson as error:
        raise DocumentError(f"it is no exported game: {error}") from None
    intake = _Intake(header, most)
    records = list(intake.records(pieces))
    _check_whole(header, intake.check, most)
    state = intake.check.state
    return header, Proposal(header.game_id, 0, records, state.timers(), summary(state))


class _Intake:
    """Makes records of a document's events, each checked against those before it."""

    def __init__(self, header: Header, most: GameLimits) -> None:
        self.check = HistoryCheck(header.game_id)
        self._header = header
        self._most = min(header.version, most.max_events)
        self._bytes = 0

    def records(self, pieces: Pieces) -> Iterator[Record]:
        """All of them; raises DocumentError that names the first event that cannot be taken."""
        number = 1
        try:
            for item in pieces.items():
                yield self._take(item, number)
                number += 1
        except DocumentError as error:
            raise DocumentError(f"event {number}: {error}") from None
        except NotJson as error:
            behind = number > self._header.version
            place = "behind the last event" if behind else f"event {number}"
            raise DocumentError(f"{place}: {error}") from None
        if number <= self._header.version:
            raise DocumentError(f"event {number}: it is missing, though the header promises it")

    def _take(self, item: object, number: int) -> Record:
        if number > self._most:
            raise DocumentError("it is one more than the game may have")
        record = _record(item, number, self._header.with_secrets)
        self._bytes += len(record.event) + len(record.sealed)
        if self._bytes > MAX_BYTES:
            raise DocumentError(f"with it the game is larger than {MAX_BYTES:,} bytes")
        problem = self.check.take(record)
        if problem is not None:
            raise DocumentError(problem.detail)
        return record


def _header(pieces: Pieces) -> Header:
    found: dict[str, object] = {}
    for name, value in pieces.members("events"):
        if name in found or len(found) > _MAX_HEADER_MEMBERS:
            raise DocumentError("the header names a member twice, or far too many")
        found[name] = value
    if found.get("format") != FORMAT:
        raise DocumentError("it is no exported game")
    if found.get("formatVersion") != FORMAT_VERSION:
        raise DocumentError(f"its format is not version {FORMAT_VERSION}, the one known here")
    for name, kind in _HEADER.items():
        if type(found.get(name)) is not kind:
            raise DocumentError(f"{name} is missing in the header, or of the wrong type")
    if unknown := found.keys() - _HEADER.keys():
        names = ", ".join(repr(printable(name, 40)) for name in sorted(unknown)[:5])
        raise DocumentError(f"the header has unknown members: {names}")
    header = Header(*[found[name] for name in list(_HEADER)[2:]])  # type: ignore[arg-type]
    if ids.parse_game(header.game_id) != (header.game_id, ""):
        raise DocumentError("gameId is not the id of a game")
    if header.join_code and ids.parse_game(header.join_code) != ("", header.join_code):
        raise DocumentError("joinCode is not a join code")
    if header.version < 1:
        raise DocumentError("it has no events")
    return header


def _record(item: object, number: int, with_secrets: bool) -> Record:
    members = {"event", "sealed"} if with_secrets else {"event"}
    if not isinstance(item, dict) or item.keys() != members:
        raise DocumentError(f"it must be an object with {' and '.join(sorted(members))}")
    event = _event(item["event"])
    if event.version != number:
        raise DocumentError(f"it is numbered {event.version}")
    if event.WhichOneof("event") is None:
        raise DocumentError("it says nothing that happened")
    encoded = event.SerializeToString(deterministic=True)
    if len(encoded) > MAX_EVENT_BYTES:
        raise DocumentError(f"it is larger than {MAX_EVENT_BYTES:,} bytes")
    return Record(number, encoded, _sealed(item["sealed"]) if with_secrets else _substitute(event))


def _event(value: object) -> pb.GameEvent:
    if not isinstance(value, dict):
        raise DocumentError("it must be an object")
    try:
        return ParseDict(value, pb.GameEvent())
    except Exception as error:  # what it raises for bad input is not all its own
        shown = printable(" ".join(str(error).split()), _SHOWN)
        raise DocumentError(f"it is no event: {shown}") from None


def _sealed(value: object) -> bytes:
    try:
        sealed = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        sealed = None
    if sealed is None or base64.b64encode(sealed).decode() != value:
        raise DocumentError("its sealed part is not base64")
    if len(sealed) > MAX_EVENT_BYTES:
        raise DocumentError(f"its sealed part is larger than {MAX_EVENT_BYTES:,} bytes")
    return sealed


def _substitute(event: pb.GameEvent) -> bytes:
    """What is sealed with an event of a document without secrets: nothing that proves anything."""
    if event.WhichOneof("event") in ("player_joined", "seat_reset"):
        return unprovable(event.version).SerializeToString(deterministic=True)
    return b""


def _check_whole(header: Header, check: HistoryCheck, most: GameLimits) -> None:
    view = check.state.view
    if view.join_code != header.join_code:
        raise DocumentError("its first event gives it another join code than the header")
    if not header.with_secrets:
        way_out = "export it with --with-secrets"
        if view.phase == pb.GAME_PHASE_VOTING and view.voted:
            raise DocumentError(
                "a round is open, and without its secrets the cards on the table are not in it; "
                f"reveal or abandon the round first, or {way_out}"
            )
        if view.passcode_required:
            raise DocumentError(
                "it asks for a passcode, and without its secrets everybody would get in; "
                f"take the passcode away first, or {way_out}"
            )
    for problem in (*(each.detail for each in check.unfit()), *_too_large(check.state, most)):
        raise DocumentError(problem)


def _too_large(state: GameState, most: GameLimits) -> Iterator[str]:
    """What the server could not have let into a game; the operator's limits count."""
    view = state.view
    if len(view.players) > most.max_players:
        yield f"more than {most.max_players:,} players are at the table"
    if len(view.stories) > most.max_stories or state.story_bytes > most.max_story_bytes:
        yield "its backlog is larger than game.max_stories or game.max_story_bytes allows"
    if max(state.seats.last_number, state.last_story, state.last_round) > _MAX_NUMBER:
        yield "the number in an id is too large"
    if why := text.problem(view.display_name, limits.GAME_NAME):
        yield f"its name {why}"
    for player in view.players.values():
        if why := text.problem(player.display_name, limits.PLAYER_NAME):
            yield f"the name of player {printable(player.player_id, 20)} {why}"
    for story in view.stories.values():
        if why := text.problem(story.title, limits.STORY_TITLE):
            yield f"the title of story {printable(story.story_id, 20)} {why}"
