"""The log of a server as it is seen from outside: what it has, and since when."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Final

from planning_poker_server.eventlog.port import Record
from planning_poker_simulator.checking.history import Append

# The log keeps events and not how they came. Each append sets the head of its
# game once, so that the database itself can note where appends begin and end.
_NOTED: Final = """
CREATE TABLE appended (
    number INTEGER PRIMARY KEY,
    game_id TEXT NOT NULL,
    behind INTEGER NOT NULL,
    head INTEGER NOT NULL
);
CREATE TRIGGER first_append AFTER INSERT ON games BEGIN
    INSERT INTO appended (game_id, behind, head) VALUES (NEW.game_id, 0, NEW.head);
END;
CREATE TRIGGER later_append AFTER UPDATE OF head ON games BEGIN
    INSERT INTO appended (game_id, behind, head) VALUES (NEW.game_id, OLD.head, NEW.head);
END;
"""
# One statement, and so one state of the database.
_NEW: Final = """
SELECT number, a.game_id, version, event, sealed
FROM appended AS a JOIN events AS e
    ON e.game_id = a.game_id AND e.version > a.behind AND e.version <= a.head
WHERE number > ? ORDER BY number, version
"""


class FollowedLog:
    """Reads what is new in a database, over a connection of its own."""

    def __init__(
        self,
        database: Path,
        appends: list[Append],
        now: Callable[[], float],
        clock_ms: Callable[[], int],
    ) -> None:
        """`appends` gets what is found. The server has made its tables, and no game yet."""
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.executescript(_NOTED)
        self._database = database
        self._appends = appends
        self._now = now
        self._clock_ms = clock_ms
        self._number = 0
        self._connection: sqlite3.Connection | None = None
        self.take_up()

    def catch_up(self) -> None:
        """Find what has been committed by now, if the log is not let go.

        Its time is that of the finding: it was in the log by then, perhaps since earlier.
        """
        if self._connection is None:
            return
        rows = self._connection.execute(_NEW, (self._number,)).fetchall()
        for (number, game_id), records in groupby(rows, key=lambda row: row[:2]):
            found = [Record(*row[2:]) for row in records]
            self._appends.append(Append(self._now(), self._clock_ms(), game_id, found))
            self._number = number

    def let_go(self) -> None:
        """Find what was committed by a server that is gone, and leave the log to the next one.

        As long as anybody has the database open, SQLite takes it for in order.
        """
        self.catch_up()
        self.close()

    def take_up(self) -> None:
        """Go on, once there is a server that has opened the log."""
        self._connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)

    def close(self) -> None:
        """Read nothing any more."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
