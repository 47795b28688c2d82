"""Between the reader and its users: a bounded queue for each."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, Generic, Self, TypeVar

from planning_poker_client.changes import Change, Item, Resynced
from planning_poker_client.errors import PokerError
from planning_poker_client.service import ServiceState
from planning_poker_client.states import ConnectionState

_STATES: Final = 64
_State = TypeVar("_State")


class Changes:
    """The changes of a game from the moment of the call on, in order and once.

    An asynchronous iterator for one consumer. It ends when the game has ended
    or was detached, and raises when the game is followed no longer for another
    reason. Over `limit` waiting changes, they collapse into one Resynced.
    """

    def __init__(self, version: int, limit: int) -> None:
        self._version = version
        self._newest = version
        self._limit = limit
        self._queue: deque[Item] = deque()
        self._filled = asyncio.Event()
        self._ended = False
        self._error: PokerError | None = None

    def __aiter__(self) -> Self:
        return self

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come."""
        return not self._queue and not self._ended

    async def __anext__(self) -> Item:
        while self.waits:
            self._filled.clear()
            await self._filled.wait()
        if not self._queue:
            raise self._error or StopAsyncIteration
        item = self._queue.popleft()
        self._version = _version(item, self._version)
        return item

    def push(self, items: Iterable[Item]) -> None:
        """Queue what happened; never waits."""
        if self._ended:
            return
        for item in items:
            self._newest = _version(item, self._newest)
            if len(self._queue) >= self._limit:
                self._queue.clear()
                item = Resynced(self._version, self._newest)  # noqa: PLW2901
            self._queue.append(item)
        self._filled.set()

    def end(self, error: PokerError | None = None) -> None:
        """Nothing more comes; `error` is raised behind what is queued."""
        if not self._ended:
            self._ended, self._error = True, error
            self._filled.set()


class _Latest(Generic[_State]):
    """A state and how it changes: an asynchronous iterator for one consumer.

    Whoever is slow misses the older ones.
    """

    def __init__(self, state: _State) -> None:
        self._queue: deque[_State] = deque([state], maxlen=_STATES)
        self._filled = asyncio.Event()
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come."""
        return not self._queue and not self._ended

    async def __anext__(self) -> _State:
        while self.waits:
            self._filled.clear()
            await self._filled.wait()
        if not self._queue:
            raise StopAsyncIteration
        return self._queue.popleft()

    def push(self, state: _State, *, last: bool = False) -> None:
        """It is like this now, and, with `last`, stays so; never waits."""
        if not self._ended:
            self._queue.append(state)
            self._ended = last
            self._filled.set()


class States(_Latest[ConnectionState]):
    """The state of a connection and each that follows; it ends behind Disconnected."""


class Services(_Latest[ServiceState]):
    """What works, and each change of it; it ends when the client is closed."""


def _version(item: Item, before: int) -> int:
    """The version of the view behind `item`, which was at `before` ahead of it."""
    if isinstance(item, Change):
        return item.version
    return item.to_version if isinstance(item, Resynced) else before
