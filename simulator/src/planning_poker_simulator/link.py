"""One connection through the fault proxy."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Literal, TypeAlias

from planning_poker_simulator.faults import Direction, Faults, Faulty
from planning_poker_simulator.pipe import Pipe
from planning_poker_simulator.sockets import Side, finish, reset

Cut: TypeAlias = Literal["rst", "fin"]
OnLoop: TypeAlias = Callable[[Callable[[], Any]], Any]


class Link(Faulty):
    """A connection that faults can be put on alone."""

    def __init__(
        self,
        client: Side,
        server: Side,
        faults: Mapping[Direction, Faults],
        random: Random,
        on_loop: OnLoop,
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        self._sides = client, server
        self._on_loop = on_loop
        self._cut: asyncio.Future[Cut] = asyncio.get_running_loop().create_future()
        self._pipes: Mapping[Direction, Pipe] = {
            "to_server": Pipe(client.reader, server.writer, faults["to_server"], random),
            "to_client": Pipe(server.reader, client.writer, faults["to_client"], random, heard),
        }

    @property
    def client_port(self) -> int:
        """What the client calls its own port."""
        return int(self._sides[0].writer.get_extra_info("peername")[1])

    def passed(self, direction: Direction) -> int:
        """Bytes that got through so far."""
        return self._pipes[direction].passed

    def change(self, *directions: Direction, **faults: Any) -> None:
        def change() -> None:
            for direction in directions:
                self._pipes[direction].change(**faults)

        self._on_loop(change)

    def cut(self, how: Cut = "rst") -> None:
        """End it: both sides are told, by a reset or in order; what waits is lost."""
        self._on_loop(lambda: self._cut_now(how))

    def _cut_now(self, how: Cut) -> None:
        if not self._cut.done():
            self._cut.set_result(how)
        if how == "rst":  # at once: nothing that comes after this may get through
            self._reset()

    def _reset(self) -> None:
        for side in self._sides:
            reset(side.writer)

    async def run(self) -> None:
        """Pass bytes until both sides are done or it is cut, and leave nothing open."""
        passing: asyncio.Future[None] = asyncio.ensure_future(self._pass())
        either: list[asyncio.Future[Any]] = [passing, self._cut]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not passing.cancel():
                passing.result()  # raises what only a bug here raises
            await asyncio.wait({passing})
            if self._cut.done() and self._cut.result() == "fin":
                await asyncio.gather(*(finish(side) for side in self._sides))
        finally:
            passing.cancel()
            for side in self._sides:
                side.writer.transport.abort()

    async def _pass(self) -> None:
        async with asyncio.TaskGroup() as group:
            for pipe in self._pipes.values():
                group.create_task(_run(pipe))


async def _run(pipe: Pipe) -> None:
    try:
        await pipe.run()
    except OSError:
        pipe.reset()
