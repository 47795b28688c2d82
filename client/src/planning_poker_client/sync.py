"""The SDK for programs without an event loop: the same, with methods that wait.

with PokerClient("localhost:50051") as client:
    game = client.create_game("Sprint 12", player="Ada")
    game.start_story("Login page")
    game.vote("8")
    for change in game.changes():
        ...

A client runs on one thread of its own, and may be used from any number of
others. A condition of `wait_for` is looked at on that thread: it must be quick,
and must not call the client.
"""

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

import planning_poker_client as _async
import planningpoker.v1 as pb
from planning_poker_client.calls.listing import GameSummary
from planning_poker_client.changes import Change, Item, Receipt
from planning_poker_client.commands import GameCommands
from planning_poker_client.facade import (
    Facade,
    Reading,
    Steps,
    blocking,
    giving,
    looking,
    made_like,
)
from planning_poker_client.feed.items import FeedItem
from planning_poker_client.loop_thread import LoopThread
from planning_poker_client.pending import PendingCommand, ShownView
from planning_poker_client.reports import DeliveryReport
from planning_poker_client.service import ServiceState
from planning_poker_client.states import ConnectionState

Changes: TypeAlias = Steps[Item]
States: TypeAlias = Steps[ConnectionState]
History: TypeAlias = Reading[Change]
GameList: TypeAlias = Reading[GameSummary]
Services: TypeAlias = Steps[ServiceState]

C_co = TypeVar("C_co", bound=GameCommands, covariant=True)

__all__ = [
    "Changes",
    "Game",
    "GameList",
    "History",
    "PokerClient",
    "SeatHandle",
    "Services",
    "States",
    "Watch",
]


def _changes(loop: LoopThread, changes: _async.Changes) -> Changes:
    return Steps(loop, changes)


def _states(loop: LoopThread, states: _async.States) -> States:
    return Steps(loop, states)


def _history(loop: LoopThread, history: _async.History) -> History:
    return Reading(loop, history)


def _listed(loop: LoopThread, games: _async.GameList) -> GameList:
    return Reading(loop, games)


def _services(loop: LoopThread, services: _async.Services) -> Services:
    return Steps(loop, services)


