"""The server of a load, in a process of its own: answers each line with what it has used."""

import asyncio
import json
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from planning_poker_server.app import start_server
from planning_poker_server.cli.running import run, say
from planning_poker_server.config_loader import bundled_config_dir, load_settings
from planning_poker_server.observability import configure_logging

# All players come from one address, as no real ones do.
_NO_LIMIT: Final = 1_000_000
# Those who load it are gone by then; it is only to part in good order.
_DRAIN_MS: Final = 2_000
_STATM: Final = Path("/proc/self/statm")


def usage() -> dict[str, Any]:
    """CPU and wall time in s so far, memory in bytes where the system tells."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    memory = None
    with suppress(OSError):
        memory = int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic(),
        "rss_bytes": memory,
    }


async def _serve(url: str) -> int:
    overrides = {
        "server.host": "127.0.0.1",
        "server.port": 0,
        "database.url": url,
        "logging.level": "WARNING",
        "room.creates_per_minute": _NO_LIMIT,
        "room.joins_per_minute": _NO_LIMIT,
    }
    settings = load_settings(
        bundled_config_dir(), {}, environment="production", overrides=overrides
    )
    configure_logging(settings.logging)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    server = await start_server(settings)
    say(json.dumps({"address": server.address}))
    while await lines.readline():
        say(json.dumps(usage()))
    await server.stop(_DRAIN_MS)
    return 0


if __name__ == "__main__":
    # Ctrl-C reaches every process of the terminal, and is the generator's to take.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(run(_serve(sys.argv[1])))
