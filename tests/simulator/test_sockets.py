"""A connection that is gone already can be reset once more, on each kind of event loop."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from planning_poker_simulator.sockets import reset


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("turns", range(4))
def test_a_reset_of_what_is_gone_is_no_matter(
    loop: Callable[[], asyncio.AbstractEventLoop], turns: int
) -> None:
    async def reset_twice() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            reset(writer)
            for _ in range(turns):  # it goes step by step
                await asyncio.sleep(0)
            reset(writer)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(reset_twice())
