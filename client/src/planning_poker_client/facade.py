"""Makes blocking methods of asynchronous ones, with the same types and no logic of their own."""

import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

from planning_poker_client.errors import ClientClosed
from planning_poker_client.loop_thread import LoopThread, result_of

P = ParamSpec("P")
A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")
T = TypeVar("T")
A_co = TypeVar("A_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)


class Facade(Generic[A_co]):
    """Something asynchronous, and the thread that it lives on."""

    def __init__(self, loop: LoopThread, it: A_co) -> None:
        self._loop = loop
        self._it = it

    def __repr__(self) -> str:
        return repr(self._it)


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Facade[A], P], R]:
    """The method that waits for the result of `method`."""

    @functools.wraps(method)
    def call(self: Facade[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._loop.run(lambda: method(self._it, *args, **kwargs))

    return call


def giving(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, B]],
    into: Callable[[LoopThread, B], R],
) -> Callable[Concatenate[Facade[A], P], R]:
    """The method that waits for the result of `method` and makes it blocking, too."""
    waiting = blocking(method)

    @functools.wraps(method)
    def call(self: Facade[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return into(self._loop, waiting(self, *args, **kwargs))

    return call


def looking(
    method: Callable[Concatenate[A, P], B], into: Callable[[LoopThread, B], R]
) -> Callable[Concatenate[Facade[A], P], R]:
    """The method that makes blocking what `method` gives at once."""

    @functools.wraps(method)
    def call(self: Facade[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return into(self._loop, self._loop.look(lambda: method(self._it, *args, **kwargs)))

    return call


def made_like(
    make: Callable[P, B],
) -> Callable[[Callable[[T, B], None]], Callable[Concatenate[T, P], None]]:
    """An `__init__` that takes what `make` takes, and is given what that makes of it."""

    def decorate(init: Callable[[T, B], None]) -> Callable[Concatenate[T, P], None]:
        @functools.wraps(init)
        def call(self: T, /, *args: P.args, **kwargs: P.kwargs) -> None:
            init(self, make(*args, **kwargs))

        return call

    return decorate


class Source(Protocol[T_co]):
    """What is iterated over there, by one consumer."""

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come."""
        ...

    async def __anext__(self) -> T_co: ...


class Steps(Generic[T]):
    """What an asynchronous iterator gives, for a plain `for`; for one consumer at a time.

    Interrupted, it loses nothing: the step that was waited for is the next one.
    """

    def __init__(self, loop: LoopThread, it: Source[T]) -> None:
        self._loop = loop
        self._it = it
        self._next: Future[tuple[T] | None] | None = None

    def __iter__(self) -> Self:
        return self

    @property
    def _stepping(self) -> bool:
        """Whether a step is under way, or is the next one since it was interrupted."""
        return self._next is not None

    def __next__(self) -> T:
        try:
            if self._next is None:
                self._next = self._loop.submit(self._step)
            step = result_of(self._next)
        except ClientClosed:
            step = self._left()
        self._next = None
        if step is None:
            raise StopIteration
        return step[0]

    def _left(self) -> tuple[T] | None:
        """The end of a client ends what it gave, behind what is left of it."""
        return None if self._it.waits else _at_once(self._step())

    async def _step(self) -> tuple[T] | None:
        try:
            return (await self._it.__anext__(),)
        except StopAsyncIteration:
            return None


class Reading(Steps[T]):
    """Likewise, for what has an end of its own: a client that is closed before is an error."""

    def _left(self) -> tuple[T] | None:
        raise ClientClosed("The client was closed before all was read.")


def _at_once(step: Coroutine[Any, Any, tuple[T] | None]) -> tuple[T] | None:
    """What a step gives that need not wait, where there is no loop to run it."""
    try:
        step.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("a step waited that was not to")
