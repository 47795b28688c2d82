"""Whole tables of players of the SDK, who play on through whatever happens, and their book-keeping.

What was played is compared with the log: each accepted command is there once,
each refused one not at all, and everyone was told everything, once and in order.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Protocol
from uuid import UUID

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    CommandRefused,
    Connected,
    Game,
    OutcomeUnknown,
    PokerClient,
    Receipt,
    Reconnecting,
    Resynced,
)
from planning_poker_model.view import GameView

CARDS = ["1", "2", "3", "5", "8", "13"]


class Command(Protocol):
    """A method of Game, with its arguments already given."""

    def __call__(self, *, request_id: str) -> Awaitable[Receipt]: ...


class Player:
    """One seat, and what became of all it asked and all it was told."""

    def __init__(self, client: PokerClient, game: Game, random: Random) -> None:
        self.client = client
        self.game = game
        self.accepted: dict[str, Receipt] = {}
        """By correlation id."""
        self.refused: dict[str, str] = {}
        """Reasons by correlation id."""
        self.unknown = 0
        """How often an answer did not come in time, so that it was asked again."""
        self.told: list[int] = []
        """Versions of the events, as they came."""
        self.resynced: list[Resynced] = []
        self.losses = 0
        """How often the connection was lost."""
        self.returns = 0
        """How often it was had again."""
        self.random = random
        self._joined_at = game.view.version
        self._changes = game.changes()

    async def ask(self, command: Command) -> None:
        """Have a command's outcome known, however often it takes to ask."""
        request_id = str(UUID(int=self.random.getrandbits(128), version=4))
        while request_id not in self.accepted:
            try:
                receipt = await command(request_id=request_id)
            except OutcomeUnknown:
                self.unknown += 1
            except CommandRefused as error:
                self.refused[request_id] = error.reason
                return
            else:
                assert receipt.correlation_id == request_id
                self.accepted[request_id] = receipt

    async def listen(self) -> None:
        """Take what comes until the game has ended."""
        async for item in self._changes:
            if isinstance(item, Change):
                self.told.append(item.version)
            elif isinstance(item, Resynced):
                self.resynced.append(item)

    async def watch_the_line(self) -> None:
        """Count losses and returns until the client is closed."""
        away = False
        async for state in self.client.states():
            if isinstance(state, Reconnecting) and not away:
                self.losses += 1
                away = True
            elif isinstance(state, Connected) and away:
                self.returns += 1
                away = False

    def was_told_everything(self, head: int) -> None:
        """Each event from the one behind joining to the last: once and in order."""
        assert self.resynced == []
        assert self.told == list(range(self._joined_at + 1, head + 1))


def stored_events(database: Path, game_id: str) -> list[pb.GameEvent]:
    """What the log holds of a game."""
    query = "SELECT event FROM events WHERE game_id = ? ORDER BY version"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [pb.GameEvent.FromString(row[0]) for row in connection.execute(query, (game_id,))]


_BY_HAND = ("game_created", "player_joined", "stories_added")
"""Caused by commands that were given before the book-keeping began."""


def agree_with_the_log(players: Sequence[Player], events: Sequence[pb.GameEvent]) -> None:
    """All players of one game, which has ended, and its log say the same."""
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    folded = GameView()
    for event in events:
        folded.apply(event)
    caused = _caused(events)
    for player in players:
        assert player.game.view == folded
        for correlation_id, receipt in player.accepted.items():
            happened = caused[correlation_id]
            assert happened[-1].version == receipt.version
            assert {event.actor_id for event in happened} == {player.game.player_id}
        assert not caused.keys() & player.refused.keys()
    for happened in caused.values():
        kinds = [event.WhichOneof("event") for event in happened]
        assert len(kinds) == len(set(kinds)), f"more than once: {kinds}"
    known = {each for player in players for each in player.accepted}
    by_hand = {e.correlation_id for e in events if e.WhichOneof("event") in _BY_HAND}
    assert caused.keys() - by_hand <= known


def _caused(events: Sequence[pb.GameEvent]) -> dict[str, list[pb.GameEvent]]:
    """What players caused, by correlation id; a command may have several events."""
    caused: dict[str, list[pb.GameEvent]] = {}
    for event in events:
        if event.actor_id:
            caused.setdefault(event.correlation_id, []).append(event)
    return caused


async def seated(
    open_client: Callable[[], Awaitable[PokerClient]], count: int, random: Random, **create: Any
) -> list[Player]:
    """A new game with so many players, each with a client of its own; the first facilitates."""
    clients = [await open_client() for _ in range(count)]
    first = await clients[0].create_game("Sprint 12", player="Player 1", **create)
    games = [first]
    for number, client in enumerate(clients[1:], start=2):
        games.append(await client.join(first.join_code, f"Player {number}"))
    return [
        Player(client, game, Random(random.getrandbits(64)))  # noqa: S311
        for client, game in zip(clients, games, strict=True)
    ]
