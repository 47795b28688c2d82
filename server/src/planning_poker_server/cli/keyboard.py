"""Lines that a person types, or that come through a pipe, as an asynchronous iterator."""

import asyncio
import codecs
import contextlib
import getpass
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Protocol

try:
    import termios
    import tty

    HAS_KEYS = True
except ImportError:  # Windows: lines only
    HAS_KEYS = False

_STDIN: Final = 0
_STDOUT: Final = 1
_CHUNK: Final = 4_096
_MAX_LINE: Final = 10_000
_AS_BEFORE: Final = b"\x1b[?1049l\x1b[?25h\x1b[0m"
"""Leave the alternate screen, show the cursor, no colours."""


class Input:
    """Lines to come; ends at the end of the input."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    def put(self, line: str | None) -> None:
        """Add a line; None: there are no more."""
        self._lines.put_nowait(line)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line


class Typing(Protocol):
    """What makes lines, or orders, of keys."""

    @property
    def ended(self) -> bool:
        """Whether there will be no more."""
        ...

    def feed(self, keys: str, /) -> list[str]:
        """Take what the terminal sent at once; what came of it."""
        ...


@contextlib.contextmanager
def keys(typing: Typing, typed: Callable[[], None]) -> Iterator[Input]:
    """Take single keys from the terminal; `typed` is called after each change of `typing`.

    The terminal is as before afterwards.
    """
    loop = asyncio.get_running_loop()
    lines = Input()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def read() -> None:
        data = os.read(_STDIN, _CHUNK)
        for line in typing.feed(decoder.decode(data)):
            lines.put(line)
        if not data or typing.ended:
            loop.remove_reader(_STDIN)
            lines.put(None)
        typed()

    before = termios.tcgetattr(_STDIN)
    tty.setcbreak(_STDIN, termios.TCSADRAIN)
    loop.add_reader(_STDIN, read)
    try:
        yield lines
    finally:
        loop.remove_reader(_STDIN)
        termios.tcsetattr(_STDIN, termios.TCSAFLUSH, before)


def pipe() -> Input:
    """Lines of standard input, whatever it is.

    A thread reads them, since files cannot be waited for; it ends with the
    process, and holds no lock that the interpreter's end would wait for.
    """
    loop = asyncio.get_running_loop()
    lines = Input()

    def put(line: str | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(lines.put, line)

    def read() -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := os.read(_STDIN, _CHUNK):
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    put(line.decode(errors="replace"))
                rest = rest[:_MAX_LINE]
        if rest:
            put(rest.decode(errors="replace"))
        put(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return lines


def first_line() -> str:
    """The first line of standard input, without taking anything behind it."""
    line = b""
    while len(line) < _MAX_LINE and (byte := os.read(_STDIN, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode(errors="replace").rstrip("\r")


def asked_passcode() -> str:
    """Ask for it without showing it; piped input brings it in its first line."""
    return getpass.getpass("Passcode: ") if sys.stdin.isatty() else first_line()


def terminal_restorer() -> Callable[[], None]:
    """What gives the terminal back as it is now, at once; for exits without cleaning up."""
    before = termios.tcgetattr(_STDIN) if HAS_KEYS and os.isatty(_STDIN) else None

    def restore() -> None:
        with contextlib.suppress(OSError):
            if os.isatty(_STDOUT):
                os.write(_STDOUT, _AS_BEFORE)
            if before is not None:
                termios.tcsetattr(_STDIN, termios.TCSANOW, before)

    return restore
