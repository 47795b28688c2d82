"""A loop whose time passes only when nothing else is left to do: hours cost nothing."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from tests.server.core.parts import START_MS

P = ParamSpec("P")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, tells how long the wait would have been."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if not ready and timeout is not None:
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._time = _Selector()
        super().__init__(self._time)

    def time(self) -> float:
        return self._time.now


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a loop of its own in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now_ms() -> int:
    """The running loop's time as the server's clock has it."""
    return START_MS + round(asyncio.get_running_loop().time() * 1_000)


async def let_pass(ms: int) -> None:
    """Let everything happen that happens within this time."""
    await asyncio.sleep(ms / 1_000)
    await quiet()


async def quiet() -> None:
    """Let everything happen that happens at once."""
    for _ in range(30):
        await asyncio.sleep(0)
