"""The writing thread and its queue, over a store that does as the test says."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    LogError,
    LogUnavailable,
    Proposal,
)
from planning_poker_server.eventlog.writer import Outcome, Purge, Writer
from tests.contract.eventlog.games import proposal


class SteppedStore:
    """Commits when it is told to, and remembers what it was given together."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Proposal]] = []
        self.purged: list[Sequence[Purge]] = []
        self.calls: list[str] = []
        self.entered = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.outcome: Callable[[Proposal], Outcome] = Commit
        self.error: Exception | None = None
        self.cannot_open: Exception | None = None
        self.cannot_sweep: Exception | None = None
        self.cannot_close: Exception | None = None

    def open(self) -> None:
        self.calls.append("open")
        if self.cannot_open is not None:
            raise self.cannot_open

    def commit(self, proposals: Sequence[Proposal]) -> Sequence[Outcome]:
        self.calls.append("commit")
        self.batches.append(proposals)
        self.entered.release()
        assert self.allowed.acquire(timeout=30)
        if self.error is not None:
            raise self.error
        return [self.outcome(wanted) for wanted in proposals]

    def purge(self, purges: Sequence[Purge]) -> Sequence[bool]:
        self.calls.append("purge")
        self.purged.append(purges)
        return [True for _ in purges]

    def sweep(self) -> bool:
        self.calls.append("sweep")
        if self.cannot_sweep is not None:
            raise self.cannot_sweep
        return True

    def close(self) -> None:
        self.calls.append("close")
        if self.cannot_close is not None:
            raise self.cannot_close

    async def in_commit(self) -> None:
        """Return when the thread is about to commit one more batch."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=30)

    def allow(self, batches: int = 1_000) -> None:
        self.allowed.release(batches)


@pytest.fixture
def store() -> SteppedStore:
    return SteppedStore()


@pytest.fixture
async def writer(store: SteppedStore) -> AsyncIterator[Writer]:
    writer = Writer(store, max_batch=3, max_waiting=10)
    await writer.open()
    yield writer
    store.allow()
    await writer.close()


def games(count: int) -> list[Proposal]:
    return [proposal(f"game {number}") for number in range(count)]


async def test_what_is_asked_in_one_turn_of_the_loop_is_written_together(
    writer: Writer, store: SteppedStore
) -> None:
    wanted = games(3)
    futures = [writer.submit(one) for one in wanted]
    store.allow()
    assert await asyncio.gather(*futures) == list(map(Commit, wanted))
    assert store.batches == [wanted]


async def test_what_comes_while_a_batch_is_written_shares_the_next_ones(
    writer: Writer, store: SteppedStore
) -> None:
    wanted = games(6)
    futures = [writer.submit(wanted[0])]
    await store.in_commit()
    for one in wanted[1:]:
        futures.append(writer.submit(one))
        await asyncio.sleep(0)
    store.allow()
    await asyncio.gather(*futures)
    assert store.batches == [wanted[:1], wanted[1:4], wanted[4:]]


async def test_the_loop_is_woken_once_for_a_batch(
    writer: Writer, store: SteppedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    woken = []
    wake = loop.call_soon_threadsafe

    def counted(callback: Callable[..., object], *arguments: object) -> None:
        woken.append(callback)
        wake(callback, *arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    store.allow()
    await asyncio.gather(*map(writer.submit, games(3)))
    assert len(woken) == 1


async def test_more_than_may_wait_are_refused_at_once(writer: Writer, store: SteppedStore) -> None:
    futures = [writer.submit(one) for one in games(10)]
    with pytest.raises(LogUnavailable) as raised:
        writer.submit(proposal("one more"))
    assert raised.value.definite
    store.allow()
    await asyncio.gather(*futures)
    await writer.submit(proposal("one more"))


async def test_a_cancelled_caller_disturbs_nobody(writer: Writer, store: SteppedStore) -> None:
    wanted = games(3)
    futures = [writer.submit(one) for one in wanted]
    await store.in_commit()
    futures[1].cancel()
    store.allow()
    assert await futures[0] == Commit(wanted[0])
    assert await futures[2] == Commit(wanted[2])
    assert await writer.submit(wanted[1]) == Commit(wanted[1])


async def test_cancelled_callers_do_not_use_up_the_queue(
    writer: Writer, store: SteppedStore
) -> None:
    store.allow()
    for _ in range(5):
        futures = [writer.submit(one) for one in games(10)]
        for future in futures:
            future.cancel()
        await writer_is_idle(writer)
    assert await writer.submit(proposal("game")) == Commit(proposal("game"))


async def writer_is_idle(writer: Writer) -> None:
    """Return when all that was submitted has been written."""
    while True:
        try:
            await writer.submit(proposal("probe"))
        except LogUnavailable:
            await asyncio.sleep(0)
        else:
            return


async def test_each_gets_its_own_outcome(writer: Writer, store: SteppedStore) -> None:
    outcomes: dict[str, Outcome] = {
        "game 0": Conflict(7),
        "game 1": LogError("cannot be stored"),
        "game 2": Commit(proposal("game 2")),
    }
    store.outcome = lambda wanted: outcomes[wanted.game_id]
    store.allow()
    futures = [writer.submit(one) for one in games(3)]
    assert await futures[0] == Conflict(7)
    with pytest.raises(LogError, match="cannot be stored"):
        await futures[1]
    assert await futures[2] == Commit(proposal("game 2"))


async def test_a_failure_in_doubt_is_definite_for_those_that_were_not_tried(
    writer: Writer, store: SteppedStore
) -> None:
    store.error = LogUnavailable("may have been written", definite=False)
    futures = [writer.submit(one) for one in games(8)]
    store.allow()
    errors = await asyncio.gather(*futures, return_exceptions=True)
    definite = [isinstance(error, LogUnavailable) and error.definite for error in errors]
    assert definite == [False] * 3 + [True] * 5
    assert {str(error) for error in errors[3:]} == {"The log cannot be written now"}
    assert len(store.batches) == 1
    assert len(set(map(id, errors))) == 8
    store.error = None
    assert await writer.submit(proposal("game")) == Commit(proposal("game"))


async def test_a_bug_in_the_store_leaves_the_outcome_open_and_the_thread_alive(
    writer: Writer, store: SteppedStore
) -> None:
    store.error = ZeroDivisionError("a bug")
    store.allow()
    with pytest.raises(LogUnavailable) as raised:
        await writer.submit(proposal("game"))
    assert not raised.value.definite
    assert "bug" not in str(raised.value)
    assert raised.value.__cause__ is store.error
    store.error = None
    assert await writer.submit(proposal("game")) == Commit(proposal("game"))


async def test_closing_writes_what_waits(store: SteppedStore) -> None:
    writer = Writer(store, max_batch=3, max_waiting=10)
    await writer.open()
    wanted = games(7)
    futures = [writer.submit(one) for one in wanted]
    store.allow()
    await asyncio.gather(writer.close(), writer.close())
    assert [future.result() for future in futures] == list(map(Commit, wanted))
    assert store.calls == ["open", "commit", "commit", "commit", "close"]
    with pytest.raises(LogUnavailable):
        writer.submit(proposal("late"))


async def test_closing_that_is_cancelled_can_be_asked_again(store: SteppedStore) -> None:
    writer = Writer(store, max_batch=3, max_waiting=10)
    await writer.open()
    future = writer.submit(proposal("game"))
    closing = asyncio.create_task(writer.close())
    await store.in_commit()
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    store.allow()
    await writer.close()
    assert future.result() == Commit(proposal("game"))
    assert store.calls[-1] == "close"


async def test_a_store_that_cannot_be_opened_ends_the_thread(store: SteppedStore) -> None:
    store.cannot_open = LogError("newer")
    writer = Writer(store, max_batch=3, max_waiting=10)
    with pytest.raises(LogError, match="newer"):
        await writer.open()
    assert store.calls == ["open", "close"]
    assert "event log writer" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_closing_ends_even_where_the_store_cannot_be_closed(store: SteppedStore) -> None:
    store.cannot_close = OSError("gone")
    writer = Writer(store, max_batch=3, max_waiting=10)
    await writer.open()
    async with asyncio.timeout(30):
        await writer.close()
    assert store.calls == ["open", "close"]


def test_a_loop_that_ends_first_does_not_trouble_the_thread(store: SteppedStore) -> None:
    failed: list[object] = []
    hook, threading.excepthook = threading.excepthook, failed.append
    try:
        asyncio.run(abandon(store))
        (thread,) = [t for t in threading.enumerate() if t.name == "event log writer"]
        store.allow()
        thread.join(timeout=30)
        assert not thread.is_alive()
        gc.collect()
    finally:
        threading.excepthook = hook
    assert not failed
    assert store.calls == ["open", "commit", "close"]


async def abandon(store: SteppedStore) -> None:
    """Leave a writer in the middle of a batch, told to close, with its loop ending."""
    writer = Writer(store, max_batch=3, max_waiting=10)
    await writer.open()
    writer.submit(proposal("game"))
    closing = asyncio.create_task(writer.close())
    await store.in_commit()
    closing.cancel()


async def test_sweeps_that_are_asked_for_together_are_one(
    writer: Writer, store: SteppedStore
) -> None:
    (first,) = games(1)
    store.allow()
    asked: list[asyncio.Future[Any]] = [
        writer.purge(Purge("game 8", 1)),
        writer.sweep(),
        writer.sweep(),
        writer.submit(first),
    ]
    assert await asyncio.gather(*asked) == [True, True, True, Commit(first)]
    assert store.calls == ["open", "purge", "sweep", "commit"]


async def test_a_sweep_that_fails_takes_nothing_with_it(
    writer: Writer, store: SteppedStore
) -> None:
    (first,) = games(1)
    store.cannot_sweep = LogUnavailable("it is being read", definite=False)
    store.allow()
    asked: list[asyncio.Future[Any]] = [writer.sweep(), writer.submit(first)]
    failed, appended = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(failed, LogUnavailable)
    assert appended == Commit(first)


async def test_purges_keep_their_place_among_what_is_appended(
    writer: Writer, store: SteppedStore
) -> None:
    first, second, third = games(3)
    store.allow()
    asked: list[asyncio.Future[Any]] = [
        writer.submit(first),
        writer.purge(Purge("game 8", 1)),
        writer.purge(Purge("game 9", 1)),
        writer.submit(second),
        writer.submit(third),
    ]
    assert await asyncio.gather(*asked) == [
        Commit(first),
        True,
        True,
        Commit(second),
        Commit(third),
    ]
    assert store.calls == ["open", "commit", "purge", "commit"]
    assert store.purged == [[Purge("game 8", 1), Purge("game 9", 1)]]
