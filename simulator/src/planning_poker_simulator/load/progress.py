"""How a load gets on, on standard error: bars on a terminal, else a line for each part."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from planning_poker_server.cli.running import complain

Tell = Callable[[float, str], None]
"""Called with how much is done and a few words on it."""

_EVERY_S: Final = 0.2


class Display:
    """Tells of each part of the load; draws only when told, to cost the load little."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, what: str, of: str, total: float) -> Tell:
        """Another part: what is done, with how much in words and as a number."""
        if self._progress.disable:
            complain(f"{what} {of}.")
        task = self._progress.add_task(what, total=total, words="")
        drawn_s = 0.0

        def tell(done: float, words: str) -> None:
            nonlocal drawn_s
            self._progress.update(task, completed=min(done, total), words=words)
            now_s = time.monotonic()
            if now_s - drawn_s >= _EVERY_S or done >= total:
                drawn_s = now_s
                self._progress.refresh()

        return tell


@contextmanager
def display() -> Iterator[Display]:
    """Show bars until the end of the block."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
    )
    shown = console.is_terminal
    with Progress(*columns, console=console, auto_refresh=False, disable=not shown) as progress:
        yield Display(progress)
