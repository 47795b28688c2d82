"""`planning-poker serve`: a server until it is told to stop."""

import asyncio
import signal
from argparse import Namespace
from pathlib import Path

from planning_poker_server.app import AddressInUse, RunningServer, start_server
from planning_poker_server.cli.running import Failure, on_signals, run, say
from planning_poker_server.config_loader import load_settings
from planning_poker_server.eventlog.port import LogError
from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import Settings


def serve(arguments: Namespace) -> int:
    """Serve until a signal. Raises ConfigurationError and Failure."""
    given = {
        "server.host": arguments.host,
        "server.port": arguments.port,
        "database.url": arguments.database,
    }
    settings = load_settings(
        arguments.config,
        environment=arguments.environment,
        overrides={key: value for key, value in given.items() if value is not None},
    )
    configure_logging(settings.logging)
    return run(_serve(settings))


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()

    def stop_gracefully(_: signal.Signals) -> None:
        say("Stopping when what was begun is finished; the same again stops at once.")
        stop.set()

    on_signals(stop_gracefully)
    async with await started(settings) as server:
        say(f"Planning poker serves on {server.address} ({settings.environment}).")
        say(f"Games are kept in {database_place(settings.database.url)}.")
        say("Stop with Ctrl-C.")
        told = asyncio.ensure_future(stop.wait())
        closed = asyncio.ensure_future(server.wait_closed())
        await asyncio.wait({told, closed}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
    await closed
    if not stop.is_set():
        raise Failure("The server stopped by itself; its log says why.")
    say("Stopped.")
    return 0


async def started(settings: Settings) -> RunningServer:
    """A server with these settings. Raises Failure with one sentence."""
    try:
        return await start_server(settings)
    except AddressInUse as error:
        raise Failure(f"The server cannot start: {error}") from error
    except (LogError, OSError) as error:
        place = database_place(settings.database.url)
        raise Failure(f"The server cannot start: {place} cannot be used: {error}") from error


def database_place(url: str) -> str:
    """Where a database is, for people: the path of a file, and nothing that is secret."""
    kind, _, path = url.partition(":///")
    if kind != "sqlite":
        return "memory, until the server stops"
    return str(Path(path).absolute())
