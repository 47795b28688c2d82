"""The facade has what the asynchronous SDK has, and its thread comes and goes cleanly."""

import asyncio
import gc
import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

import planning_poker_client as asynchronous
from planning_poker_client import ClientClosed, Disconnected, sync
from planning_poker_client.commands import GameCommands
from planning_poker_client.facade import Steps
from planning_poker_client.loop_thread import LoopThread

PATIENCE_S = 10.0
PAIRS: list[tuple[type, type]] = [
    (asynchronous.PokerClient, sync.PokerClient),
    (asynchronous.Game, sync.Game),
    (asynchronous.SeatHandle, sync.SeatHandle),
    (asynchronous.Watch, sync.Watch),
]
NOT_FOR_USERS = {"told", "ended", "waits"}
"""Called by the exchange, and by the facade."""


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "planning-poker-loop"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert threads() == []


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.stop()


def public(kind: type) -> dict[str, Any]:
    names = {name for name in dir(kind) if not name.startswith("_")} - NOT_FOR_USERS
    return {name: inspect.getattr_static(kind, name) for name in names}


# The same


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[pair[0].__name__ for pair in PAIRS])
def test_each_method_and_property_has_its_blocking_twin(one: type, other: type) -> None:
    asynchronously, blocking = public(one), public(other)
    assert asynchronously.keys() <= blocking.keys()
    for name, method in asynchronously.items():
        twin = blocking[name]
        assert not inspect.iscoroutinefunction(twin), name
        if inspect.isfunction(method):
            parameters = list(inspect.signature(method).parameters.values())[1:]
            assert list(inspect.signature(twin).parameters.values())[1:] == parameters, name
            assert twin.__doc__, name


def test_every_command_can_be_given_by_a_handle() -> None:
    assert public(GameCommands).keys() <= public(sync.SeatHandle).keys()


# The thread


async def _value() -> int:
    return 3


async def _forever() -> None:
    await asyncio.Event().wait()


def test_the_thread_starts_with_the_first_work_and_ends_when_it_is_stopped(
    loop: LoopThread,
) -> None:
    assert threads() == []
    assert loop.run(_value) == 3
    assert len(threads()) == 1
    loop.stop()
    assert threads() == []
    loop.stop()


def test_after_the_end_there_is_no_more_work_until_it_is_started_again(loop: LoopThread) -> None:
    loop.run(_value)
    loop.stop()
    with pytest.raises(ClientClosed):
        loop.run(_value)
    assert threads() == []
    assert loop.look(lambda: 4) == 4
    loop.start()
    assert loop.run(_value) == 3


def test_what_is_raised_over_there_is_raised_here(loop: LoopThread) -> None:
    async def fail() -> None:
        raise LookupError("over there")

    with pytest.raises(LookupError, match="over there"):
        loop.run(fail)


def test_who_waits_while_the_thread_ends_is_told_so(loop: LoopThread) -> None:
    future = loop.submit(_forever)
    outcome: Future[type[BaseException] | None] = Future()

    def wait() -> None:
        try:
            loop.run(_forever)
        except BaseException as error:
            outcome.set_result(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    loop.run(_value)
    loop.stop()
    waiting.join(PATIENCE_S)
    assert future.cancelled()
    assert outcome.result(0) is ClientClosed


def test_many_threads_work_at_once_and_stopping_leaves_none_of_them_waiting(
    loop: LoopThread,
) -> None:
    finished: list[str] = []

    def work() -> None:
        try:
            while True:
                loop.run(_value)
        except ClientClosed:
            finished.append("closed")

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    loop.run(_value)
    loop.stop()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert finished == ["closed"] * 8


def test_work_from_the_thread_itself_is_refused_and_not_waited_for(loop: LoopThread) -> None:
    async def reenter() -> None:
        loop.run(_value)

    with pytest.raises(RuntimeError, match="wait for itself"):
        loop.run(reenter)

    async def look() -> int:
        return loop.look(lambda: 5)

    assert loop.run(look) == 5


def test_an_interrupted_wait_cancels_what_was_waited_for(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = threading.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    def interrupted(_: object, timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    loop.run(_value)
    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.run(work)
    assert cancelled.wait(PATIENCE_S)


def test_a_thread_that_is_forgotten_ends() -> None:
    thread = LoopThread()
    thread.run(_value)
    gone = weakref.ref(thread)
    del thread
    gc.collect()
    assert gone() is None
    assert threads() == []


# Iterators


class Counting:
    """Gives numbers as they are pushed, then ends."""

    def __init__(self) -> None:
        self._items: list[int | None] = []
        self._filled = asyncio.Event()

    def push(self, *items: int | None) -> None:
        self._items.extend(items)
        self._filled.set()

    @property
    def waits(self) -> bool:
        return not self._items

    async def __anext__(self) -> int:
        while self.waits:
            self._filled.clear()
            await self._filled.wait()
        item = self._items.pop(0)
        if item is None:
            self._items.append(None)
            raise StopAsyncIteration
        return item


def test_what_is_iterated_over_there_is_iterated_here_and_ends(loop: LoopThread) -> None:
    source = loop.look(Counting)
    source.push(1, 2, 3, None)
    steps = Steps(loop, source)
    assert list(steps) == [1, 2, 3]
    assert list(steps) == []


def test_an_interrupted_step_is_the_next_one(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Counting()
    steps = Steps(loop, source)
    real = Future.result
    calls: list[Callable[..., Any]] = []

    def interrupted(future: "Future[Any]", timeout: float | None = None) -> Any:
        calls.append(real)
        raise KeyboardInterrupt

    loop.run(_value)
    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(steps)
    assert calls

    async def push() -> None:
        source.push(1, 2, None)

    loop.run(push)
    assert list(steps) == [1, 2]


def test_after_the_end_of_the_thread_what_is_left_is_still_given(loop: LoopThread) -> None:
    source = Counting()
    source.push(1, 2)
    steps = Steps(loop, source)
    assert next(steps) == 1
    source.push(None)
    loop.stop()
    assert list(steps) == [2]


def test_after_the_end_of_the_thread_nothing_is_waited_for() -> None:
    client = sync.PokerClient("localhost:1")
    client.close()
    assert list(client.states()) == [Disconnected()]
    assert len(list(client.services())) == 1


def test_an_error_over_there_ends_the_iteration_here(loop: LoopThread) -> None:
    class Failing(Counting):
        async def __anext__(self) -> int:
            raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        list(Steps(loop, Failing()))
