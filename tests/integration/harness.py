"""A real server for a test: its settings, its log made to fail at will, and what it logs."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from planning_poker_server.app import RunningServer, start_server
from planning_poker_server.clock import Clock
from planning_poker_server.config_loader import load_settings
from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    EventLog,
    FeedRecord,
    GameCorrupt,
    GameFilter,
    GameRow,
    LogUnavailable,
    Place,
    Proposal,
    Record,
)
from planning_poker_server.settings import DatabaseSettings, Settings
from tests.integration.raw import Client, Stream
from tests.workspace.tree import ROOT

Section = dict[str, Any]


def settings_for(folder: Path, **sections: Section) -> Settings:
    """The settings that are shipped, on a free port and a database in `folder`.

    `sections` override single values: room={"settle_ms": 0}.
    """
    environ = {"PLANNING_POKER_ENVIRONMENT": "development"}
    shipped = load_settings(ROOT / "config", environ)
    given: dict[str, Section] = {
        "server": {"port": 0, "host": "127.0.0.1", "node_id": "test"},
        "database": {"url": f"sqlite:///{folder / 'games.db'}"},
    }
    for name, section in sections.items():
        given[name] = given.get(name, {}) | section
    known = {field.name for field in fields(Settings)}
    assert given.keys() <= known
    changed = {name: replace(getattr(shipped, name), **section) for name, section in given.items()}
    return replace(shipped, **changed)


class FaultyLog:
    """The real log, which can be made slow, full, gone or forgetful."""

    def __init__(self, inner: EventLog) -> None:
        self._inner = inner
        self._gate = asyncio.Event()
        self._gate.set()
        self._last = False
        self.held = asyncio.Event()
        """Set while an append is kept waiting."""
        self.refuses = False
        """Appends and reads fail, and certainly did nothing."""
        self.forgets = False
        """The next append is carried out, but its caller is told that it is in doubt."""
        self.corrupt: set[str] = set()
        """Games that cannot be read."""
        self.appended: list[Proposal] = []
        """Everything that was written."""

    def hold(self) -> None:
        """Keep appends waiting from now on."""
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def fail_after_append(self) -> None:
        """Carry out one append, say that it is in doubt, and be gone from then on."""
        self.forgets = self._last = True

    def recover(self) -> None:
        self.forgets = self.refuses = self._last = False

    @property
    def epoch(self) -> str:
        return self._inner.epoch

    async def append(self, proposal: Proposal) -> Commit | Conflict:
        if not self._gate.is_set():
            self.held.set()
            await self._gate.wait()
            self.held.clear()
        self._fail()
        outcome = await self._inner.append(proposal)
        if isinstance(outcome, Commit) and proposal.records:
            self.appended.append(proposal)
        self.refuses = self.refuses or self._last
        if self.forgets:
            self.forgets = False
            raise LogUnavailable("the connection was lost", definite=False)
        return outcome

    async def read(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        self._fail()
        if game_id in self.corrupt:
            raise GameCorrupt("there is a hole")
        async for page in self._inner.read(game_id, after):
            yield page

    async def events(self, game_id: str, after: int = 0) -> AsyncIterator[Sequence[bytes]]:
        async for page in self.read(game_id, after):
            yield [record.event for record in page]

    async def game(self, game_id: str) -> GameRow | None:
        self._fail()
        return await self._inner.game(game_id)

    def _fail(self) -> None:
        if self.refuses:
            raise LogUnavailable("the disk is full", definite=True)

    async def head(self, game_id: str) -> int:
        self._fail()
        return await self._inner.head(game_id)

    async def resolve(self, join_code: str) -> str | None:
        self._fail()
        return await self._inner.resolve(join_code)

    def scan(self, cursor: str = "") -> AsyncIterator[Sequence[FeedRecord]]:
        return self._inner.scan(cursor)

    async def end(self) -> str:
        return await self._inner.end()

    async def find(
        self, wanted: GameFilter, behind: Place | None = None, limit: int = 100
    ) -> Sequence[GameRow]:
        self._fail()
        return await self._inner.find(wanted, behind, limit)

    async def purge(self, game_id: str, now_ms: int, expected_head: int | None = None) -> bool:
        self._fail()
        return await self._inner.purge(game_id, now_ms, expected_head)

    async def sweep(self) -> bool:
        self._fail()
        return await self._inner.sweep()

    async def games(self, after: str = "", limit: int = 100) -> Sequence[GameRow]:
        return await self._inner.games(after, limit)

    async def due(self, until_ms: int, limit: int = 100) -> Sequence[tuple[str, Timer]]:
        self._fail()
        return await self._inner.due(until_ms, limit)

    async def probe(self) -> None:
        self._fail()
        await self._inner.probe()

    async def close(self) -> None:
        await self._inner.close()


class Lines(io.StringIO):
    """What was logged, as JSON lines."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: set[str] = set()
        """Beginnings of messages that may be errors."""

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def messages(self, level: str) -> list[str]:
        return [each["message"] for each in self.records() if each["level"] == level]

    def unexpected(self) -> list[dict[str, Any]]:
        """Warnings and errors that no test asked for."""
        return [
            each
            for each in self.records()
            if each["level"] in ("WARNING", "ERROR", "CRITICAL")
            and not any(each["message"].startswith(known) for known in self.expected)
        ]


class Host:
    """One machine: a folder with the database, and the server that was started last."""

    def __init__(self, folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.lines = lines
        self.clock: Clock | None = None
        """Of the servers to be started; None: the real one."""
        self.log: FaultyLog
        self.server: RunningServer
        self._exits = AsyncExitStack()
        self._logs: list[FaultyLog] = []

        async def open_faulty(settings: DatabaseSettings) -> EventLog:
            self.log = FaultyLog(await open_log(settings))
            self._logs.append(self.log)
            return self.log

        monkeypatch.setattr("planning_poker_server.app.open_log", open_faulty)

    @property
    def database(self) -> Path:
        return self.folder / "games.db"

    async def start(self, **sections: Section) -> RunningServer:
        """Serve from this machine's database; an earlier server must have been stopped."""
        self.server = await start_server(settings_for(self.folder, **sections), self.clock)
        self._exits.push_async_callback(self.server.stop, 0)
        return self.server

    async def client(self, **arguments: int) -> Client:
        """A program with a connection of its own."""
        return await self._exits.enter_async_context(Client(self.server.address, **arguments))

    async def stream(self, **hello: Any) -> Stream:
        """A welcomed stream on a connection of its own."""
        return await (await self.client()).stream(**hello)

    async def close(self) -> None:
        for log in self._logs:
            log.release()  # a test that failed may have left one waiting
        await self._exits.aclose()
