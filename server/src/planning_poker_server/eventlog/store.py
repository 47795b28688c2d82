"""The writer's half of a SQL log: one transaction for many games."""

import contextlib
import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from planning_poker_server.eventlog.migrate import migrate
from planning_poker_server.eventlog.port import (
    PURGED,
    Commit,
    Conflict,
    GameCorrupt,
    LogError,
    LogUnavailable,
    Proposal,
)
from planning_poker_server.eventlog.queries import as_version, labels_as_text
from planning_poker_server.eventlog.scheduled import Scheduled
from planning_poker_server.eventlog.sqlite import SqliteFile, empty_wal, rewrite, size_bytes, verify
from planning_poker_server.eventlog.statements import ReadStatements, WriteStatements
from planning_poker_server.eventlog.writer import Outcome, Purge

_MB: Final = 1_000_000

# What says that a proposal cannot be stored, not that the database cannot store.
_REFUSED: Final = (
    IntegrityError,
    DataError,
    InterfaceError,
    ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)


class SqlStore:
    """Commits batches of proposals. Used by one thread only."""

    def __init__(self, file: SqliteFile, busy_timeout_ms: int, sweep_max_mb: int) -> None:
        self.epoch = ""
        """What tells this log from any other; known once it is open, like the next."""
        self.cursor_key = b""
        self._file = file
        self._sweep_max_bytes = sweep_max_mb * _MB
        self._engine = file.writer(busy_timeout_ms)
        self._write = WriteStatements(self._engine.dialect)
        self._read = ReadStatements(self._engine.dialect)
        self._connection: Connection | None = None
        self._scheduled = Scheduled()
        self.doubtful: frozenset[str] = frozenset()
        """Games of which a COMMIT failed and none has succeeded since; read by other threads."""

    def open(self) -> None:
        """Migrate, and find or found the log. Raises LogError, LogUnavailable."""
        try:
            connection = self._ready()
            connection.begin()
        except SQLAlchemyError as error:
            raise _unopened(error) from error
        try:
            migrate(connection)
            epoch, key = connection.exec_driver_sql(self._read.identity).one()
            if epoch is None:
                epoch, key = secrets.token_hex(8), secrets.token_hex(16)
                connection.exec_driver_sql(self._write.found, (epoch, 0, key))
            # Of a server that was killed there may be commits that never reached the
            # disk. They are read from now on, so that no power cut may take them back.
            connection.exec_driver_sql(self._write.settle)
            connection.commit()
        except SQLAlchemyError as error:
            raise _unopened(error) from error
        self.epoch, self.cursor_key = str(epoch), str(key).encode()
        # A sweep may have been killed, or a purge before its sweep.
        with contextlib.suppress(LogUnavailable):
            self.sweep()

    def close(self) -> None:
        """Release the connection; what is not committed is rolled back."""
        self._drop()
        self._engine.dispose()

    def commit(self, proposals: Sequence[Proposal]) -> Sequence[Outcome]:
        """One outcome for each proposal, all in one transaction.

        A conflict, or a proposal that cannot be stored, is its own outcome
        only. One without records asks for nothing but that a commit, and so a
        write, succeeds.
        Raises LogUnavailable where nothing could be committed; the next call
        begins with a new connection.
        """
        try:
            connection = self._ready()
            outcomes = self._together(connection, proposals) or [
                self._alone(connection, proposal) for proposal in proposals
            ]
            if self.doubtful or not all(proposal.records for proposal in proposals):
                connection.exec_driver_sql(self._write.settle)
        except Exception as error:
            self._drop()
            if isinstance(error, LogUnavailable):
                raise
            raise LogUnavailable("The log cannot be written now", definite=True) from error
        try:
            connection.commit()
        except Exception as error:
            self._drop()
            self.doubtful |= {proposal.game_id for proposal in proposals}
            raise LogUnavailable("The log may not have been written", definite=False) from error
        self.doubtful = frozenset()
        self._scheduled.committed(
            outcome.proposal for outcome in outcomes if isinstance(outcome, Commit)
        )
        return outcomes

    def purge(self, purges: Sequence[Purge]) -> Sequence[bool]:
        """Whether each is gone, all in one transaction; raises LogUnavailable where in doubt."""
        try:
            connection = self._ready()
            gone = [self._purge(connection, purge) for purge in purges]
            if self.doubtful:
                connection.exec_driver_sql(self._write.settle)
            connection.commit()
        except Exception as error:
            self._drop()
            raise LogUnavailable("The log may not have been written", definite=False) from error
        self.doubtful = frozenset()
        return gone

    def sweep(self) -> bool:
        """Whether no trace of purged games is left in any file.

        False where the database is larger than may be rewritten: they may stay
        in the free space of its pages, and nowhere else. Raises LogUnavailable
        where that is not certain.
        """
        try:
            return self._sweep(self._ready())
        except Exception as error:
            self._drop()
            if isinstance(error, LogUnavailable):
                raise
            raise LogUnavailable("The log may not have been swept", definite=False) from error

    def _sweep(self, connection: Connection) -> bool:
        unswept = connection.exec_driver_sql(self._read.unswept).scalar()
        connection.rollback()
        if not unswept:
            return True
        is_small = size_bytes(connection) <= self._sweep_max_bytes
        # First, so that nothing is rewritten in vain while somebody reads for long.
        empty_wal(connection)
        if is_small:
            rewrite(connection)
            empty_wal(connection)
        # SQLite does not wait for the disk when it truncates; a commit does.
        connection.exec_driver_sql(self._write.swept if is_small else self._write.settle)
        connection.commit()
        return is_small

    def _purge(self, connection: Connection, purge: Purge) -> bool:
        game_id = purge.game_id
        head = connection.exec_driver_sql(self._read.head, (game_id,)).scalar()
        if head is None or head == PURGED:
            return head == PURGED
        if purge.expected_head is not None and head != purge.expected_head:
            return False
        for statement in self._write.forget:
            connection.exec_driver_sql(statement, (game_id,))
        buried = (PURGED, None, "", 0, 0, purge.now_ms, 0, "{}", game_id)
        connection.exec_driver_sql(self._write.bury, buried)
        connection.exec_driver_sql(self._write.soil)
        return True

    def _ready(self) -> Connection:
        self._file.check()
        if self._connection is None:
            connection = self._engine.connect()
            try:
                verify(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Not rolled back: a connection that just failed may fail at that too.
            connection.invalidate()
            connection.close()

    def _together(
        self, connection: Connection, proposals: Sequence[Proposal]
    ) -> Sequence[Outcome] | None:
        """All of them by few statements; None, with nothing written, if one stands out."""
        if len({proposal.game_id for proposal in proposals}) == len(proposals):
            try:
                if self._append(connection, proposals):
                    return [Commit(proposal) for proposal in proposals]
            except _REFUSED:
                # Found again, and told, by the one that it is about; but a lost
                # connection would be replaced by one that nobody has verified.
                if connection.invalidated:
                    raise
            connection.rollback()
        return None

    def _alone(self, connection: Connection, proposal: Proposal) -> Outcome:
        """The outcome of one proposal, which leaves no trace of it unless it is a Commit."""
        refused: Exception | None = None
        savepoint = connection.begin_nested()
        try:
            if self._append(connection, [proposal]):
                savepoint.commit()
                return Commit(proposal)
        except _REFUSED as error:
            refused = error
        savepoint.rollback()
        return self._why_not(connection, proposal, refused)

    def _why_not(
        self, connection: Connection, proposal: Proposal, refused: Exception | None
    ) -> Conflict | LogError:
        try:
            if self._is_purged(connection, proposal.game_id):
                return Conflict(PURGED)
            head = self._head(connection, proposal.game_id)
        except GameCorrupt as error:
            return error
        if head != proposal.expected_head or self._is_code_taken(connection, proposal):
            return Conflict(head)
        told = LogError("The log cannot store these records")
        told.__cause__ = refused
        return told

    def _append(self, connection: Connection, proposals: Sequence[Proposal]) -> bool:
        """Write all of them; False, with rows to be rolled back, if a head is another one."""
        if not self._advance(connection, proposals):
            return False
        records = [
            (proposal.game_id, record.version, record.event, record.sealed)
            for proposal in proposals
            for record in proposal.records
        ]
        if records:
            connection.exec_driver_sql(self._write.record, records)
        self._schedule(connection, proposals)
        return True

    def _advance(self, connection: Connection, proposals: Sequence[Proposal]) -> bool:
        created, moved = [], []
        for proposal in proposals:
            game_id, before, summary = proposal.game_id, proposal.expected_head, proposal.summary
            head = before + len(proposal.records)
            _, name, phase, create_ms, update_ms, guarded, labels = summary
            if not proposal.records:
                continue
            if before == 0:
                code = summary.join_code or None
                text = labels_as_text(labels)
                created.append(
                    (game_id, head, code, name, phase, create_ms, update_ms, int(guarded), text)
                )
            else:
                moved.append((head, name, phase, update_ms, int(guarded), game_id, before))
        if created:
            connection.exec_driver_sql(self._write.create, created)
        if not moved:
            return True
        return connection.exec_driver_sql(self._write.advance, moved).rowcount == len(moved)

    def _schedule(self, connection: Connection, proposals: Sequence[Proposal]) -> None:
        changed = [p for p in proposals if p.records and self._scheduled.differs(p)]
        stale = [(p.game_id,) for p in changed if p.expected_head > 0]
        rows = [(p.game_id, *timer) for p in changed for timer in p.timers]
        if stale:
            connection.exec_driver_sql(self._write.unschedule, stale)
        if rows:
            connection.exec_driver_sql(self._write.schedule, rows)

    def _is_code_taken(self, connection: Connection, proposal: Proposal) -> bool:
        if proposal.expected_head > 0:
            return False
        found = connection.exec_driver_sql(self._read.resolve, (proposal.summary.join_code,))
        return found.scalar() is not None

    def _is_purged(self, connection: Connection, game_id: str) -> bool:
        return connection.exec_driver_sql(self._read.head, (game_id,)).scalar() == PURGED

    def _head(self, connection: Connection, game_id: str) -> int:
        return as_version(connection.exec_driver_sql(self._read.head, (game_id,)).scalar())


def _unopened(error: SQLAlchemyError) -> LogError:
    if isinstance(error, OperationalError):
        return LogUnavailable("The database cannot be opened now", definite=True)
    return LogError("The database is not one of this service, or is damaged")
