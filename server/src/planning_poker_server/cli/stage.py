"""Where a game is shown: live on a terminal, or as plain lines anywhere else."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeAlias

from rich.console import Console, RenderableType
from rich.live import Live

from planning_poker_client import Change, Game
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.running import printing, say
from planning_poker_server.cli.telling import Teller
from planning_poker_server.printable import printable

_LEAST: Final = (60, 20)
"""A smaller terminal gets plain lines."""
_REMEMBERED: Final = 200
_REDRAW_EVERY: Final = 0.5
"""Seconds between looks at what changes without an event: presence, the terminal's size."""

Picture: TypeAlias = Callable[[Sequence[Told], int, int], RenderableType]
"""Draws the whole screen, given what was told, a width and a height."""


class Stage(Protocol):
    """Shows a game that goes on."""

    def tell(self, line: Told) -> None:
        """Show a line of what happened."""
        ...

    def draw(self) -> None:
        """Show the game as it is now."""
        ...


class Lines:
    """Tells what happened line by line; for pipes, files and very small terminals."""

    def tell(self, line: Told) -> None:
        say(printable(line.text))

    def draw(self) -> None:
        pass  # the lines have said it


class Screen:
    """Draws a picture that fills the terminal."""

    def __init__(self, console: Console, live: Live, picture: Picture) -> None:
        self._console = console
        self._live = live
        self._picture = picture
        self._told: deque[Told] = deque(maxlen=_REMEMBERED)

    def tell(self, line: Told) -> None:
        self._told.append(line)

    def draw(self) -> None:
        width, height = self._console.size
        with printing():
            self._live.update(self._picture(list(self._told), width, height), refresh=True)


def can_draw(console: Console) -> bool:
    """Whether a picture can be drawn there."""
    return (
        console.is_terminal
        and not console.is_dumb_terminal
        and console.encoding.startswith("utf")
        and console.width >= _LEAST[0]
        and console.height >= _LEAST[1]
    )


@contextlib.contextmanager
def stage(console: Console, picture: Picture) -> Iterator[Stage]:
    """Take the terminal for as long as the game is shown, and leave it as it was."""
    if not can_draw(console):
        yield Lines()
        return
    with Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        yield Screen(console, live, picture)


async def follow(game: Game, on: Stage) -> None:
    """Show the game until it ends or is followed no longer; raises what ended the following."""
    teller = Teller(game.view)
    changes = game.changes()
    on.draw()
    async for item in changes:
        if isinstance(item, Change):
            line = teller.tell(game.view, item.event)
        else:
            line = Told("Some events were passed over to catch up", "dim")
        if line is not None:
            on.tell(line)
        on.draw()


async def redraw(on: Stage) -> None:
    """Draw again and again, until cancelled."""
    while True:
        await asyncio.sleep(_REDRAW_EVERY)
        on.draw()
