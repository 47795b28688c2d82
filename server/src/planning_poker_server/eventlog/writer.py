"""The one thread that writes, and the queue in front of it."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeAlias

from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    LogError,
    LogUnavailable,
    Proposal,
)

Outcome: TypeAlias = Commit | Conflict | LogError
Work: TypeAlias = "Proposal | Purge | Sweep"


class Purge(NamedTuple):
    """A game that is to go."""

    game_id: str
    now_ms: int
    expected_head: int | None = None
    """Only if the game is at this version; None: at whichever."""


class Sweep(NamedTuple):
    """All traces of purged games are to go."""


class Store(Protocol):
    """What writes; all of it runs in the writer's thread."""

    def open(self) -> None:
        """Make ready for `commit`. Raises LogError, OSError."""
        ...

    def commit(self, proposals: Sequence[Proposal]) -> Sequence[Outcome]:
        """One outcome for each. Raises LogUnavailable where nothing could be committed."""
        ...

    def purge(self, purges: Sequence[Purge]) -> Sequence[bool]:
        """Whether each is gone. Raises LogUnavailable where that is not certain."""
        ...

    def sweep(self) -> bool:
        """Whether no trace of them is left. Raises LogUnavailable where that is not certain."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class _Job(NamedTuple):
    work: Work
    future: asyncio.Future[Any]


class Writer:
    """Group commit: what comes while a transaction runs shares the next one.

    Made and used on one event loop. Between the loop and the thread go lists,
    one for each turn of the loop and one for each transaction: waking a thread
    costs more than a row.
    """

    def __init__(self, store: Store, *, max_batch: int, max_waiting: int) -> None:
        self._store = store
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._queue: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._fresh: list[_Job] = []
        self._waiting = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="event log writer", daemon=True)

    async def open(self) -> None:
        """Start the thread; raises what the store's `open` raised."""
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    def submit(self, proposal: Proposal) -> asyncio.Future[Commit | Conflict]:
        """The outcome, when it is durable; abandoning it does not call the proposal back.

        Raises LogUnavailable when too many wait already.
        """
        return self._submit(proposal)

    def purge(self, purge: Purge) -> asyncio.Future[bool]:
        """Whether the game is gone; otherwise like `submit`."""
        return self._submit(purge)

    def sweep(self) -> asyncio.Future[bool]:
        """Whether no trace of purged games is left; otherwise like `submit`."""
        return self._submit(Sweep())

    def _submit(self, work: Work) -> asyncio.Future[Any]:
        if self._closed:
            raise LogUnavailable("The log is closed", definite=True)
        if self._waiting >= self._max_waiting:
            raise LogUnavailable("Too much waits to be written", definite=True)
        self._waiting += 1
        if not self._fresh:
            # Callers that were woken together ask again together: give all of
            # them to the thread at once, not the first one alone.
            self._loop.call_soon(self._flush)
        future: asyncio.Future[Any] = self._loop.create_future()
        self._fresh.append(_Job(work, future))
        return future

    async def close(self) -> None:
        """Write what waits, then end the thread; idempotent."""
        if not self._closed:
            self._closed = True
            self._flush()
            self._queue.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    def _flush(self) -> None:
        if self._fresh:
            self._queue.put(self._fresh)
            self._fresh = []

    def _deliver(self, batch: Sequence[_Job], outcomes: Iterable[Outcome | bool]) -> None:
        self._waiting -= len(batch)
        for job, outcome in zip(batch, outcomes, strict=True):
            if job.future.done():
                continue  # its caller was cancelled
            if isinstance(outcome, LogError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    # In the thread

    def _run(self) -> None:
        try:
            self._store.open()
        except Exception as error:
            self._call(_fail, self._opened, error)
        else:
            self._call(_succeed, self._opened)
            self._serve()
        finally:
            try:
                self._store.close()
            finally:
                self._call(_succeed, self._ended)

    def _serve(self) -> None:
        waiting: deque[_Job] = deque()
        ending = False
        while waiting or not ending:
            while not ending and not (waiting and self._queue.empty()):
                more = self._queue.get()
                if more is None:
                    ending = True
                else:
                    waiting.extend(more)
            if waiting:
                self._commit(self._batch(waiting), waiting)

    def _batch(self, waiting: deque[_Job]) -> list[_Job]:
        """The first of those that wait, all of one kind."""
        kind = type(waiting[0].work)
        batch: list[_Job] = []
        while waiting and len(batch) < self._max_batch and type(waiting[0].work) is kind:
            batch.append(waiting.popleft())
        return batch

    def _commit(self, batch: list[_Job], waiting: deque[_Job]) -> None:
        outcomes: Sequence[Outcome | bool]
        try:
            outcomes = self._do([job.work for job in batch])
        except Exception as error:
            outcomes = [_unavailable(error) for _ in batch]
            # Whoever waits behind would wait for the same failure once more. Not behind a
            # sweep: that fails, too, where all else works, while somebody reads for long.
            if waiting and not isinstance(batch[0].work, Sweep):
                self._call(self._deliver, list(waiting), [_untried(error) for _ in waiting])
                waiting.clear()
        self._call(self._deliver, batch, outcomes)

    def _do(self, work: Sequence[Work]) -> Sequence[Outcome | bool]:
        """What comes of work of one kind."""
        if isinstance(work[0], Sweep):
            return [self._store.sweep()] * len(work)
        purges = [each for each in work if isinstance(each, Purge)]
        if purges:
            return self._store.purge(purges)
        return self._store.commit([each for each in work if isinstance(each, Proposal)])

    def _call(self, callback: Callable[..., Any], *arguments: Any) -> None:
        # RuntimeError: the loop is closed, and nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)


def _unavailable(error: Exception) -> LogUnavailable:
    """One for each caller: a shared exception would collect all their tracebacks."""
    if not isinstance(error, LogUnavailable):
        failed = LogUnavailable("The log failed", definite=False)
        failed.__cause__ = error
        return failed
    copy = LogUnavailable(str(error), definite=error.definite)
    copy.__cause__ = error.__cause__
    return copy


def _untried(error: Exception) -> LogUnavailable:
    untried = LogUnavailable("The log cannot be written now", definite=True)
    untried.__cause__ = error.__cause__ or error
    return untried


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
