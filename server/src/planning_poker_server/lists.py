"""ListGames and PurgeGame: all games, for those who may see them."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

import planningpoker.v1 as pb
from planning_poker_model.limits import GAME_NAME, LABELS
from planning_poker_model.text import fold_name
from planning_poker_server.admission import Admission, Refused, invalid, parsed
from planning_poker_server.calls import Context
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.eventlog.port import (
    FOREVER_MS,
    EventLog,
    GameFilter,
    GameRow,
    Place,
)
from planning_poker_server.operators import Operators
from planning_poker_server.room_driver import gone
from planning_poker_server.rooms import Rooms

_DEFAULT_SIZE: Final = 100
_MAX_SIZE: Final = 1_000
_MAX_BYTES: Final = 1 << 20
_MAX_NAME: Final = 2 * GAME_NAME
_MAX_TOKEN: Final = 200
_ROWS: Final = 500
"""Read at once."""
_MAX_EXAMINED: Final = 5_000
"""Rows that one call goes through; what it was looking for may be behind them."""
_PHASES: Final = frozenset(pb.GamePhase.values()) - {pb.GAME_PHASE_UNSPECIFIED}


class ListService:
    """The handlers, within the bounds of all reads."""

    def __init__(
        self, rooms: Rooms, log: EventLog, admission: Admission, operators: Operators
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._admission = admission
        self._operators = operators

    async def list_games(self, message: bytes, context: Context) -> bytes:
        """The handler of ListGames; takes and gives the bytes of messages."""
        async with self._admission.admit(context):
            search = _Search(
                parsed(pb.ListGamesRequest, message), self._operators.sees_everything(context)
            )
            examined = 0
            while not search.full and examined < _MAX_EXAMINED:
                rows = await self._log.find(search.filter, search.place, _ROWS)
                search.take(rows)
                examined += len(rows)
                if len(rows) < _ROWS:
                    search.exhausted = not search.full
                    break
            self._admission.charge(context, examined)
            return search.response().SerializeToString()

    async def purge_game(self, message: bytes, context: Context) -> bytes:
        """The handler of PurgeGame; takes and gives the bytes of messages."""
        async with self._admission.admit(context):
            self._operators.check(context)
            request = parsed(pb.PurgeGameRequest, message)
            expected = request.expected_version if request.HasField("expected_version") else None
            game_id = await self._rooms.resolve(request.game_id)
            if game_id is None:
                raise Refused(gone())
            if not await self._rooms.purge(game_id, "asked for by an operator", expected):
                raise Refused(await self._not_purged(game_id))
            return pb.PurgeGameResponse(game_id=game_id).SerializeToString()

    async def _not_purged(self, game_id: str) -> pb.Refusal:
        head = await self._log.head(game_id)
        if not head:
            return gone()
        message = f"The game is at version {head} by now."
        return refuse(pb.REASON_VERSION_CONFLICT, message, current_version=head)


class _Search:
    """One page in the making."""

    def __init__(self, request: pb.ListGamesRequest, sees_everything: bool) -> None:
        self.filter = _filter_of(request)
        self.place = _place_of(request)
        """The last game that was looked at."""
        self.exhausted = False
        """Nothing is behind it."""
        self._name = fold_name(request.name)
        self._labels = set(request.labels.items())
        self._sees_everything = sees_everything
        self._size = min(request.page_size or _DEFAULT_SIZE, _MAX_SIZE)
        self._digest = _digest(request)
        self._page = pb.ListGamesResponse()
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether no more games go on this page."""
        return len(self._page.games) >= self._size or self._bytes >= _MAX_BYTES

    def take(self, rows: Sequence[GameRow]) -> None:
        """Put those on the page that are wanted, until it is full."""
        for row in rows:
            if self.full:
                return
            self.place = row.place
            if self._is_wanted(row):
                found = _summary_of(row)
                self._page.games.append(found)
                self._bytes += found.ByteSize()

    def response(self) -> pb.ListGamesResponse:
        """The page."""
        if not self.exhausted and self.place is not None:
            self._page.next_page_token = _token(self.place, self._digest)
        return self._page

    def _is_wanted(self, row: GameRow) -> bool:
        summary = row.summary
        return (
            (self._sees_everything or not summary.guarded)
            and self._labels.issubset(summary.labels)
            and self._name in fold_name(summary.display_name)
        )


def _summary_of(row: GameRow) -> pb.GameSummary:
    summary = row.summary
    return pb.GameSummary(
        game_id=row.game_id,
        display_name=summary.display_name,
        phase=pb.GamePhase.ValueType(summary.phase),
        version=row.head,
        labels=dict(summary.labels),
        create_time=_timestamp(summary.create_ms),
        update_time=_timestamp(summary.update_ms),
        join_code=summary.join_code,
        passcode_required=summary.guarded,
    )


def _timestamp(ms: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMilliseconds(ms)
    return stamp


def _filter_of(request: pb.ListGamesRequest) -> GameFilter:
    if request.page_size < 0:
        raise invalid("A page has a positive size, or 0 for the usual one.", "page_size")
    if len(request.name) > _MAX_NAME:
        raise invalid(f"A name has at most {_MAX_NAME} characters.", "name")
    if len(request.labels) > LABELS:
        raise invalid(f"A game has at most {LABELS} labels.", "labels")
    if not _PHASES.issuperset(request.phases):
        raise invalid("There is no such phase.", "phases")
    times = {
        f"{field}_ms": _ms(getattr(request, field))
        for field in ("created_since", "created_before", "updated_since", "updated_before")
        if request.HasField(field)
    }
    return GameFilter(tuple(request.phases), **times)


def _ms(time: Timestamp) -> int:
    """Since the epoch; what is beyond all times that games have is as good as for ever."""
    return min(max(time.seconds * 1_000 + time.nanos // 1_000_000, 0), FOREVER_MS)


# Page tokens: opaque, and good only for the request that they belong to.


def _digest(request: pb.ListGamesRequest) -> str:
    same = pb.ListGamesRequest()
    same.CopyFrom(request)
    same.ClearField("page_token")
    same.ClearField("page_size")
    return hashlib.sha256(same.SerializeToString(deterministic=True)).hexdigest()[:16]


def _token(place: Place, digest: str) -> str:
    text = f"{place.create_ms} {place.game_id} {digest}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place_of(request: pb.ListGamesRequest) -> Place | None:
    token = request.page_token
    if not token:
        return None
    try:
        text = base64.b64decode(token[:_MAX_TOKEN], altchars=b"-_", validate=True).decode("ascii")
        created, game_id, digest = text.split(" ")
        place = Place(int(created), game_id)
    except ValueError as error:
        raise invalid("This is no page token of this server.", "page_token") from error
    if digest != _digest(request) or not 0 <= place.create_ms < FOREVER_MS:
        message = "The page token belongs to another request: repeat that, or begin anew."
        raise invalid(message, "page_token")
    return place
