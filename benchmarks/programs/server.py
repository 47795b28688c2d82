"""Our server as it runs in production, on a database in a given folder."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.programs.answering import answer, run, usage
from planning_poker_server.app import start_server
from planning_poker_server.config_loader import load_settings
from planning_poker_server.observability import configure_logging


async def main() -> None:
    async with AsyncExitStack() as stack:

        async def serve(folder: str) -> Mapping[str, Any]:
            environ = {
                "PLANNING_POKER_SERVER__PORT": "0",
                "PLANNING_POKER_DATABASE__URL": f"sqlite:///{Path(folder) / 'games.db'}",
                # It says that it serves; from then on only what went wrong.
                "PLANNING_POKER_LOGGING__LEVEL": "WARNING",
            }
            settings = load_settings(ROOT / "config", environ, environment="production")
            configure_logging(settings.logging)
            server = await start_server(settings)
            stack.push_async_callback(server.stop, 0)
            return {"address": server.address}

        await answer({"serve": serve, "usage": usage})


if __name__ == "__main__":
    run(main)
