"""A loop whose time passes only when nothing else is left to do: hours cost nothing."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Final, ParamSpec

from planning_poker_server.clock import Alarm, Clock
from tests.server.core.parts import START_MS

P = ParamSpec("P")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, lets as much time pass as the wait would have taken."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.for_quiet: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.for_quiet:
            while self.for_quiet:
                self.for_quiet.pop().set_result(None)
        elif timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        else:
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.virtual = _Selector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now


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


class _VirtualClock:
    def now_ms(self) -> int:
        return now_ms()

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Alarm:
        return asyncio.get_running_loop().call_at((due_ms - START_MS) / 1_000, callback)


CLOCK: Final[Clock] = _VirtualClock()
"""The clock of a server that runs on the running loop."""


async def quiet() -> None:
    """Let everything happen that happens at once."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    nothing_left = loop.create_future()
    loop.virtual.for_quiet.append(nothing_left)
    await nothing_left


async def let_pass(ms: int) -> None:
    """Let everything happen that happens within this time."""
    await asyncio.sleep(ms / 1_000)
    await quiet()
