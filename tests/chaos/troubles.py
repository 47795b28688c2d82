"""What is done to a server process, its clients and the network between them."""

import asyncio
import resource
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Final

from tests.chaos.recording import clock_ms
from tests.chaos.session import SETTINGS, Session
from tests.integration.raw import eventually
from tests.integration.sitting import Sitting

_FULL: Final = 4_096
"""No file of the server's grows beyond this many bytes while its disk is full: less than one
page of the write-ahead log with its header."""
_FREEZE: Final = "freeze of a client"
_SENT_AGAIN_S: Final = SETTINGS["stream"]["redelivery_ms"] / 1_000 + 0.1


class Troubles:
    """One trouble after the other, drawn from `random`, each as often as any other."""

    def __init__(
        self,
        session: Session,
        programs: Sequence[Sitting],
        random: Random,
    ) -> None:
        """`programs` are those that are frozen."""
        self.happened: Counter[str] = Counter()
        self._session = session
        self._server = session.server
        self._network = session.network
        self._programs = programs
        self._random = random
        self._is_noticed = session.crowd.is_told_of_a_loss
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill -9 of the server": self._kill,
            "freeze of the server": self._freeze_server,
            _FREEZE: self._freeze_client,
            "disk full": self._fill_the_disk,
            "cut": self._cut,
            "slow line": partial(self._line, self._slow, 0.5),
            "black hole": self._black_hole,
            "half-open": partial(self._line, self._half_open, 0.7),
        }

    @property
    def kinds(self) -> Sequence[str]:
        return list(self._kinds)

    @property
    def _there(self) -> Sequence[Sitting]:
        """Programs whose games have not ended, and who have not lost their seats."""
        return [program for program in self._programs if program.is_there]

    async def stir(self, seconds: float) -> None:
        """Make trouble for so long, and of each kind at least once; all is well afterwards."""
        until = asyncio.get_running_loop().time() + seconds
        rest: list[str] = []
        while rest or asyncio.get_running_loop().time() < until:
            rest = rest or self._random.sample(self.kinds, len(self._kinds))
            kind = rest.pop()
            if kind == _FREEZE and not self._there:
                continue
            with self._session.recorder.trouble():
                await self._kinds[kind]()
            self.happened[kind] += 1
            await self._a_while(0.2)

    async def _kill(self) -> None:
        await self._server.kill()
        # Nobody is let in before somebody looks at the log again.
        self._network.down()
        self._session.log.let_go()
        self._session.history.restarts_ms.append(clock_ms())
        await self._a_while(0.2)
        await self._server.restart()
        self._session.log.take_up()
        self._network.up()

    async def _freeze_server(self) -> None:
        self._server.freeze()
        await self._a_while(0.7)
        self._server.thaw()

    async def _freeze_client(self) -> None:
        program = self._random.choice(self._there)
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
        await eventually(lambda: bool(self._network.connections))
        links = self._network.connections
        for link in self._random.sample(links, self._random.randint(1, len(links))):
            link.cut(self._random.choice(["rst", "fin"]))

    async def _line(self, fault: Callable[[], None], seconds: float) -> None:
        fault()
        await self._a_while(seconds)
        self._network.restore()

    async def _black_hole(self) -> None:
        """Until the server sends again what was not acknowledged."""
        self._network.black_hole()
        await asyncio.sleep(_SENT_AGAIN_S + self._random.uniform(0, 0.5))
        self._network.restore()

    def _slow(self) -> None:
        self._network.delay(self._random.uniform(0, 0.1), jitter=0.05)

    def _half_open(self) -> None:
        self._network.half_open(self._random.choice(["to_server", "to_client"]))

    async def _a_while(self, seconds: float) -> None:
        await asyncio.sleep(self._random.uniform(0.3, 1) * seconds)
