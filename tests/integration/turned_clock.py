"""A server's clock that is turned by hand."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from planning_poker_simulator.virtual_time import START_MS


class TurnedAlarm:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def cancelled(self) -> bool:
        return self._callback is None

    def cancel(self) -> None:
        self._callback = None

    def ring(self) -> None:
        if self._callback is not None:
            self._callback()


class TurnedClock:
    """A server's clock that stands still until it is turned."""

    def __init__(self) -> None:
        self._now_ms = START_MS
        self._order = count()
        self._alarms: list[tuple[int, int, TurnedAlarm]] = []

    def now_ms(self) -> int:
        return self._now_ms

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> TurnedAlarm:
        alarm = TurnedAlarm(callback)
        if due_ms <= self._now_ms:
            asyncio.get_running_loop().call_soon(alarm.ring)
            return alarm
        heapq.heappush(self._alarms, (due_ms, next(self._order), alarm))
        return alarm

    def turn(self, until_ms: int) -> None:
        """On to the first alarm that is due by then, which rings; else until then."""
        while self._alarms and self._alarms[0][2].cancelled:
            heapq.heappop(self._alarms)
        rings = bool(self._alarms) and self._alarms[0][0] <= until_ms
        if not rings:
            self._now_ms = max(self._now_ms, until_ms)
            return
        due_ms, _, alarm = heapq.heappop(self._alarms)
        self._now_ms = max(self._now_ms, due_ms)
        alarm.ring()
