"""A read in steps, of which any may be given up or fail, and be taken again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Resumable(Generic[T]):
    """What `go_on` gives: where a step was broken off, what it gives when called once more.

    A generator that was broken off has ended, which would look like the end of all.
    """

    def __init__(self, go_on: Callable[[], AsyncIterator[T]]) -> None:
        self._go_on = go_on
        self._steps: AsyncIterator[T] | None = None
        self._has_ended = False
        self._one_at_a_time = asyncio.Lock()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        async with self._one_at_a_time:
            if self._has_ended:
                raise StopAsyncIteration
            self._steps = self._steps or self._go_on()
            try:
                return await anext(self._steps)
            except StopAsyncIteration:
                self._has_ended = True
                raise
            except BaseException:
                self._steps = None
                raise
