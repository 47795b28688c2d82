"""All that is particular to SQLite: the file, its connections, and what they must promise."""

import os
import sqlite3
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from planning_poker_server.eventlog.port import LogError, LogUnavailable

_DRIVERS: Final = ("sqlite", "sqlite+pysqlite")
_FULL: Final = 2
_LOOK_AGAIN_S: Final = 0.01
_EMPTIED_WITHIN_MS: Final = 500


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A database file that exists."""

    path: Path
    device: int
    inode: int

    @classmethod
    def at(cls, url: str) -> "SqliteFile":
        """Find or create the file of this URL, with the folders above it.

        What is created is for the server's own user; what is there keeps its
        mode. Raises LogError for a URL that names no file of SQLite, OSError
        where the file cannot be made.
        """
        path = _path(url).absolute()
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir(mode=0o750, exist_ok=True)
                _sync(folder.parent)
        # SQLite would create it readable for all, and gives -wal and -shm the same mode.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        _sync(path.parent)
        return cls(path, status.st_dev, status.st_ino)

    @classmethod
    def find(cls, url: str) -> "SqliteFile":
        """The file of this URL, which must be there; nothing is made.

        Raises LogError for a URL that names no file of SQLite, OSError where
        there is none.
        """
        path = _path(url).absolute()
        status = path.stat()
        return cls(path, status.st_dev, status.st_ino)

    def check(self) -> None:
        """Raise LogUnavailable if the path leads elsewhere by now.

        SQLite would go on in the deleted file, and all that it commits there is lost.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise LogUnavailable("The database file is gone", definite=True) from error
        if (status.st_dev, status.st_ino) != (self.device, self.inode):
            raise LogUnavailable("The database file was replaced", definite=True)

    def writer(self, busy_timeout_ms: int) -> Engine:
        """For the one thread that writes: every transaction takes the lock at its beginning."""
        engine = create_engine(
            self._url(),
            poolclass=NullPool,
            connect_args=_arguments(busy_timeout_ms),
            hide_parameters=True,
        )
        event.listen(engine, "connect", partial(_prepare_writer, busy_timeout_ms))
        event.listen(engine, "begin", _begin_immediate)
        return engine

    def readers(self, busy_timeout_ms: int, count: int) -> Engine:
        """For `count` threads that only read, each transaction seeing one moment."""
        engine = create_engine(
            self._url(),
            poolclass=QueuePool,
            pool_size=count,
            max_overflow=0,
            connect_args=_arguments(busy_timeout_ms),
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_reader)
        event.listen(engine, "begin", _begin)
        return engine

    def spectator(self, busy_timeout_ms: int) -> Engine:
        """For one thread of a program that must never write, be a server there or not."""
        engine = create_engine(
            self._url("ro"),
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args=_arguments(busy_timeout_ms),
            hide_parameters=True,
        )
        event.listen(engine, "begin", _begin)
        return engine

    def _url(self, mode: str = "rw") -> URL:
        # Not rwc: a file that vanished is an error, never a new and empty log.
        return URL.create(
            "sqlite", database=f"file:{quote(str(self.path))}", query={"mode": mode, "uri": "true"}
        )


def _sync(folder: Path) -> None:
    """Let what was made in this folder survive a power cut: it may hold commits soon."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: the cause quotes the URL, and a URL may hold a password.
        raise LogError("The database URL cannot be read") from None
    if parsed.drivername not in _DRIVERS:
        raise LogError("The database URL must begin with sqlite:/// or be memory:")
    if parsed.query or not parsed.database or parsed.database.startswith((":memory:", "file:")):
        raise LogError("The database URL must be sqlite:/// and the path of a file")
    return Path(parsed.database)


def verify(connection: Connection) -> None:
    """Raise LogError unless what this connection commits survives a power cut.

    Asks the connection itself: SQLite accepts settings that it then ignores,
    such as WAL on a file system without shared memory.
    """
    if _pragma(connection, "journal_mode") != "wal":
        raise LogError("The database does not keep a write-ahead log here; use a local file system")
    if _pragma(connection, "synchronous") < _FULL:
        raise LogError("The database does not wait for the disk before it commits")
    if _pragma(connection, "foreign_keys") != 1:
        raise LogError("The database does not enforce its foreign keys")


def last_position(connection: Connection) -> int:
    """The highest position ever given to a record, purged ones included."""
    found = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    return int(found.scalar() or 0)


def empty_wal(connection: Connection) -> None:
    """Leave nothing in the write-ahead log.

    Raises LogUnavailable while somebody reads from it, and where the disk fails.
    Whoever reads is waited for as long as appends may wait for this.
    """
    usual_ms = _pragma(connection, "busy_timeout")
    try:
        _pragma(connection, f"busy_timeout = {min(usual_ms, _EMPTIED_WITHIN_MS)}")
        busy, _, _ = _driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        _pragma(connection, f"busy_timeout = {usual_ms}")
    except sqlite3.Error as error:
        message = "The write-ahead log cannot be emptied now"
        raise LogUnavailable(message, definite=False) from error
    if busy:
        message = "The write-ahead log is being read, and cannot be emptied now"
        raise LogUnavailable(message, definite=False)


def size_bytes(connection: Connection) -> int:
    """What the database holds: its free pages are not counted."""
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return int(pages * _pragma(connection, "page_size"))


def rewrite(connection: Connection) -> None:
    """Write all pages anew, with what is stored and nothing else; no transaction may be open.

    When SQLite balances pages it lays out anew the cells that stay, and leaves
    what lay in the space between the cell pointers and the cells. Neither
    `secure_delete` nor deleting the row overwrites those copies.
    """
    try:
        _driver(connection).execute("VACUUM")
    except sqlite3.Error as error:
        raise LogUnavailable("The database cannot be rewritten now", definite=False) from error


def _pragma(connection: Connection, name: str) -> Any:
    return _driver(connection).execute(f"PRAGMA {name}").fetchone()[0]


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not a connection of SQLite")
    return driver


def _arguments(busy_timeout_ms: int) -> dict[str, Any]:
    # Transactions are begun here, not by the driver, which would not begin one
    # before a SELECT or a SAVEPOINT. A connection is used by one thread at a time.
    return {
        "isolation_level": None,
        "check_same_thread": False,
        "timeout": busy_timeout_ms / 1_000,
    }


def _prepare_writer(busy_timeout_ms: int, driver: sqlite3.Connection, _record: object) -> None:
    _keep_wal(driver, time.monotonic() + busy_timeout_ms / 1_000)
    driver.execute("PRAGMA synchronous = FULL")
    # Where fsync does not reach the platter (macOS); nothing elsewhere.
    driver.execute("PRAGMA fullfsync = ON")
    driver.execute("PRAGMA checkpoint_fullfsync = ON")
    driver.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten, and not only given back to be used again.
    driver.execute("PRAGMA secure_delete = ON")


def _keep_wal(driver: sqlite3.Connection, until: float) -> None:
    """Keep a write-ahead log; raises OperationalError where another one does not let us."""
    # For this one SQLite does not wait by itself: of two that open a new
    # database in the same moment, one failed in every fifth of 1,500 tries.
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _prepare_reader(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA query_only = ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
