"""Time that passes when nothing else is left to do, and processes that stand still in it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from planning_poker_simulator.simulation.processes import Process, ProcessLoop
from planning_poker_simulator.virtual_time import VirtualLoop, in_virtual_time


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=ProcessLoop) as runner:
        runner.run(work())


@in_virtual_time
async def test_what_is_due_at_the_same_time_comes_in_the_order_it_was_asked_for() -> None:
    loop, seen = asyncio.get_running_loop(), list[int]()
    assert isinstance(loop, VirtualLoop)
    for number in range(100):
        loop.call_at(5.0, seen.append, number)
    loop.call_at(4.0, seen.append, -1)
    await asyncio.sleep(6.0)
    assert seen == [-1, *range(100)]


@in_virtual_time
async def test_what_was_cancelled_by_something_due_at_the_same_time_is_not_called() -> None:
    loop, seen = asyncio.get_running_loop(), list[str]()
    timers: list[asyncio.TimerHandle] = []
    loop.call_at(1.0, lambda: timers[0].cancel())
    timers.append(loop.call_at(1.0, seen.append, "second"))
    await asyncio.sleep(2.0)
    assert seen == []


async def count(seen: list[float]) -> None:
    while True:
        seen.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1.0)


def test_a_frozen_process_does_nothing_and_goes_on_afterwards() -> None:
    async def story() -> None:
        seen: list[float] = []
        process = Process("one")
        process.start(count(seen))
        await asyncio.sleep(2.5)
        process.freeze()
        await asyncio.sleep(10.0)
        process.thaw()
        await asyncio.sleep(0.6)
        assert seen == [0.0, 1.0, 2.0, 12.5]

    run(story)


def test_a_killed_process_does_nothing_any_more_not_even_at_its_end() -> None:
    async def story() -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                await asyncio.sleep(1.0)
            finally:
                seen.append("the end")

        process = Process("one")
        process.start(work())
        await asyncio.sleep(0.5)
        process.kill()
        process.thaw()
        await asyncio.sleep(5.0)
        assert seen == []
        process.bury()

    run(story)
