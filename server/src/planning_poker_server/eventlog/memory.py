"""An event log in memory: for tests, and for trying things out."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.cursor import Cursors
from planning_poker_server.eventlog.port import (
    PURGED,
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

_PAGE: Final = 1_000


@dataclass(slots=True)
class _Game:
    summary: Summary
    records: list[Record] = field(default_factory=list)
    timers: Sequence[Timer] = ()


class MemoryLog:
    """Everything an EventLog promises but durability. Belongs to one event loop."""

    def __init__(self, epoch: str = "", cursor_key: bytes = b"") -> None:
        """Random, unless given."""
        self._epoch = epoch or secrets.token_hex(8)
        self._cursors = Cursors(self._epoch, cursor_key or secrets.token_bytes(16))
        self._games: dict[str, _Game] = {}
        self._join_codes: dict[str, str] = {}
        self._feed: list[tuple[str, Record] | None] = []
        """None: it was purged; the others keep their places."""
        self._purged: dict[str, int] = {}
        """When each was."""
        self._closed = False

    @property
    def epoch(self) -> str:
        return self._epoch

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        check(proposal)
        await self._turn()
        if proposal.game_id in self._purged:
            return Conflict(PURGED)
        game = self._games.get(proposal.game_id)
        head = len(game.records) if game else 0
        if head != proposal.expected_head:
            return Conflict(head)
        if not proposal.records:
            return Commit(proposal)
        if game is None:
            code = proposal.summary.join_code
            if code in self._join_codes:
                return Conflict(0)
            if code:
                self._join_codes[code] = proposal.game_id
            game = self._games[proposal.game_id] = _Game(proposal.summary)
        game.records.extend(proposal.records)
        game.timers = tuple(proposal.timers)
        game.summary = proposal.summary._replace(
            join_code=game.summary.join_code,
            create_ms=game.summary.create_ms,
            labels=game.summary.labels,
        )
        self._feed.extend((proposal.game_id, record) for record in proposal.records)
        return Commit(proposal)

    async def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        while True:
            await self._turn()
            game = self._games.get(game_id)
            page = game.records[after : after + _PAGE] if game else []
            if not page:
                return
            yield page
            after += len(page)

    async def events(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[bytes]]:
        async for page in self.read(game_id, after):
            yield [record.event for record in page]

    async def game(self, game_id: str) -> GameRow | None:
        await self._turn()
        game = self._games.get(game_id)
        return GameRow(game_id, len(game.records), game.summary) if game else None

    async def head(self, game_id: str) -> int:
        await self._turn()
        game = self._games.get(game_id)
        return len(game.records) if game else 0

    async def resolve(self, join_code: str) -> str | None:
        await self._turn()
        return self._join_codes.get(join_code)

    async def scan(self, cursor: str = "") -> AsyncIterator[Sequence[FeedRecord]]:
        await self._turn()
        end = len(self._feed)
        position = self._cursors.position(cursor, end)
        if position and (fed := self._feed[position - 1]):
            self._cursors.check(cursor, position, fed[1].event)
        while position < end:
            page = self._feed[position : min(position + _PAGE, end)]
            found = [
                self._fed(number, *fed) for number, fed in enumerate(page, position + 1) if fed
            ]
            if found:
                yield found
            position += len(page)
            await self._turn()

    def _fed(self, number: int, game_id: str, record: Record) -> FeedRecord:
        summary = self._games[game_id].summary
        cursor = self._cursors.behind(number, record.event)
        known = summary.guarded, summary.labels
        return FeedRecord(cursor, game_id, record.version, record.event, *known)

    async def end(self) -> str:
        await self._turn()
        last = self._feed[-1] if self._feed else None
        if last is None:
            return self._cursors.behind_none(len(self._feed))
        return self._fed(len(self._feed), *last).cursor

    async def games(self, after: str = "", limit: int = 100) -> Sequence[GameRow]:
        await self._turn()
        found = sorted(game_id for game_id in self._games if game_id > after)[:limit]
        games = ((game_id, self._games[game_id]) for game_id in found)
        return [GameRow(game_id, len(game.records), game.summary) for game_id, game in games]

    async def find(
        self, wanted: GameFilter, behind: Place | None = None, limit: int = 100
    ) -> Sequence[GameRow]:
        await self._turn()
        rows = [
            GameRow(game_id, len(game.records), game.summary)
            for game_id, game in self._games.items()
            if wanted.fits(game.summary)
        ]
        rows.sort(key=lambda row: row.place, reverse=True)
        return [row for row in rows if behind is None or row.place < behind][:limit]

    async def purge(self, game_id: str, now_ms: int, expected_head: int | None = None) -> bool:
        await self._turn()
        game = self._games.get(game_id)
        if game is None:
            return game_id in self._purged
        if expected_head not in (None, len(game.records)):
            return False
        del self._games[game_id]
        self._join_codes.pop(game.summary.join_code, None)
        self._feed = [fed if fed and fed[0] != game_id else None for fed in self._feed]
        self._purged[game_id] = now_ms
        return True

    async def sweep(self) -> bool:
        await self._turn()
        return True

    async def due(self, until_ms: int, limit: int = 100) -> Sequence[tuple[str, Timer]]:
        await self._turn()
        found = [
            (game_id, timer)
            for game_id, game in self._games.items()
            for timer in game.timers
            if timer.due_ms <= until_ms
        ]
        found.sort(key=lambda row: (row[1].due_ms, row[0], row[1].kind, row[1].round_id))
        return found[:limit]

    async def probe(self) -> None:
        await self._turn()

    async def close(self) -> None:
        self._closed = True

    async def _turn(self) -> None:
        """Let others run, as every log does that waits for a disk."""
        if not self._closed:
            await asyncio.sleep(0)
        if self._closed:
            raise LogUnavailable("The log is closed", definite=True)
