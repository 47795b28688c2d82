"""The reading half of a SQL log: a few threads, each transaction short."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from planning_poker_server.eventlog.port import LogUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Reading is mostly Python, which runs one thread at a time; a second one
# helps while the first waits for the disk.
COUNT: Final = 2


class Readers:
    """Runs functions of a connection in threads. Made and used on one event loop."""

    def __init__(self, engine: Engine, *, max_waiting: int) -> None:
        self._engine = engine
        self._max_waiting = max_waiting
        self._waiting = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(COUNT, thread_name_prefix="event log reader")

    async def run(
        self,
        work: Callable[Concatenate[Connection, _P], _T],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> _T:
        """What `work` returns of a connection; its transaction ends with it.

        Raises LogUnavailable where the database cannot be read, now or at all.
        """
        if self._closed:
            raise LogUnavailable("The log is closed", definite=True)
        if self._waiting >= self._max_waiting:
            raise LogUnavailable("Too many wait to read", definite=True)
        self._waiting += 1
        try:
            return await self._loop.run_in_executor(
                self._threads, self._run, lambda connection: work(connection, *arguments, **options)
            )
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Let running reads end, then release the connections; idempotent."""
        self._closed = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()

    def _run(self, work: Callable[[Connection], _T]) -> _T:
        try:
            with self._engine.connect() as connection:
                try:
                    return work(connection)
                except (SQLAlchemyError, LogUnavailable):
                    connection.invalidate()
                    raise
        except SQLAlchemyError as error:
            raise LogUnavailable("The log cannot be read now", definite=True) from error
