"""What the readers ask of a SQL log: plain functions of a connection."""

import functools
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError, OperationalError

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.cursor import Cursors
from planning_poker_server.eventlog.port import (
    FOREVER_MS,
    PURGED,
    FeedRecord,
    GameCorrupt,
    GameFilter,
    GameRow,
    LogUnavailable,
    Place,
    Record,
    Summary,
)
from planning_poker_server.eventlog.sqlite import last_position
from planning_poker_server.eventlog.statements import PAGE, ReadStatements

_HOLE: Final = "The records behind version {} do not lead to the head"
_NEWEST: Final = Place(FOREVER_MS, "")
_NO_LABELS: Final = "{}"


class FeedPage(NamedTuple):
    """Records and the position of the last one."""

    records: Sequence[FeedRecord]
    position: int


def as_version(value: object) -> int:
    """A game's head as stored; 0 where there is none any more, or never was. Raises GameCorrupt."""
    if value is None or value == PURGED:
        return 0
    if type(value) is not int:
        raise GameCorrupt("The game's head cannot be read")
    return value


def labels_as_text(labels: Sequence[tuple[str, str]]) -> str:
    """As they are stored: JSON."""
    return json.dumps(dict(labels), ensure_ascii=False) if labels else _NO_LABELS


@functools.lru_cache(maxsize=10_000)
def labels_of(stored: str) -> tuple[tuple[str, str], ...]:
    """The labels in what is stored; none where that cannot be read."""
    if stored == _NO_LABELS:
        return ()
    try:
        return tuple(sorted(json.loads(stored).items()))
    except (ValueError, TypeError, AttributeError):
        return ()


def listed(row: Sequence[Any]) -> GameRow:
    """A row of the games' table."""
    game_id, head, code, name, phase, create_ms, update_ms, guarded, labels = row
    known = bool(guarded), labels_of(labels)
    return GameRow(game_id, head, Summary(code or "", name, phase, create_ms, update_ms, *known))


def _is_whole(record: Record) -> bool:
    # SQLite stores any type in any column.
    return type(record.event) is bytes and type(record.sealed) is bytes


