"""A loop whose time passes only when nothing else is left to do: hours cost nothing."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, ParamSpec, TypeVarTuple, Unpack

from planning_poker_server.clock import Alarm, Clock

START_MS: Final = 1_750_000_000_000
"""What time it is, in ms since the epoch, when a loop begins."""

P = ParamSpec("P")
A = TypeVarTuple("A")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, lets time pass until something is due."""

    def __init__(self, ring_due: Callable[[], bool], pass_time: Callable[[], bool]) -> None:
        super().__init__()
        self.for_quiet: list[asyncio.Future[None]] = []
        self._ring_due = ring_due
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if self._ring_due() or ready or timeout == 0:
            return ready
        if self.for_quiet:
            while self.for_quiet:
                self.for_quiet.pop().set_result(None)
        elif not self._pass_time():
            raise AssertionError("everybody waits, and nothing will ever happen")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """What is due at the same time is called in the order in which it was asked for."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Callable[[], None]]] = []
        self._serial = count()
        self.virtual = _Selector(self._ring_due, self._pass_time)
        super().__init__(self.virtual)

    def time(self) -> float:
        return self._now

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[A]], object],
        *args: *A,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        # Not in the loop's own heap, which compares nothing but the time.
        context = copy_context() if context is None else context
        timer = asyncio.TimerHandle(when, callback, args, self, context)

        def ring() -> None:
            self.call_soon(_unless_cancelled, timer, callback, args, context=context)

        heappush(self._timers, (when, next(self._serial), timer, ring))
        return timer

    def _ring_due(self) -> bool:
        """Have everything called that is due by now; False: nothing is."""
        timers, rang = self._timers, False
        while timers and timers[0][0] <= self._now:
            _, _, timer, ring = heappop(timers)
            if not timer.cancelled():
                ring()
                rang = True
        return rang

    def _pass_time(self) -> bool:
        """Go on to what is due next; False: nothing ever is."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not timers:
            return False
        self._now = timers[0][0]
        return self._ring_due()


def _unless_cancelled(
    timer: asyncio.TimerHandle, callback: Callable[[Unpack[A]], object], args: tuple[*A]
) -> None:
    if not timer.cancelled():
        callback(*args)


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
    if not isinstance(loop, VirtualLoop):
        raise TypeError("only a loop in virtual time is ever quiet")
    nothing_left = loop.create_future()
    loop.virtual.for_quiet.append(nothing_left)
    await nothing_left


async def let_pass(ms: int) -> None:
    """Let everything happen that happens within this time."""
    await asyncio.sleep(ms / 1_000)
    await quiet()
