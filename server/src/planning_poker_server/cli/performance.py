"""The demo's game itself: what each of the team does, through the SDK alone."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console, RenderableType

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    ClientOptions,
    CommandRefused,
    Connected,
    Game,
    PokerClient,
    StoryFile,
)
from planning_poker_model.decks import BUILT_IN
from planning_poker_model.view import GameView
from planning_poker_server.cli.cast import FAR_APART, LATECOMER, OBSERVER, VOTERS, Opinions
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.screen import Seen, screen
from planning_poker_server.cli.stage import Stage, follow, redraw, stage

_DECK: Final = "fibonacci"
_LATE_FOR: Final = 2
"""The story (from 0) in whose first round the latecomer sits down."""

# Pauses in seconds, at the usual pace.
_SIT_DOWN: Final = 0.4
_THINK: Final = 1.9
_LOOK: Final = 1.3
_TALK: Final = 1.8
_NEXT: Final = 0.6
_LOOK_EVERY: Final = 0.25


class ServerGone(Exception):
    """The server went away in the middle of the game."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long people look at things: 1.0 is a minute for twelve stories."""

    scale: float

    async def pause(self, seconds: float) -> None:
        """Let whoever watches see what happened."""
        await asyncio.sleep(seconds * self.scale)


class Team:
    """Everyone who plays, each on a connection of their own; an asynchronous context."""

    lead: Game
    """The game as its facilitator, the first of the voters, holds it; set by `open_game`."""
    watching: Game
    """The game as the observer sees it: what is shown."""

    def __init__(self, address: str, seed: int, pace: Pace, wait: float) -> None:
        self._address = address
        self._wait = wait
        self._pace = pace
        scale = [card.label for card in BUILT_IN[_DECK].cards if not card.special]
        self._opinions = Opinions(seed, scale)
        self._stack = AsyncExitStack()
        self._clients: list[PokerClient] = []

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return sum(isinstance(client.state, Connected) for client in self._clients)

    @property
    def status(self) -> str:
        """About the connections, for people."""
        count, wanted = self.connections, len(self._clients)
        if count == wanted:
            return f"{count} connections"
        return f"{count} of {wanted} connections, waiting …"

    async def open_game(self, title: str) -> None:
        """Open the game; its facilitator and the observer sit down."""
        client = await self._connect()
        self.lead = await client.create_game(title, player=VOTERS[0], deck=_DECK)
        client = await self._connect()
        self.watching = await client.join(self.lead.game_id, OBSERVER, role="observer")

    async def play(self, file: StoryFile, on: Stage) -> None:
        """Estimate every story, and end the game. Raises a group of what went wrong."""
        async with asyncio.TaskGroup() as tasks:
            shown = tasks.create_task(follow(self.watching, on))
            drawn = tasks.create_task(redraw(on))
            watched = tasks.create_task(self._watch_connections())
            tasks.create_task(self._vote_along(self.lead, VOTERS[0]))
            for name in VOTERS[1:]:
                await self._seat(name, tasks)
            await self.lead.import_stories(file)
            for number, story_id in enumerate(tuple(self.lead.view.stories)):
                await self.lead.start_round(story_id)
                if number == _LATE_FOR:
                    await self._seat(LATECOMER, tasks)
                await self._estimate(on)
            await self.lead.end()
            await shown
            drawn.cancel()
            watched.cancel()

    async def _watch_connections(self) -> None:
        """Give up when connections stay away; the SDK alone would wait longer."""
        clock = asyncio.get_running_loop().time
        whole = clock()
        while clock() - whole < self._wait:
            if self.connections == len(self._clients):
                whole = clock()
            await asyncio.sleep(_LOOK_EVERY)
        raise ServerGone(
            f"The server at {self._address} went away and was not back within {self._wait:g} s."
        )

    async def _connect(self) -> PokerClient:
        options = ClientOptions(connect_timeout=self._wait)
        client = PokerClient(self._address, client_name="planning-poker-demo", options=options)
        await self._stack.enter_async_context(client)
        self._clients.append(client)
        return client

    async def _seat(self, name: str, tasks: asyncio.TaskGroup) -> None:
        """A voter sits down, and votes from now on."""
        await self._pace.pause(_SIT_DOWN)
        client = await self._connect()
        game = await client.join(self.lead.game_id, name)
        tasks.create_task(self._vote_along(game, name))

    async def _estimate(self, on: Stage) -> None:
        """Lead the team through the open round, and through another if they are far apart."""
        found = await self._turn_cards()
        if found.spread >= FAR_APART:
            on.tell(Told(_talk(self.lead.view), "italic"))
            on.draw()
            await self._pace.pause(_TALK)
            await self.lead.again()
            found = await self._turn_cards()
        await self.lead.accept(found.suggested_card or found.modes[0])
        await self._pace.pause(_NEXT)

    async def _turn_cards(self) -> pb.Statistics:
        """Turn the cards when everyone has voted; what they say."""
        while not _is_revealed(self.lead.view):
            await self.lead.wait_for(_is_ready)
            try:
                await self.lead.reveal()
            except CommandRefused as refusal:
                # Somebody sat down at the last moment: wait for that card, too.
                if refusal.reason != "NOT_ALL_PLAYERS_VOTED":
                    raise
        await self._pace.pause(_LOOK)
        round_ = self.lead.view.round
        return round_.statistics if round_ is not None else pb.Statistics()

    async def _vote_along(self, game: Game, name: str) -> None:
        """Lay a card in every round until the game is over."""
        changes = game.changes()
        middle = ""
        await self._vote(game, name, middle)
        async for item in changes:
            if not isinstance(item, Change):
                await self._vote(game, name, middle)
            elif item.name == "votes_revealed":
                middle = item.event.votes_revealed.round.statistics.suggested_card
            elif item.name == "round_started":
                await self._vote(game, name, middle)

    async def _vote(self, game: Game, name: str, middle: str) -> None:
        """Think, and lay a card, if a round is open and has none of this player's."""
        view = game.view
        if view.phase != pb.GAME_PHASE_VOTING or view.round is None:
            return
        number, story_id = view.round.number, view.round.story_id
        story = list(view.stories).index(story_id)
        await self._pace.pause(_THINK * self._opinions.patience(name, story, number))
        if number == 1:
            card = self._opinions.first(name, story)
        else:
            card = self._opinions.again(name, story, middle)
        if game.view.has_voted(game.player_id):
            return
        try:
            await game.vote(card)
        except CommandRefused as refusal:
            if refusal.reason != "ROUND_CLOSED":  # too late: the others went on
                raise


