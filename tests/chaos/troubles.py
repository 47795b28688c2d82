"""What is done to a server process, its clients and the network between them."""

import asyncio
import resource
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Final

from planning_poker_simulator import FaultProxy
from tests.integration.process import ServerProcess
from tests.integration.raw import eventually
from tests.integration.sitting import Sitting

_FULL: Final = 4_096
"""No file of the server's grows beyond this many bytes while its disk is full: less than one
page of the write-ahead log with its header."""


class Troubles:
    """One trouble after the other, drawn from `random`, each as often as any other."""

    def __init__(
        self,
        server: ServerProcess,
        network: FaultProxy,
        programs: Sequence[Sitting],
        random: Random,
        *,
        is_noticed: Callable[[], bool],
    ) -> None:
        """`is_noticed` tells whether clients know that nothing can be stored."""
        self.happened: Counter[str] = Counter()
        self._server = server
        self._network = network
        self._programs = programs
        self._random = random
        self._is_noticed = is_noticed
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill -9 of the server": self._kill,
            "freeze of the server": self._freeze_server,
            "freeze of a client": self._freeze_client,
            "disk full": self._fill_the_disk,
            "cut": self._cut,
            "slow line": partial(self._line, self._slow, 0.5),
            "black hole": partial(self._line, network.black_hole, 1.0),
            "half-open": partial(self._line, self._half_open, 0.7),
        }

    @property
    def kinds(self) -> Sequence[str]:
        return list(self._kinds)

    async def stir(self, seconds: float) -> None:
        """Make trouble for so long, and of each kind at least once; all is well afterwards."""
        until = asyncio.get_running_loop().time() + seconds
        rest: list[str] = []
        while rest or asyncio.get_running_loop().time() < until:
            rest = rest or self._random.sample(self.kinds, len(self._kinds))
            kind = rest.pop()
            await self._kinds[kind]()
            self.happened[kind] += 1
            await self._a_while(0.2)

    async def _kill(self) -> None:
        await self._server.kill()
        await self._a_while(0.2)
        await self._server.restart()

    async def _freeze_server(self) -> None:
        self._server.freeze()
        await self._a_while(0.7)
        self._server.thaw()

    async def _freeze_client(self) -> None:
        program = self._random.choice(self._programs)
        program.signal(signal.SIGSTOP)
        await self._a_while(0.7)
        program.signal(signal.SIGCONT)

    async def _fill_the_disk(self) -> None:
        self._server.limit_files_to(_FULL)
        await eventually(self._is_noticed)
        await self._a_while(0.5)
        self._server.limit_files_to(resource.RLIM_INFINITY)
        await eventually(lambda: not self._is_noticed())

    async def _cut(self) -> None:
        links = self._network.connections
        for link in self._random.sample(links, self._random.randint(1, len(links))):
            link.cut(self._random.choice(["rst", "fin"]))

    async def _line(self, fault: Callable[[], None], seconds: float) -> None:
        fault()
        await self._a_while(seconds)
        self._network.restore()

    def _slow(self) -> None:
        self._network.delay(self._random.uniform(0, 0.1), jitter=0.05)

    def _half_open(self) -> None:
        self._network.half_open(self._random.choice(["to_server", "to_client"]))

    async def _a_while(self, seconds: float) -> None:
        await asyncio.sleep(self._random.uniform(0.3, 1) * seconds)