class Queries:
    """Each method is one transaction, run by a reader."""

    def __init__(self, dialect: Dialect, cursors: Cursors) -> None:
        self._sql = ReadStatements(dialect)
        self._driver = dialect.loaded_dbapi
        self._cursors = cursors

    def page(self, connection: Connection, game_id: str, after: int) -> tuple[list[Record], bool]:
        """The records that follow `after`, and whether there may be more.

        Raises GameCorrupt unless they follow one another up to the head.
        """
        rows, full = self._rows(connection, self._sql.page, (game_id, after))
        records = list(map(Record._make, rows))
        head = after + PAGE if full else self._head_of_rows(connection, game_id)
        if [record.version for record in records] != list(range(after + 1, head + 1)):
            raise GameCorrupt(_HOLE.format(after))
        if not all(map(_is_whole, records)):
            raise GameCorrupt(f"A record behind version {after} is of the wrong type")
        return records, full

    def events(self, connection: Connection, game_id: str, after: int) -> tuple[list[bytes], bool]:
        """Their public halves alone, otherwise like `page`."""
        # As many as there are versions have no hole: each is there once.
        rows, full = self._rows(connection, self._sql.events, (game_id, after, after + PAGE))
        events = [event for (event,) in rows]
        if not full and len(events) != max(0, self._head_of_rows(connection, game_id) - after):
            raise GameCorrupt(_HOLE.format(after))
        if not set(map(type, events)) <= {bytes}:  # SQLite stores any type in any column
            raise GameCorrupt(f"A record behind version {after} is of the wrong type")
        return events, full

    def _rows(
        self, connection: Connection, statement: str, values: tuple[object, ...]
    ) -> tuple[list[tuple[Any, ...]], bool]:
        """What a page's statement gives, and whether that is a full page."""
        try:
            # The driver's own rows: making SQLAlchemy's of them takes as long as reading.
            cursor = connection.exec_driver_sql(statement, values).cursor
            rows = list(cursor.fetchall()) if cursor is not None else []
        except (OperationalError, self._driver.OperationalError) as error:
            raise LogUnavailable("The log cannot be read now", definite=True) from error
        except (DBAPIError, self._driver.Error) as error:
            raise GameCorrupt("A record of the game cannot be read") from error
        return rows, len(rows) == PAGE

    def _head_of_rows(self, connection: Connection, game_id: str) -> int:
        """Where the rows must lead to; like `head`, but raises what reading rows does."""
        try:
            return self.head(connection, game_id)
        except OperationalError as error:
            raise LogUnavailable("The log cannot be read now", definite=True) from error
        except DBAPIError as error:
            raise GameCorrupt("The head of the game cannot be read") from error

    def game(self, connection: Connection, game_id: str) -> GameRow | None:
        """The game as listed; None where there is none."""
        row = connection.exec_driver_sql(self._sql.game, (game_id,)).first()
        return listed(row) if row is not None else None

    def head(self, connection: Connection, game_id: str) -> int:
        """Version of the game's last record; 0: there is none."""
        return as_version(connection.exec_driver_sql(self._sql.head, (game_id,)).scalar())

    def resolve(self, connection: Connection, join_code: str) -> str | None:
        """The game with this join code."""
        found: str | None = connection.exec_driver_sql(self._sql.resolve, (join_code,)).scalar()
        return found

    def start(self, connection: Connection, cursor: str) -> tuple[int, int]:
        """Positions between which a scan from this cursor goes. Raises ValueError."""
        end = last_position(connection)
        position = self._cursors.position(cursor, end)
        found = self._at(connection, position)
        if found is not None:
            self._cursors.check(cursor, position, found)
        return position, end

    def end(self, connection: Connection) -> str:
        """The cursor behind all that is there."""
        last = last_position(connection)
        found = self._at(connection, last)
        if found is None:
            return self._cursors.behind_none(last)
        return self._cursors.behind(last, found)

    def _at(self, connection: Connection, position: int) -> bytes | None:
        """The event at a position, if it is there and whole."""
        event = connection.exec_driver_sql(self._sql.event_at, (position,)).scalar()
        return event if type(event) is bytes else None

    def feed(self, connection: Connection, after: int, end: int) -> FeedPage:
        """The records between two positions, as many as one page holds."""
        rows = connection.exec_driver_sql(self._sql.feed, (after, end)).fetchall()
        records = [self._fed(*row) for row in rows]
        return FeedPage(records, rows[-1][0] if rows else end)

    def _fed(
        self, position: int, game_id: str, version: int, event: bytes, guarded: int, labels: str
    ) -> FeedRecord:
        if type(event) is not bytes:  # SQLite stores any type in any column
            raise GameCorrupt(f"Record {version} of {game_id} is of the wrong type")
        cursor = self._cursors.behind(position, event)
        return FeedRecord(cursor, game_id, version, event, bool(guarded), labels_of(labels))

    def games(self, connection: Connection, after: str, limit: int) -> Sequence[GameRow]:
        """Games with ids above `after`, ordered by id."""
        return list(map(listed, connection.exec_driver_sql(self._sql.games, (after, limit))))

    def find(
        self, connection: Connection, wanted: GameFilter, behind: Place | None, limit: int
    ) -> Sequence[GameRow]:
        """The wanted games behind a place, the newest first."""
        phases = sum(1 << phase for phase in set(wanted.phases)) if wanted.phases else -1
        values = (
            *(behind or _NEWEST),
            wanted.created_since_ms,
            wanted.created_before_ms,
            wanted.updated_since_ms,
            wanted.updated_before_ms,
            phases,
            limit,
        )
        return list(map(listed, connection.exec_driver_sql(self._sql.find, values)))

    def due(self, connection: Connection, until_ms: int, limit: int) -> Sequence[tuple[str, Timer]]:
        """Timers due at or before `until_ms`, the earliest first."""
        rows = connection.exec_driver_sql(self._sql.due, (until_ms, limit))
        return [(game_id, Timer._make(timer)) for game_id, *timer in rows]
