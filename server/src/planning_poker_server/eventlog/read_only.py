"""A log in a file, looked at without taking part: no server, no writer, no migration."""

from collections.abc import Callable, Iterator, Sequence
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.cursor import Cursors
from planning_poker_server.eventlog.migrate import check_schema
from planning_poker_server.eventlog.port import LogError, LogUnavailable, Record
from planning_poker_server.eventlog.queries import Queries, listed
from planning_poker_server.eventlog.sqlite import SqliteFile
from planning_poker_server.eventlog.statements import InspectionStatements
from planning_poker_server.eventlog.stored import StoredGame, StoredRecord, Stray
from planning_poker_server.settings import DatabaseSettings

_P = ParamSpec("_P")
_T = TypeVar("_T")

_BEFORE_ALL: Final = -(2**63)
"""Below any version that a row can have, but for this one itself."""


class ReadOnlyLog:
    """Reads what the file holds, also while a server writes to it. Blocks; for one thread.

    Each method is a transaction of its own, so that a server's checkpoints are
    not held up. All may raise LogUnavailable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queries = Queries(engine.dialect, Cursors("", b""))
        self._sql = InspectionStatements(engine.dialect)

    @classmethod
    def open(cls, settings: DatabaseSettings) -> Self:
        """The log at `settings.url`, which must be there and of this version's schema.

        Raises LogError with half a sentence about the database.
        """
        if settings.url == "memory:":
            raise LogError("a log in memory is seen by its own server only")
        try:
            log = cls(SqliteFile.find(settings.url).spectator(settings.busy_timeout_ms))
        except FileNotFoundError as error:
            raise LogError("there is no such file") from error
        except OSError as error:
            raise LogUnavailable("the file cannot be opened", definite=True) from error
        try:
            with log._engine.connect() as connection:
                check_schema(connection)
        except OperationalError as error:
            log.close()
            raise LogUnavailable("the file cannot be opened", definite=True) from error
        except SQLAlchemyError as error:
            log.close()
            raise LogError("it is no database of this service, or is damaged") from error
        except LogError:
            log.close()
            raise
        return log

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    # What a server would read, with its checks

    def resolve(self, join_code: str) -> str | None:
        """The game with this join code."""
        return self._run(self._queries.resolve, join_code)

    def read(self, game_id: str, through: int) -> Iterator[Sequence[Record]]:
        """Pages of records up to a version that the game has; raises GameCorrupt."""
        after = 0
        while after < through:
            records, _ = self._run(self._queries.page, game_id, after)
            yield records[: through - after]
            after = records[-1].version if records else through

    # What is stored, whatever it is

    def totals(self) -> tuple[int, int]:
        """How many games there are, and how many events by what their heads say."""
        return self._run(self._totals)

    def ids(self, after: object = "") -> Sequence[object]:
        """The next ids of games, in order; none: there are no more."""
        return self._run(self._ids, after)

    def game(self, game_id: str) -> StoredGame | None:
        """All that is stored of a game but its records; None where there is none."""
        return self._run(self._game, game_id)

    def rows(self, game_id: str, after: object = _BEFORE_ALL) -> Sequence[StoredRecord]:
        """The next records of a game in the order of their versions; none: no more."""
        return self._run(self._rows, game_id, after)

    def strays(self) -> Sequence[Stray]:
        """Records and timers without a game, counted by the id they name; the first thousand."""
        return self._run(self._strays)

    def _totals(self, connection: Connection) -> tuple[int, int]:
        games, events = connection.exec_driver_sql(self._sql.totals).one()
        return games, int(events or 0)

    def _ids(self, connection: Connection, after: object) -> Sequence[object]:
        return list(connection.exec_driver_sql(self._sql.ids, (after,)).scalars())

    def _game(self, connection: Connection, game_id: str) -> StoredGame | None:
        row = connection.exec_driver_sql(self._sql.game, (game_id,)).first()
        if row is None:
            return None
        timers = connection.exec_driver_sql(self._sql.timers, (game_id,)).fetchall()
        last = connection.exec_driver_sql(self._sql.last, (game_id,)).scalar()
        return StoredGame(listed(row), [Timer._make(timer) for timer in timers], last)

    def _rows(self, connection: Connection, game_id: str, after: object) -> Sequence[StoredRecord]:
        rows = connection.exec_driver_sql(self._sql.rows, (game_id, after)).fetchall()
        return list(map(StoredRecord._make, rows))

    def _strays(self, connection: Connection) -> Sequence[Stray]:
        statements = {"record": self._sql.strays, "timer": self._sql.stray_timers}
        return [
            Stray(game_id, what, number)
            for what, statement in statements.items()
            for game_id, number in connection.exec_driver_sql(statement)
        ]

    def _run(
        self,
        work: Callable[Concatenate[Connection, _P], _T],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> _T:
        try:
            with self._engine.connect() as connection:
                try:
                    return work(connection, *arguments, **options)
                except SQLAlchemyError:
                    connection.invalidate()
                    raise
        except SQLAlchemyError as error:
            raise LogUnavailable("The database cannot be read", definite=True) from error
