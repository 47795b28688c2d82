"""A real server beside a test that blocks: programs in other languages, synchronous stubs."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from planning_poker_server.app import start_server
from planning_poker_server.config_loader import load_settings
from tests.workspace.tree import ROOT

PATIENCE_S = 30
STOP_MS = 5_000
Result = TypeVar("Result")


class LoopThread:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="server", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, run over there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[str]:
    """Address of a server on a free port, whose database is in `folder`.

    `variables` are settings as the environment gives them: SERVER__REFLECTION="true".
    """
    defaults = {
        "SERVER__PORT": "0",
        "DATABASE__URL": f"sqlite:///{folder / 'games.db'}",
    }
    environ = {f"PLANNING_POKER_{k}": v for k, v in (defaults | variables).items()}
    settings = load_settings(ROOT / "config", environ)
    with ExitStack() as stack:
        thread = LoopThread()
        stack.callback(thread.close)
        server = thread.run(start_server(settings))
        stack.callback(lambda: thread.run(server.stop(STOP_MS)))
        yield server.address
