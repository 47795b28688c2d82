"""What all commands share: the event loop, signals, and talking to the terminal."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

SIGNALS: Final = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP"):  # not on Windows
    SIGNALS.append(signal.SIGHUP)


class Failure(Exception):
    """Ends the command with an exit code; the message is a sentence for a person."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class OutputGone(Exception):
    """Standard output takes no more: a closed pipe or window, a full disk."""


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Whatever is printed within raises OutputGone where it cannot be."""
    try:
        yield
    except OSError as error:
        raise OutputGone(error.strerror or str(error)) from error


def say(text: str) -> None:
    """Print a line to standard output at once. Raises OutputGone."""
    with printing():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def complain(text: str) -> None:
    """Print a line to standard error."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run `main` to its end, on uvloop where that is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def on_signals(
    first: Callable[[signal.Signals], None], restore: Callable[[], None] = lambda: None
) -> None:
    """Call `first` at SIGINT, SIGTERM or SIGHUP; at the next one, `restore` and exit at once.

    Exiting at once is safe for a server: what it accepted is already stored.
    """
    loop = asyncio.get_running_loop()
    seen: list[signal.Signals] = []

    def receive(number: signal.Signals) -> None:
        if seen:
            restore()
            os._exit(128 + number)
        seen.append(number)
        first(number)

    for number in SIGNALS:
        if number not in (signal.SIGINT, signal.SIGTERM) and _is_ignored(number):
            continue  # started by nohup
        try:
            loop.add_signal_handler(number, receive, number)
        except NotImplementedError:  # Windows' loops have no such method
            signal.signal(
                number, lambda got, _frame: loop.call_soon_threadsafe(receive, signal.Signals(got))
            )


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN


async def interruptible(
    main: Coroutine[Any, Any, int], restore: Callable[[], None] = lambda: None
) -> int:
    """Run `main`; a signal cancels it and gives 128 and the signal's number."""
    task = asyncio.ensure_future(main)
    got: list[signal.Signals] = []

    def cancel(number: signal.Signals) -> None:
        got.append(number)
        task.cancel()

    on_signals(cancel, restore)
    try:
        return await task
    except asyncio.CancelledError:
        if not got:
            raise
        return 128 + got[0]
