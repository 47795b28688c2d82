"""The clock that tests put forward."""

import asyncio
import threading

import pytest

from planning_poker_simulator import AdvancingClock

HOUR_MS = 3_600_000


async def test_what_falls_due_by_advancing_is_called_in_the_order_in_which_it_was_due() -> None:
    clock, called, all_called = AdvancingClock(), list[int](), asyncio.Event()
    now_ms = clock.now_ms()
    for seconds in (30, 10, 20, 10, 3_000):
        clock.call_at(now_ms + seconds * 1_000, lambda seconds=seconds: called.append(seconds))  # type: ignore[misc]
    clock.call_at(now_ms + 60_000, all_called.set)
    clock.advance(seconds=61)
    async with asyncio.timeout(1):
        await all_called.wait()
    assert called == [10, 10, 20, 30]
    assert 61_000 <= clock.now_ms() - now_ms < 120_000


async def test_what_is_not_due_yet_comes_by_waiting_for_the_rest() -> None:
    clock, called = AdvancingClock(), asyncio.Event()
    due_ms = clock.now_ms() + HOUR_MS
    clock.call_at(due_ms, called.set)
    clock.advance(seconds=3_599.98)
    async with asyncio.timeout(1):
        await called.wait()
    assert clock.now_ms() >= due_ms


async def test_what_was_cancelled_does_not_come_by_advancing() -> None:
    clock, called, last = AdvancingClock(), list[str](), asyncio.Event()
    now_ms = clock.now_ms()
    clock.call_at(now_ms + 1_000, lambda: called.append("cancelled")).cancel()
    clock.call_at(now_ms + 2_000, last.set)
    clock.advance(seconds=2)
    await last.wait()
    assert called == []


async def test_it_can_be_advanced_from_another_thread() -> None:
    clock, called = AdvancingClock(), asyncio.Event()
    clock.call_at(clock.now_ms() + HOUR_MS, called.set)
    threading.Thread(target=lambda: clock.advance(seconds=3_600)).start()
    async with asyncio.timeout(1):
        await called.wait()


def test_alarms_of_a_loop_that_is_closed_are_no_matter() -> None:
    clock = AdvancingClock()

    async def forgotten() -> None:
        clock.call_at(clock.now_ms() + HOUR_MS, lambda: None)

    asyncio.run(forgotten())
    clock.advance(seconds=7_200)


def test_it_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="back"):
        AdvancingClock().advance(seconds=-1)
