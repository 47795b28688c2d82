"""An event log in a SQL database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Self

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.cursor import Cursors
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    FeedRecord,
    GameFilter,
    GameRow,
    LogUnavailable,
    Place,
    Proposal,
    Record,
    Summary,
)
from planning_poker_server.eventlog.proposals import check
from planning_poker_server.eventlog.queries import Queries
from planning_poker_server.eventlog.readers import COUNT, Readers
from planning_poker_server.eventlog.sqlite import SqliteFile
from planning_poker_server.eventlog.store import SqlStore
from planning_poker_server.eventlog.writer import Purge, Writer
from planning_poker_server.settings import DatabaseSettings

# Without records: it asks for nothing but that a commit succeeds.
_ASKS_ONLY = Proposal("", 0, (), (), Summary("", "", 0, 0, 0))


class SqlLog:
    """One thread writes, a few read; this is their side of the event loop.

    A game whose append is in doubt cannot be read before another commit has
    succeeded: what a failed COMMIT left in the write-ahead log might come
    back to life after a crash, and would contradict what was read.
    """

    def __init__(self, store: SqlStore, writer: Writer, readers: Readers, queries: Queries) -> None:
        self._store = store
        self._writer = writer
        self._readers = readers
        self._queries = queries

    @classmethod
    async def open(cls, settings: DatabaseSettings) -> Self:
        """Open the database, made or migrated where needed. Raises LogError."""
        try:
            file = await asyncio.to_thread(SqliteFile.at, settings.url)
        except OSError as error:
            raise LogUnavailable("The database file cannot be opened", definite=True) from error
        store = SqlStore(file, settings.busy_timeout_ms, settings.sweep_max_mb)
        writer = Writer(store, max_batch=settings.max_batch, max_waiting=settings.max_waiting)
        await writer.open()
        engine = file.readers(settings.busy_timeout_ms, COUNT)
        readers = Readers(engine, max_waiting=settings.max_waiting)
        return cls(
            store, writer, readers, Queries(engine.dialect, Cursors(store.epoch, store.cursor_key))
        )

    @property
    def epoch(self) -> str:
        return self._store.epoch

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        check(proposal)
        if not proposal.records:
            head = await self.head(proposal.game_id)
            return Commit(proposal) if head == proposal.expected_head else Conflict(head)
        return await self._writer.submit(proposal)

    async def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        await self._settle(game_id)
        more = True
        while more:
            records, more = await self._readers.run(self._queries.page, game_id, after)
            if records:
                yield records
                after = records[-1].version

    async def events(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[bytes]]:
        await self._settle(game_id)
        page = self._page_of_events(game_id, after)
        try:
            more = True
            while more:
                events, more = await page
                if more:  # read while the one before is made use of
                    after += len(events)
                    page = self._page_of_events(game_id, after)
                if events:
                    yield events
        finally:
            page.cancel()

    def _page_of_events(self, game_id: str, after: int) -> asyncio.Task[tuple[list[bytes], bool]]:
        reading = self._readers.run(self._queries.events, game_id, after)
        return asyncio.get_running_loop().create_task(reading)

    async def game(self, game_id: str) -> GameRow | None:
        return await self._readers.run(self._queries.game, game_id)

    async def head(self, game_id: str) -> int:
        await self._settle(game_id)
        return await self._readers.run(self._queries.head, game_id)

    async def resolve(self, join_code: str) -> str | None:
        return await self._readers.run(self._queries.resolve, join_code)

    async def scan(self, cursor: str = "") -> AsyncIterator[Sequence[FeedRecord]]:
        position, end = await self._readers.run(self._queries.start, cursor)
        while position < end:
            page = await self._readers.run(self._queries.feed, position, end)
            if page.records:
                yield page.records
            position = page.position

    async def end(self) -> str:
        return await self._readers.run(self._queries.end)

    async def games(self, after: str = "", limit: int = 100) -> Sequence[GameRow]:
        return await self._readers.run(self._queries.games, after, limit)

    async def find(
        self, wanted: GameFilter, behind: Place | None = None, limit: int = 100
    ) -> Sequence[GameRow]:
        return await self._readers.run(self._queries.find, wanted, behind, limit)

    async def purge(self, game_id: str, now_ms: int, expected_head: int | None = None) -> bool:
        return await self._writer.purge(Purge(game_id, now_ms, expected_head))

    async def sweep(self) -> bool:
        return await self._writer.sweep()

    async def due(self, until_ms: int, limit: int = 100) -> Sequence[tuple[str, Timer]]:
        return await self._readers.run(self._queries.due, until_ms, limit)

    async def probe(self) -> None:
        await self._writer.submit(_ASKS_ONLY)

    async def close(self) -> None:
        await self._readers.close()
        await self._writer.close()

    async def _settle(self, game_id: str) -> None:
        """Make certain whether the last append of this game is in the log."""
        if game_id in self._store.doubtful:
            await self._writer.submit(replace(_ASKS_ONLY, game_id=game_id))