async def perform(console: Console, team: Team, title: str, file: StoryFile) -> GameView:
    """Let `team` play a whole game and show it on `console`; the view of the finished game.

    Raises PokerError and ServerGone, alone or in groups.
    """
    async with team:
        await team.open_game(title)

        def picture(told: Sequence[Told], width: int, height: int) -> RenderableType:
            game = team.watching
            seen = Seen(connected=game.presence, told=told, status=team.status)
            return screen(game.view, seen, width, height)

        with stage(console, picture) as on:
            await team.play(file, on)
        return team.watching.view


def _is_revealed(view: GameView) -> bool:
    return view.phase == pb.GAME_PHASE_REVEALED


def _is_ready(view: GameView) -> bool:
    """Whether every voter has a card on the table."""
    voters = (p.player_id for p in view.players.values() if p.role != pb.PLAYER_ROLE_OBSERVER)
    return _is_revealed(view) or all(player_id in view.voted for player_id in voters)


def _talk(view: GameView) -> str:
    """Who has to explain a card: the holders of the lowest and the highest."""
    round_ = view.round
    if round_ is None:
        return ""
    outliers = set(round_.statistics.outlier_player_ids)
    names = [f"{v.display_name} ({v.card})" for v in round_.votes if v.player_id in outliers]
    return f"{' and '.join(names)} explain"
