"""A clock that goes on by itself and can be put forward."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from itertools import count

from planning_poker_server.clock import Clock, SteadyClock


class _Alarm:
    """One call to come; what it is scheduled as changes whenever the clock is put forward."""

    def __init__(self, clock: "AdvancingClock", due_ms: int, callback: Callable[[], None]) -> None:
        self.due_ms = due_ms
        self.loop = asyncio.get_running_loop()
        self._clock = clock
        self._callback = callback
        # Whoever puts the clock forward does not lend it theirs.
        self._context = copy_context()
        self._handle: asyncio.Handle | None = None

    def schedule(self, delay_ms: int) -> None:
        """Ring after this time, or at once; on the alarm's own loop only."""
        if self._handle is not None:
            self._handle.cancel()
        if delay_ms > 0:
            self._handle = self.loop.call_later(delay_ms / 1_000, self._ring, context=self._context)
        else:
            # First come, first served, which call_later does not promise.
            self._handle = self.loop.call_soon(self._ring, context=self._context)

    def _ring(self) -> None:
        self._clock.forget(self)
        self._callback()

    def cancel(self) -> None:
        self._clock.forget(self)
        if self._handle is not None:
            self._handle.cancel()


class AdvancingClock:
    """The time of the machine, or of another clock, and as much more as it was advanced by.

    Advancing is one jump, as after a laptop's lid was opened: everything that
    falls due by it happens then, in the order in which it was due, and what
    follows from that counts from the new time.
    """

    def __init__(self, below: Clock | None = None) -> None:
        self._below = below or SteadyClock()
        self._advanced_ms = 0
        self._alarms: dict[_Alarm, int] = {}
        self._serial: Iterator[int] = count()
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self._below.now_ms() + self._advanced_ms

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> _Alarm:
        """Call on the running loop once it is `due_ms`, by passing or by advancing."""
        alarm = _Alarm(self, due_ms, callback)
        with self._lock:
            self._alarms[alarm] = next(self._serial)
        alarm.schedule(due_ms - self.now_ms())
        return alarm

    def advance(self, *, seconds: float) -> None:
        """Put the clock forward, from any thread; returns before what is due has happened."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._advanced_ms += round(seconds * 1_000)
            loops = {alarm.loop for alarm in self._alarms}
        for loop in loops:
            with suppress(RuntimeError):  # closed: nobody waits there any more
                loop.call_soon_threadsafe(self._look_again, loop)

    def forget(self, alarm: _Alarm) -> None:
        """It rang or was cancelled."""
        with self._lock:
            self._alarms.pop(alarm, None)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            mine = [(a.due_ms, serial, a) for a, serial in self._alarms.items() if a.loop is loop]
        now_ms = self.now_ms()
        for due_ms, _, alarm in sorted(mine, key=lambda each: each[:2]):
            alarm.schedule(due_ms - now_ms)
