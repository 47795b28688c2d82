"""A way to a server on which everything can go wrong that goes wrong on a network."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from planning_poker_simulator.faults import BOTH, Direction, Faults, Faulty
from planning_poker_simulator.link import Cut, Link
from planning_poker_simulator.sockets import CHUNK, Side, connect, listen, reset

_PATIENCE_S: Final = 30.0
Result = TypeVar("Result")


class FaultProxy(Faulty):
    """Listens on a port of its own and passes bytes to a server, as its faults let it.

    Faults put on the proxy are on all its connections, and on those to come.
    For `async with`, on one event loop; its methods may be called from any thread.
    """

    def __init__(
        self,
        target: str,
        *,
        random: Random | None = None,
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        """`target` is HOST:PORT; `random` draws the jitter, by default the same each time.

        `heard` is told of all bytes that come from the server, on the proxy's loop.
        """
        self.target = target
        """Where new connections lead; may be changed."""
        self.address = ""
        """Where clients connect: "127.0.0.1:40123"."""
        self._random = random or Random(0)  # noqa: S311, it hides nothing
        self._heard = heard
        self._faults: dict[Direction, Faults] = dict.fromkeys(BOTH, Faults())
        self._is_down = False
        self._links: dict[Link, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self._loop: asyncio.AbstractEventLoop

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        listening = listen()
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=CHUNK)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def connections(self) -> Sequence[Link]:
        """Those that are open, the oldest first."""
        return self._on_loop(lambda: tuple(self._links))

    # Faults

    def change(self, *directions: Direction, **faults: Any) -> None:
        def change() -> None:
            for direction in directions:
                self._faults[direction] = replace(self._faults[direction], **faults)
            for link in self._links:
                link.change(*directions, **faults)

        self._on_loop(change)

    def cut(self, how: Cut = "rst") -> None:
        """End every connection; new ones get through."""
        for link in self.connections:
            link.cut(how)

    def down(self) -> None:
        """Reset every connection, and new ones at once, until `up`: nobody is there."""
        self._is_down = True
        self.cut()

    def up(self) -> None:
        """New connections get through again, with the faults that were put on before."""
        self._is_down = False

    def restore(self) -> None:
        """A good line again: what waited arrives, and new connections get through."""
        self.up()
        super().restore()

    # Connections

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("connections are accepted in tasks of their own")
        self._tasks.add(task)
        try:
            await self._serve(Side(reader, writer))
        except asyncio.CancelledError:
            return  # by the proxy's end; asyncio's server would log it
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, client: Side) -> None:
        if self._is_down:
            reset(client.writer)
            return
        try:
            server = await connect(self.target)
        except OSError:
            reset(client.writer)
            return
        link = Link(client, server, self._faults, self._random, self._on_loop, self._heard)
        self._links[link] = None
        if self._is_down:  # since it was accepted
            link.cut()
        try:
            await link.run()
        finally:
            del self._links[link]

    # Threads

    def _on_loop(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, done where the proxy lives."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            return work()

        async def there() -> Result:
            return work()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(_PATIENCE_S)
