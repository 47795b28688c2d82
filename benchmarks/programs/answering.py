"""The asked half: pins itself to its core and answers until nobody asks any more."""

import asyncio
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Handler = Callable[..., Awaitable[Mapping[str, Any]]]

LOOP = "uvloop" if find_spec("uvloop") else "asyncio"
"""Whose event loop all programs run on: uvloop where it is installed."""

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1_024


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a program on the core that its first argument names."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    import_module(LOOP).run(main())


async def answer(handlers: Mapping[str, Handler]) -> None:
    """Answer requests from standard input, in turn, until it closes."""
    lines = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        request = json.loads(line)
        try:
            found = await handlers[request.pop("ask")](**request)
        except Exception:
            found = {"failed": traceback.format_exc()}
        print(json.dumps(found), flush=True)


async def usage() -> Mapping[str, float]:
    """What this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic(),
        "rss_kib": _resident_pages() * _PAGE_KIB,
    }


def _resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
