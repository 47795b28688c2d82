"""What a player has open: a client on a line of its own, and what it was told."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    Changes,
    ClientOptions,
    Connected,
    Game,
    GameDetached,
    PokerClient,
    PokerError,
    Resynced,
)
from planning_poker_simulator.proxy import FaultProxy
from planning_poker_simulator.scenarios.house import House
from planning_poker_simulator.scenarios.model import Line
from planning_poker_simulator.scenarios.wire import Ear

OPTIONS: Final = ClientOptions(
    backoff_first=0.01,
    backoff_longest=0.05,
    command_timeout=10.0,
    close_timeout=0.2,
    change_buffer=100_000,
)
"""Of all programs: they come back fast, and keep all that they are told."""
_DELAYS_S: Final = {Line.SLOW: (0.015, 0.01), Line.LOSSY: (0.01, 0.04)}
"""How late everything is, and by how much more at most."""
_REQUESTED: Final = "REQUESTED"
"""Why a game is followed no longer that the program itself let go."""
_CUT_ONE_IN: Final = 3
"""Of the acts on a lossy line, the share that finds its connection just broken."""


class PlayersLine:
    """A player's way to the server, or that of those who share a connection."""

    def __init__(self, name: str, kind: Line, house: House, seed: str) -> None:
        self.name = name
        self.kind = kind
        self.ear = Ear(name, house.now_ms)
        self.troubles: set[str] = set()
        """Why nothing may be expected to get through now."""
        self._random = Random(f"{seed}/{name}")  # noqa: S311, it hides nothing
        self.proxy = FaultProxy(house.address, random=self._random, heard=self.ear)

    @property
    def works(self) -> bool:
        return not self.troubles

    async def open(self, exits: AsyncExitStack) -> None:
        """Listen, until `exits` are."""
        await exits.enter_async_context(self.proxy)
        self.to_usual()

    def to_usual(self) -> None:
        """As good a line as this one gets."""
        self.proxy.restore()
        self.troubles.clear()
        if self.kind in _DELAYS_S:
            self.proxy.delay(*_DELAYS_S[self.kind])

    def stumble(self) -> None:
        """A lossy line breaks now and then, by its own seed."""
        if self.kind is Line.LOSSY and self.works and not self._random.randrange(_CUT_ONE_IN):
            self.proxy.cut()


@dataclass
class Told:
    """What one client was told while it followed the game without a pause."""

    changes: Changes
    since: int
    """The version that it began with."""
    items: list[Change | Resynced] = field(default_factory=list)
    over: str = ""
    """Why it follows the game no longer; empty while it does, also behind the game's end."""

    async def drain(self, game: Game) -> None:
        """Take what has come."""
        while not self.over and not self.changes.waits:
            try:
                item = await anext(self.changes)
            except StopAsyncIteration:
                if game.view.phase != pb.GAME_PHASE_ENDED:
                    self.over = _REQUESTED
                return
            except GameDetached as error:
                self.over = error.reason
                return
            except PokerError as error:
                self.over = type(error).__name__
                return
            if isinstance(item, Change | Resynced):
                self.items.append(item)


class Program:
    """A client that is open: of one player, or of some that share it."""

    def __init__(self, line: PlayersLine) -> None:
        self.line = line
        self.client = PokerClient(line.proxy.address, client_name="poker-sim", options=OPTIONS)
        self.games: dict[str, Game] = {}
        """By player."""
        self.all_told: list[Told] = []
        """The last one is that of now."""
        self.is_open = False

    async def open(self) -> None:
        """Connect. Raises ConnectionFailed."""
        await self.client.open()
        self.is_open = True

    async def close(self) -> None:
        """End it; seats stay."""
        self.is_open = False
        await self.drain()
        await self.client.close()

    async def drain(self) -> None:
        """Note what it was told."""
        if self.told is not None and self.game is not None:
            await self.told.drain(self.game)

    def follow(self, player: str, game: Game) -> None:
        """Act for this player in this game from now on."""
        self.games[player] = game
        if self.told is None or self.told.over:
            self.all_told.append(Told(game.changes(), game.view.version))

    @property
    def told(self) -> Told | None:
        """What it was told since it follows the game as it does now."""
        return self.all_told[-1] if self.all_told else None

    @property
    def is_connected(self) -> bool:
        return isinstance(self.client.state, Connected)

    @property
    def follows(self) -> bool:
        """Whether it is to have all that happens: open, on a line that works, not let go."""
        told = self.told
        return self.is_open and self.line.works and told is not None and not told.over

    @property
    def game(self) -> Game | None:
        """The game as any of its players sees it."""
        return next(iter(self.games.values()), None)
