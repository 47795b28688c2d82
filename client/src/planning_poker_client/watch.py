"""Followers of a game: each has a bounded queue of its own between the reader and its user."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Self

from planning_poker_client.changes import Change, Item, Resynced
from planning_poker_client.errors import PokerError


class Changes:
    """The changes of a game from the moment of the call on, in order and once.

    An asynchronous iterator for one consumer. It ends when the game has ended
    or was detached, and raises when the game is followed no longer for another
    reason. Over `limit` waiting changes, they collapse into one Resynced.
    """

    def __init__(self, version: int, limit: int) -> None:
        self._version = version
        self._limit = limit
        self._queue: deque[Item] = deque()
        self._filled = asyncio.Event()
        self._ended = False
        self._error: PokerError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while not self._queue:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        item = self._queue.popleft()
        self._version = _version(item)
        return item

    def push(self, items: Iterable[Item]) -> None:
        """Queue what happened; never waits."""
        if self._ended:
            return
        for item in items:
            if len(self._queue) >= self._limit:
                self._queue.clear()
                item = Resynced(self._version, _version(item))  # noqa: PLW2901
            self._queue.append(item)
        self._filled.set()

    def end(self, error: PokerError | None = None) -> None:
        """Nothing more comes; `error` is raised behind what is queued."""
        if not self._ended:
            self._ended, self._error = True, error
            self._filled.set()


def _version(item: Item) -> int:
    return item.version if isinstance(item, Change) else item.to_version
