"""A real server beside a test that blocks: programs in other languages, synchronous stubs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from planning_poker_server.app import start_server
from planning_poker_server.config_loader import load_settings
from planning_poker_simulator.loop_thread import LoopThread
from tests.workspace.tree import ROOT

STOP_MS = 5_000


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
        thread = stack.enter_context(LoopThread())
        server = thread.run(start_server(settings))
        stack.callback(lambda: thread.run(server.stop(STOP_MS)))
        yield server.address
