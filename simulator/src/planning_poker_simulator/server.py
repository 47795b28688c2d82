"""A server for tests: real gRPC on a free port, a real log, and a clock that can be put forward."""

from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from planning_poker_server.app import RunningServer, start_server
from planning_poker_server.config_loader import bundled_config_dir, load_settings
from planning_poker_server.settings import Settings
from planning_poker_simulator.clock import AdvancingClock
from planning_poker_simulator.loop_thread import LoopThread
from planning_poker_simulator.proxy import FaultProxy

SettingsBySection: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Settings as config/default.toml names them: {"room": {"settle_ms": 0}}."""

_DATABASE: Final = "planning-poker.db"
_DRAIN_MS: Final = 5_000


def settings_for(folder: Path, sections: SettingsBySection) -> Settings:
    """The settings that are shipped, whatever the environment says, with `sections` above them.

    The database is in `folder` and the port a free one, unless `sections` say
    otherwise. Raises ConfigurationError naming every bad or unknown key.
    """
    overrides: dict[str, object] = {
        "server.host": "127.0.0.1",
        "server.port": 0,
        "server.node_id": "test",
        "database.url": f"sqlite:///{folder / _DATABASE}",
    }
    for section, values in sections.items():
        overrides |= {f"{section}.{key}": value for key, value in values.items()}
    return load_settings(bundled_config_dir(), {}, overrides=overrides)


class PokerServer:
    """A server in this process, on the running event loop, for `async with`.

    Clients reach it through `network`, so its address stays the same over
    restarts, and a crash is what they would see of a real one.
    """

    def __init__(self, folder: Path, settings: SettingsBySection | None = None) -> None:
        """The database is in `folder`; `settings` are above those that are shipped."""
        self.settings = settings_for(folder, settings or {})
        self.database = folder / _DATABASE
        """The SQLite file, unless the settings name another one."""
        self.clock = AdvancingClock()
        """Every deadline, time-out and grace of the server goes by it: advance it."""
        self.network = FaultProxy("127.0.0.1:0")
        """The way to the server: put faults on it."""
        self._running: RunningServer | None = None
        self._exits: AsyncExitStack

    @property
    def address(self) -> str:
        """Where clients connect: "127.0.0.1:40123"; the same for as long as this exists."""
        return self.network.address

    @property
    def connections(self) -> int:
        """Streams that the server has open."""
        return self._running.connections if self._running is not None else 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            await exits.enter_async_context(self.network)
            exits.push_async_callback(self.stop)
            await self.start()
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    async def start(self) -> None:
        """Serve what the database holds, after `stop` or `crash`."""
        if self._running is not None:
            raise RuntimeError("the server runs: restart() it, or stop() it first")
        self._running = await start_server(self.settings, self.clock)
        self.network.target = self._running.address
        self.network.up()

    async def stop(self) -> None:
        """Stop as an operator does: clients get their answers and are told. Idempotent."""
        running, self._running = self._running, None
        if running is not None:
            await running.stop(_DRAIN_MS)
            self.network.down()

    async def crash(self) -> None:
        """End as by kill -9: no word to anyone, no answer that was not sent yet.

        What was accepted is in the database; what was under way may be, as
        after any crash. With `database.url` "memory:" all is lost.
        """
        running, self._running = self._running, None
        if running is not None:
            self.network.down()
            await running.stop(0)

    async def restart(self) -> None:
        """Serve again, from the same database at the same address; stops it first if it runs."""
        await self.stop()
        await self.start()


class BlockingPokerServer:
    """A PokerServer for code that blocks, on a thread of its own; for `with`."""

    def __init__(self, folder: Path, settings: SettingsBySection | None = None) -> None:
        self._server = PokerServer(folder, settings)
        self._thread = LoopThread()
        self._exits: ExitStack

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            thread = exits.enter_context(self._thread)
            thread.run(self._server.__aenter__())
            exits.callback(lambda: thread.run(self._server.__aexit__(None, None, None)))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self._server.address

    @property
    def clock(self) -> AdvancingClock:
        """The server's clock."""
        return self._server.clock

    @property
    def network(self) -> FaultProxy:
        """The way to the server."""
        return self._server.network

    def start(self) -> None:
        """Like PokerServer.start."""
        self._thread.run(self._server.start())

    def stop(self) -> None:
        """Like PokerServer.stop."""
        self._thread.run(self._server.stop())

    def crash(self) -> None:
        """Like PokerServer.crash."""
        self._thread.run(self._server.crash())

    def restart(self) -> None:
        """Like PokerServer.restart."""
        self._thread.run(self._server.restart())
