"""What the readers ask of a SQL log: plain functions of a connection."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError, OperationalError

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.cursor import decode_cursor, encode_cursor
from planning_poker_server.eventlog.port import FeedRecord, GameCorrupt, GameRow, Record, Summary
from planning_poker_server.eventlog.sqlite import last_position
from planning_poker_server.eventlog.statements import PAGE, ReadStatements


class FeedPage(NamedTuple):
    """Records and the position of the last one."""

    records: Sequence[FeedRecord]
    position: int


def as_version(value: object) -> int:
    """A game's head as stored; 0 where there is no game. Raises GameCorrupt."""
    if value is None:
        return 0
    if type(value) is not int:
        raise GameCorrupt("The game's head cannot be read")
    return value


def _is_whole(record: Record) -> bool:
    # SQLite stores any type in any column.
    return type(record.event) is bytes and type(record.sealed) is bytes


def _listed(row: Sequence[Any]) -> GameRow:
    game_id, head, code, *rest = row
    return GameRow(game_id, head, Summary(code or "", *rest))


class Queries:
    """Each method is one transaction, run by a reader."""

    def __init__(self, dialect: Dialect, epoch: str) -> None:
        self._sql = ReadStatements(dialect)
        self._epoch = epoch

    def page(self, connection: Connection, game_id: str, after: int) -> tuple[list[Record], bool]:
        """The records that follow `after`, and whether there may be more.

        Raises GameCorrupt unless they follow one another up to the head.
        """
        try:
            rows = connection.exec_driver_sql(self._sql.page, (game_id, after)).fetchall()
            records = list(map(Record._make, rows))
            full = len(records) == PAGE
            head = after + PAGE if full else self.head(connection, game_id)
        except OperationalError:
            raise
        except DBAPIError as error:
            raise GameCorrupt("A record of the game cannot be read") from error
        if [record.version for record in records] != list(range(after + 1, head + 1)):
            raise GameCorrupt(f"The records behind version {after} do not lead to the head")
        if not all(map(_is_whole, records)):
            raise GameCorrupt(f"A record behind version {after} is of the wrong type")
        return records, full

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
        return decode_cursor(self._epoch, cursor, end), end

    def feed(self, connection: Connection, after: int, end: int) -> FeedPage:
        """The records between two positions, as many as one page holds."""
        rows = connection.exec_driver_sql(self._sql.feed, (after, end)).fetchall()
        records = [
            FeedRecord(encode_cursor(self._epoch, position), game_id, Record._make(payload))
            for position, game_id, *payload in rows
        ]
        for _, game_id, record in records:
            if not _is_whole(record):
                raise GameCorrupt(f"Record {record.version} of {game_id} is of the wrong type")
        return FeedPage(records, rows[-1][0] if rows else end)

    def games(self, connection: Connection, after: str, limit: int) -> Sequence[GameRow]:
        """Games with ids above `after`, ordered by id."""
        return [_listed(row) for row in connection.exec_driver_sql(self._sql.games, (after, limit))]

    def game(self, connection: Connection, game_id: str) -> GameRow | None:
        """The row of this game."""
        row = connection.exec_driver_sql(self._sql.game, (game_id,)).first()
        return _listed(row) if row is not None else None

    def due(self, connection: Connection, until_ms: int, limit: int) -> Sequence[tuple[str, Timer]]:
        """Timers due at or before `until_ms`, the earliest first."""
        rows = connection.exec_driver_sql(self._sql.due, (until_ms, limit))
        return [(game_id, Timer._make(timer)) for game_id, *timer in rows]
