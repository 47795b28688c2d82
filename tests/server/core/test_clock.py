"""The clock of a server that runs for real, and waiting for a time on any clock."""

import asyncio

from planning_poker_server.clock import SteadyClock, sleep_until
from planning_poker_simulator.virtual_time import CLOCK, in_virtual_time, let_pass, now_ms


async def test_nothing_is_called_before_its_time() -> None:
    clock, called = SteadyClock(), asyncio.Event()
    due_ms = clock.now_ms() + 20
    clock.call_at(due_ms, called.set)
    await called.wait()
    assert clock.now_ms() >= due_ms


async def test_what_is_due_already_is_called_at_once() -> None:
    clock, called = SteadyClock(), asyncio.Event()
    clock.call_at(clock.now_ms() - 60_000, called.set)
    async with asyncio.timeout(1):
        await called.wait()


async def test_a_call_that_was_cancelled_does_not_come() -> None:
    clock, calls = SteadyClock(), list[str]()
    last = asyncio.Event()
    now_ms = clock.now_ms()
    clock.call_at(now_ms, lambda: calls.append("cancelled")).cancel()
    clock.call_at(now_ms + 5, last.set)
    await last.wait()
    assert calls == []


@in_virtual_time
async def test_sleeping_until_a_time_ends_then_and_not_before() -> None:
    sleeper = asyncio.create_task(sleep_until(CLOCK, now_ms() + 60_000))
    await let_pass(59_999)
    assert not sleeper.done()
    await let_pass(1)
    assert sleeper.done()
