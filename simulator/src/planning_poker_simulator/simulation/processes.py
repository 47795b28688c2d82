"""Processes on one loop: each can be frozen, and killed between any two of its steps."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from planning_poker_simulator.virtual_time import VirtualLoop

T = TypeVar("T")
A = TypeVarTuple("A")

_CURRENT: Final[ContextVar["Process | None"]] = ContextVar("process", default=None)

NOWHERE: Final = Context()
"""What the world does, and no process: what is called in it is never held back."""


class ProcessLoop(VirtualLoop):
    """Calls nothing that belongs to a process which does not run."""

    def call_soon(
        self,
        callback: Callable[[Unpack[A]], object],
        *args: *A,
        context: Context | None = None,
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        process = context.get(_CURRENT)
        if process is None or process.runs:
            return super().call_soon(callback, *args, context=context)
        held = asyncio.Handle(callback, args, self, context)
        process.held.append((held, callback, args, context))
        return held

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        named = None if name is None else str(name)
        task = super().create_task(coro, name=named, context=context)
        process = (copy_context() if context is None else context).get(_CURRENT)
        if process is not None:
            process.keep(task)
        return task


class Process:
    """All that runs in one process: its tasks and what they have called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs = True
        self.killed = False
        self.held: deque[tuple[asyncio.Handle, Callable[..., object], tuple[Any, ...], Context]] = (
            deque()
        )
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._context = NOWHERE.copy()
        self._context.run(_CURRENT.set, self)

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function as this process."""
        return self._context.copy().run(function, *args)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have something done by this process."""
        return self._loop.create_task(work, context=self._context.copy())

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task until it is over, as the process it belongs to does."""
        self._tasks[task] = None
        task.add_done_callback(self._over, context=NOWHERE)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; else nobody need be

    def freeze(self) -> None:
        """As by SIGSTOP: it does nothing, and whatever comes for it waits."""
        self.runs = False

    def thaw(self) -> None:
        """As by SIGCONT."""
        if not self.killed:
            self._go_on()

    def kill(self) -> None:
        """As by SIGKILL: not even what comes last in it is done."""
        self.killed, self.runs = True, False

    def bury(self) -> None:
        """At the end of the world: let all tasks come to an end, where nobody sees it."""
        for task in [*self._tasks]:
            task.cancel()
        self._go_on()

    def _go_on(self) -> None:
        self.runs = True
        while self.held:
            handle, callback, args, context = self.held.popleft()
            if not handle.cancelled():
                self._loop.call_soon(callback, *args, context=context)
