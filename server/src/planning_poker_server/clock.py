"""The clock of a server: what time it is, and being called when a time has come."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Do not call; idempotent, also after the call."""
        ...


class Clock(Protocol):
    """All waiting of the server for a time goes through one of these."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch that never go back."""
        ...

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Alarm:
        """Call on the running loop as soon as `now_ms()` is `due_ms` or later, never before."""
        ...


class SteadyClock:
    """The machine's time at the start, and steady from there, whatever is done to its clock."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - _elapsed_ns()

    def now_ms(self) -> int:
        return (self._offset_ns + _elapsed_ns()) // 1_000_000

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Alarm:
        delay_ms = max(0, due_ms - self.now_ms())
        return asyncio.get_running_loop().call_later(delay_ms / 1_000, callback)


async def sleep_until(clock: Clock, due_ms: int) -> None:
    """Return when it is `due_ms`."""
    due = asyncio.Event()
    alarm = clock.call_at(due_ms, due.set)
    try:
        await due.wait()
    finally:
        alarm.cancel()


def _elapsed_ns() -> int:
    """Of a clock that nobody sets, and that goes on in a sleeping machine where there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()