class Watch(Steps[FeedItem]):
    """Events from a cursor on and then live, for a plain `for`; made by `PokerClient`."""

    def __init__(self, loop: LoopThread, watch: _async.Watch) -> None:
        super().__init__(loop, watch)
        self._watch = watch
        self._given = watch.cursor

    def __repr__(self) -> str:
        return repr(self._watch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __next__(self) -> FeedItem:
        item = super().__next__()
        self._given = item.cursor
        return item

    @property
    def cursor(self) -> str:
        """Where a new watch would go on: behind the last item that this one gave.

        While no step is waited for, it moves on behind what the filters leave out.
        """
        # A step that was interrupted may have its item already, which nobody was given.
        return self._given if self._stepping else self._loop.look(lambda: self._watch.cursor)

    def close(self) -> None:
        """End it; what was read ahead is left for a watch that goes on from `cursor`."""
        with suppress(_async.ClientClosed):
            self._loop.run(self._watch.close)


class _Commands(Facade[C_co]):
    """What a seat may ask of its game."""

    start_round = blocking(GameCommands.start_round)
    again = blocking(GameCommands.again)
    vote = blocking(GameCommands.vote)
    retract = blocking(GameCommands.retract)
    reveal = blocking(GameCommands.reveal)
    cancel_reveal = blocking(GameCommands.cancel_reveal)
    set_deadline = blocking(GameCommands.set_deadline)
    abandon_round = blocking(GameCommands.abandon_round)
    accept = blocking(GameCommands.accept)
    add_story = blocking(GameCommands.add_story)
    add_stories = blocking(GameCommands.add_stories)
    import_stories = blocking(GameCommands.import_stories)
    start_story = blocking(GameCommands.start_story)
    update_story = blocking(GameCommands.update_story)
    move_story = blocking(GameCommands.move_story)
    remove_story = blocking(GameCommands.remove_story)
    update_player = blocking(GameCommands.update_player)
    remove_player = blocking(GameCommands.remove_player)
    reset_seat = blocking(GameCommands.reset_seat)
    claim_facilitation = blocking(GameCommands.claim_facilitation)
    leave = blocking(GameCommands.leave)
    update = blocking(GameCommands.update)
    end = blocking(GameCommands.end)

    @property
    def player_id(self) -> str:
        """The seat; empty where there is none."""
        return self._it.player_id

    @property
    def game_id(self) -> str:
        """Names the game, for good."""
        return self._it.game_id

    @property
    def seat_secret(self) -> bytes:
        """Proves the seat: keep it secret."""
        return self._it.seat_secret


class SeatHandle(_Commands[_async.SeatHandle]):
    """A seat whose game need not be followed; made by `PokerClient`."""


class Game(_Commands[_async.Game]):
    """A game that is followed, until `detach()` or the client's end; made by `PokerClient`."""

    @property
    def view(self) -> ShownView:
        """A copy of the game as this client knows it now, with what is not confirmed yet."""

        def copied() -> ShownView:
            return self._it.view.copy()

        return self._loop.look(copied)

    @property
    def join_code(self) -> str:
        """The short code that people join with."""
        return self._loop.look(lambda: self._it.join_code)

    @property
    def seat(self) -> pb.SeatState:
        """What only this seat knows: its own card and comment; empty without a card."""
        return self._loop.look(lambda: self._it.seat)

    @property
    def presence(self) -> frozenset[str]:
        """Ids of the players who are connected."""
        return self._loop.look(lambda: self._it.presence)

    @property
    def stale(self) -> bool:
        """Whether the view may be old."""
        return self._loop.look(lambda: self._it.stale)

    @property
    def pending(self) -> tuple[PendingCommand, ...]:
        """The seat's commands that are not confirmed yet."""
        return self._loop.look(lambda: self._it.pending)

    @property
    def last_report(self) -> DeliveryReport | None:
        """Who has the newest critical event, where this seat is told."""
        return self._loop.look(lambda: self._it.last_report)

    def delivered(self, receipt: Receipt, timeout: float | None = None) -> DeliveryReport:
        """Wait for who has the critical event of a command of this game: `Receipt.delivered`."""
        return self._loop.run(lambda: receipt.delivered(timeout))

    changes = looking(_async.Game.changes, _changes)
    wait_for = blocking(_async.Game.wait_for)
    detach = blocking(_async.Game.detach)


def _games(loop: LoopThread, games: Sequence[_async.Game]) -> Sequence[Game]:
    return [Game(loop, game) for game in games]


class PokerClient(Facade[_async.PokerClient]):
    """A client of the service, to be used in `with`; it takes what the asynchronous one takes."""

    @made_like(_async.PokerClient)
    def __init__(self, client: _async.PokerClient) -> None:
        super().__init__(LoopThread(), client)

    def __enter__(self) -> Self:
        self._loop.start()
        try:
            self._loop.run(self._it.__aenter__)
        except RuntimeError:
            raise  # it is open already, and goes on
        except BaseException:
            self._loop.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect, or connect again after the connection was given up; raises ConnectionFailed.

        RuntimeError where it is open, or being opened, already.
        """
        self._loop.start()
        self._loop.run(self._it.open)

    def close(self) -> None:
        """Disconnect, and end the thread. Seats stay; who waits elsewhere gets an error."""
        try:
            self._loop.run(self._it.close)
        except _async.ClientClosed:
            return  # by another thread
        finally:
            self._loop.stop()

    @property
    def state(self) -> ConnectionState:
        """Disconnected, Connecting, Connected, Reconnecting or Failed."""
        return self._loop.look(lambda: self._it.state)

    @property
    def service(self) -> ServiceState:
        """Available, Degraded (with what still works) or Unavailable."""
        return self._loop.look(lambda: self._it.service)

    states = looking(_async.PokerClient.states, _states)
    services = looking(_async.PokerClient.services, _services)
    reconnect = blocking(_async.PokerClient.reconnect)
    create_game = giving(_async.PokerClient.create_game, Game)
    join = giving(_async.PokerClient.join, Game)
    attach = giving(_async.PokerClient.attach, Game)
    rejoin = giving(_async.PokerClient.rejoin, _games)
    seat = looking(_async.PokerClient.seat, SeatHandle)
    execute_create = giving(_async.PokerClient.execute_create, SeatHandle)
    execute_join = giving(_async.PokerClient.execute_join, SeatHandle)
    execute = blocking(_async.PokerClient.execute)
    read_game = blocking(_async.PokerClient.read_game)
    history = looking(_async.PokerClient.history, _history)
    list_games = looking(_async.PokerClient.list_games, _listed)
    watch = looking(_async.PokerClient.watch, Watch)
    purge_game = blocking(_async.PokerClient.purge_game)
