"""Connections of Python's own `sqlite3` that run their statements through `apsw`.

The log is built on `sqlite3`, whose library knows no file systems made in
Python; apsw's does. SQLAlchemy lets whoever listens make its connections, so
that the log itself is the one that is shipped.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import apsw
from sqlalchemy import Engine, event

Row = tuple[Any, ...]


@contextmanager
def connections_through(vfs: str, rewritten: Mapping[str, str], first: str = "") -> Iterator[None]:
    """Let all engines connect through this VFS, beginning with a statement.

    `rewritten` are statements that are run as others.
    """

    def connect(
        _dialect: object, _record: object, places: Sequence[Any], options: Mapping[str, Any]
    ) -> sqlite3.Connection:
        connection = ApswConnection(places[0], vfs, options["timeout"], rewritten)
        connection.execute(first)
        return connection

    event.listen(Engine, "do_connect", connect)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", connect)


@contextmanager
def _errors_of_sqlite3() -> Iterator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        raise sqlite3.IntegrityError(str(error)) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise sqlite3.DatabaseError(str(error)) from error
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error


class ApswCursor:
    """As much of a cursor as SQLAlchemy uses. A statement's rows are fetched at once."""

    arraysize = 1
    lastrowid: int | None = None

    def __init__(self, connection: apsw.Connection, rewritten: Mapping[str, str]) -> None:
        self.description: Sequence[Row] | None = None
        self.rowcount = -1
        self._connection = connection
        self._rewritten = rewritten
        self._rows: Iterator[Row] = iter(())

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        self._rows = iter(self._run(statement, parameters))
        self.rowcount = self._connection.changes() if self.description is None else -1
        return self

    def executemany(self, statement: str, many: Iterable[Sequence[Any]]) -> Self:
        changed = 0
        for parameters in many:
            self._run(statement, parameters)
            changed += self._connection.changes()
        self.rowcount = changed
        return self

    def _run(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        cursor = self._connection.cursor()
        cursor.exec_trace = self._describe
        with _errors_of_sqlite3():
            cursor.execute(self._rewritten.get(statement, statement), tuple(parameters))
            return cursor.fetchall()

    def _describe(self, cursor: apsw.Cursor, _statement: str, _bindings: object) -> bool:
        # Now: after a statement that has no rows, apsw describes nothing.
        self.description = [(name, *[None] * 6) for name, *_ in cursor.get_description()] or None
        return True

    def fetchone(self) -> Row | None:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Row]:
        return [row for _, row in zip(range(size), self._rows, strict=False)]

    def fetchall(self) -> list[Row]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def close(self) -> None:
        self._rows = iter(())


class ApswConnection(sqlite3.Connection):
    """A connection of `sqlite3` by type and errors; the database is apsw's."""

    def __init__(self, uri: str, vfs: str, timeout_s: float, rewritten: Mapping[str, str]) -> None:
        super().__init__(":memory:", isolation_level=None, check_same_thread=False)
        self._rewritten = rewritten
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
        with _errors_of_sqlite3():
            self._real = apsw.Connection(uri, flags=flags, vfs=vfs)
        self._real.set_busy_timeout(int(timeout_s * 1_000))

    def cursor(self, *_options: Any) -> Any:
        return ApswCursor(self._real, self._rewritten)

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        return self.cursor().execute(statement, parameters)

    def commit(self) -> None:
        if self._real.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self._real.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, *_arguments: Any, **_options: Any) -> None:
        """SQLAlchemy's own, which no statement of the log uses."""

    def close(self) -> None:
        super().close()
        with suppress(apsw.Error):  # like that of `sqlite3`, which tells nobody
            self._real.close(True)
