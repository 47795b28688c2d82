"""One person at one table: what is shown, what is typed, and who leaves when."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

import planningpoker.v1 as pb
from planning_poker_client import Connected, Game, NoRound, PokerClient, PokerError
from planning_poker_model.decks import describe
from planning_poker_server.cli.blocks import said
from planning_poker_server.cli.keyboard import HAS_KEYS, Input, keys, pipe
from planning_poker_server.cli.orders import Misunderstood, Quit, help_lines, obey, parse
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.screen import Seen, screen
from planning_poker_server.cli.stage import Lines, Stage, can_draw, follow, redraw, stage
from planning_poker_server.cli.typing_line import TypingLine

_LEAVE_WITHIN = 2.0
"""Seconds."""


class AtTable:
    """A seat in a game with a terminal, or a pipe, in front of it."""

    def __init__(self, client: PokerClient, game: Game, console: Console) -> None:
        self._client = client
        self._game = game
        self._console = console
        self._typing = TypingLine()
        self._answer = Text("help lists what you can type", style="dim")
        self._page: Sequence[str] = ()

    async def play(self) -> None:
        """Play until the person leaves, the input ends or the game does. Raises PokerError.

        Whoever goes leaves the seat: nobody else could sit in it.
        """
        try:
            with self._place() as (on, lines):
                await self._until_over(on, lines)
        finally:
            if self._game.view.phase != pb.GAME_PHASE_ENDED:
                with contextlib.suppress(PokerError):
                    await self._game.leave(timeout=_LEAVE_WITHIN)

    @contextlib.contextmanager
    def _place(self) -> Iterator[tuple[Stage, Input]]:
        """Where to show the game, and where its orders come from."""
        if not (HAS_KEYS and sys.stdin.isatty() and can_draw(self._console)):
            told = Lines()
            self._greet(told)
            yield told, pipe()
            return
        with stage(self._console, self._picture) as on, keys(self._typing, on.draw) as lines:
            yield on, lines

    async def _until_over(self, on: Stage, lines: Input) -> None:
        shown = asyncio.ensure_future(follow(self._game, on))
        drawn = asyncio.ensure_future(redraw(on))
        ordered = asyncio.ensure_future(self._take_orders(on, lines))
        try:
            done, _ = await asyncio.wait({shown, ordered}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (shown, drawn, ordered):
                task.cancel()
            await asyncio.gather(shown, drawn, ordered, return_exceptions=True)

    async def _take_orders(self, on: Stage, lines: Input) -> None:
        async for line in lines:
            self._page = ()
            try:
                await self._obey(line, on)
            except Quit:
                return
            except NoRound:
                self._say(
                    on, "No round was started yet: next or start TITLE opens one.", "bold red"
                )
            except (Misunderstood, PokerError) as problem:
                self._say(on, str(problem), "bold red")
            on.draw()

    async def _obey(self, line: str, on: Stage) -> None:
        deck = self._game.view.settings.deck
        order = parse(line, deck)
        if order is None:
            return
        if order.word == "help":
            self._page = help_lines(deck)
            self._answer = Text("Enter goes back to the table", style="dim")
            if isinstance(on, Lines):
                for text in self._page:
                    on.tell(Told(text))
            return
        self._answer = Text("The server has not answered yet …", style="dim")
        self._say(on, await obey(self._game, order), "green")

    def _say(self, on: Stage, text: str, style: str) -> None:
        """Answer the person: on the screen beside the line that is typed, else as a line."""
        self._answer = said(text, style)
        if isinstance(on, Lines):
            on.tell(Told(text))

    def _greet(self, on: Stage) -> None:
        view = self._game.view
        player = view.players.get(self._game.player_id)
        name = player.display_name if player is not None else "a watcher"
        on.tell(Told(f"You are {name} in “{view.display_name}”; others join with {view.join_code}"))
        on.tell(Told(f"The cards are {describe(view.settings.deck)}"))
        story = view.current_story
        if view.phase == pb.GAME_PHASE_VOTING:
            on.tell(Told(f"Now: {story.title}" if story is not None else "Now: a vote"))

    def _picture(self, told: Sequence[Told], width: int, height: int) -> RenderableType:
        game = self._game
        typed = self._typing.text[-(width - 4) :]
        prompt = Text.assemble(("› ", "bold cyan"), said(typed), (" ", "reverse"))
        seen = Seen(
            connected=game.presence,
            me=game.player_id,
            my_card=game.seat.card,
            told=told,
            status=self._status(),
            page=self._page,
            footer=(self._answer, prompt),
        )
        return screen(game.view, seen, width, height)

    def _status(self) -> str:
        if isinstance(self._client.state, Connected):
            return f"{len(self._game.presence)} connected"
        return "the server is away, waiting …"
