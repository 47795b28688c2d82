"""An event loop on a thread of its own, for callers that have none."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeVar

from planning_poker_client.errors import ClientClosed

R = TypeVar("R")

_JOIN_S: Final = 5.0


class _Loop:
    """The thread and its loop; knows nothing of who uses it, so that that may be forgotten."""

    def __init__(self) -> None:
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="planning-poker-loop", daemon=True)
        self._thread.start()
        self.loop = self._ready.result()

    @property
    def is_here(self) -> bool:
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_report)
        self._ready.set_result(loop)
        await self._stop.wait()

    def stop(self) -> None:
        """Cancel everything that runs there, and end."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop.set)

    def join(self) -> None:
        if not self.is_here:
            self._thread.join(_JOIN_S)

    def end(self) -> None:
        self.stop()
        self.join()


class LoopThread:
    """Runs coroutines for any number of threads; it starts with the first of them.

    It ends with `stop`, at the latest when it is forgotten or the process ends,
    and may be started again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: _Loop | None = None
        self._stopped = False
        self._finalizer: Any = None

    def start(self) -> None:
        """Begin, or begin again after `stop`."""
        with self._lock:
            self._stopped = False

    def submit(self, work: Callable[[], Coroutine[Any, Any, R]]) -> "Future[R]":
        """Begin `work` over there. Raises ClientClosed after `stop`.

        Raises RuntimeError on that thread itself, which would wait for itself.
        """
        # What is submitted under the lock is seen by the loop before its end is.
        with self._lock:
            loop = self._running()
            if loop.is_here:
                raise RuntimeError(
                    "this is the client's own thread, which would wait for itself: "
                    "a condition or callback must not call the client"
                )
            return asyncio.run_coroutine_threadsafe(work(), loop.loop)

    def run(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """What `work` returns or raises; when the caller is interrupted, it is cancelled."""
        future = self.submit(work)
        try:
            return result_of(future)
        except BaseException:
            future.cancel()
            raise

    def look(self, at: Callable[[], R]) -> R:
        """What `at` returns, while nothing happens over there meanwhile."""

        async def looked() -> R:
            return at()

        with self._lock:
            loop = self._loop
        if loop is None or loop.is_here:
            return at()
        try:
            return self.run(looked)
        except ClientClosed:
            return at()

    def stop(self) -> None:
        """End the thread and cancel all that runs on it. Idempotent."""
        with self._lock:
            self._stopped = True
            loop, self._loop = self._loop, None
            if loop is not None:
                self._finalizer.detach()
                loop.stop()
        if loop is not None:
            loop.join()

    def _running(self) -> _Loop:
        if self._stopped:
            raise ClientClosed("The client is closed.")
        if self._loop is None:
            self._loop = _Loop()
            self._finalizer = weakref.finalize(self, self._loop.end)
        return self._loop


def result_of(future: "Future[R]") -> R:
    """The outcome; what was cancelled over there was cut off by `stop`."""
    try:
        return future.result()
    except CancelledError:
        raise ClientClosed("The client was closed meanwhile.") from None


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # grpc.aio has one queue of events for all loops of a process, and each of
    # them may be woken for what another one takes: nothing is lost by that.
    if isinstance(context.get("exception"), BlockingIOError) and "PollerCompletionQueue" in str(
        context.get("message")
    ):
        return
    loop.default_exception_handler(context)
