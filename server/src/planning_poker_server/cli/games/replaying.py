"""`planning-poker games replay`: a game's versions, one after another and back again."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

from planning_poker_server.cli.games import steps
from planning_poker_server.cli.games.film import Film
from planning_poker_server.cli.games.moments import local
from planning_poker_server.cli.games.reading import reading
from planning_poker_server.cli.keyboard import HAS_KEYS, Input, keys, terminal_restorer
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.results import print_results
from planning_poker_server.cli.running import interruptible, run, say
from planning_poker_server.cli.screen import Seen, screen
from planning_poker_server.cli.stage import Stage, can_draw, stage
from planning_poker_server.printable import printable

_HELP: Final = "→ next  ← back  number Enter: go there  g first  G last  a play  q quit"
_LONGEST_S: Final = 2.0
"""However long nobody did anything, playing goes on after this."""
_SHORTEST_S: Final = 0.05
_TOLD: Final = 200


def replay(arguments: Namespace) -> int:
    """Show the game. Raises Failure."""
    return run(interruptible(_replay(arguments), terminal_restorer()))


async def _replay(arguments: Namespace) -> int:
    async with reading(arguments) as game:
        film = Film([change.event async for change in game.history()])
    console = Console(highlight=False)
    start = min(max(1, arguments.start), film.last)
    has_keys = HAS_KEYS and sys.stdin.isatty() and not arguments.no_input
    if not (has_keys and can_draw(console)):
        for version in range(start, film.last + 1):
            say(_line(film, version))
        print_results(console, film.view(film.last))
        return 0
    await _Replay(film, start, arguments.speed).run(console)
    return 0


def _line(film: Film, version: int) -> str:
    when = local(film.event(version).event_time.ToDatetime(UTC))
    return f"{version:>{len(str(film.last))}}  {when}  {printable(film.told[version - 1].text)}"


class _Replay:
    """Where one is in a film, and what moves it."""

    def __init__(self, film: Film, start: int, speed: float) -> None:
        self._film = film
        self._version = start
        self._speed = speed
        self._keys = steps.StepKeys()
        self._playing: asyncio.Task[None] | None = None

    async def run(self, console: Console) -> None:
        """Take orders until there are no more."""
        with stage(console, self._picture) as on, keys(self._keys, on.draw) as orders:
            try:
                await self._take(orders, on)
            finally:
                self._stop()

    async def _take(self, orders: Input, on: Stage) -> None:
        on.draw()
        async for order in orders:
            if order == steps.QUIT:
                return
            self._obey(order, on)
            on.draw()

    def _stop(self) -> None:
        """Play no further."""
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None

    def _obey(self, order: str, on: Stage) -> None:
        was_playing = self._playing is not None
        self._stop()
        match order:
            case steps.NEXT:
                self._go(self._version + 1)
            case steps.BACK:
                self._go(self._version - 1)
            case steps.FIRST:
                self._go(1)
            case steps.LAST:
                self._go(self._film.last)
            case steps.PLAY if not was_playing:
                self._playing = asyncio.ensure_future(self._play(on))
            case number if number.isdecimal():
                self._go(int(number))

    def _go(self, version: int) -> None:
        self._version = min(max(1, version), self._film.last)

    async def _play(self, on: Stage) -> None:
        while self._version < self._film.last:
            pause = self._film.pause(self._version) / self._speed
            await asyncio.sleep(min(max(pause, _SHORTEST_S), _LONGEST_S))
            self._go(self._version + 1)
            on.draw()

    def _picture(self, _told: Sequence[Told], width: int, height: int) -> RenderableType:
        film, version = self._film, self._version
        event = film.event(version)
        typed = f"  go to {self._keys.number}" if self._keys.number else ""
        when = local(event.event_time.ToDatetime(UTC))
        footer = (
            Text(f" {when}{typed}", style="bold"),
            Text(f" {_HELP}", style="dim"),
        )
        seen = Seen(
            told=film.told[max(0, version - _TOLD) : version],
            status=f"version {version:,} of {film.last:,}",
            footer=footer,
        )
        return screen(film.view(version), seen, width, height)
