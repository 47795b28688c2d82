"""An event loop beside code that blocks."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self, TypeVar

_PATIENCE_S: Final = 60.0
Result = TypeVar("Result")


class LoopThread:
    """An event loop on a thread of its own, for `with`."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="planning-poker", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, done over there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
