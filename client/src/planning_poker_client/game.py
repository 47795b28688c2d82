"""A game as one seat, or a watcher without one, follows it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import planningpoker.v1 as pb
from planning_poker_client.changes import Item, Receipt
from planning_poker_client.commands import GameCommands
from planning_poker_client.errors import (
    ClientClosed,
    ConnectionProblem,
    GameDetached,
    GameOver,
    PokerError,
    WaitTimeout,
)
from planning_poker_client.exchange import CallOptions, Exchange
from planning_poker_client.inbox import Inbox
from planning_poker_client.pending import PendingCommand, ShownView
from planning_poker_client.reports import DeliveryReport
from planning_poker_client.watch import Changes
from planning_poker_model.view import GameView

_REQUESTED: Final = "REQUESTED"


class Game(GameCommands):
    """Made by `PokerClient`; the game is followed until `detach()` or the client's end."""

    def __init__(
        self, exchange: Exchange, inbox: Inbox, player_id: str = "", seat_secret: bytes = b""
    ) -> None:
        self.game_id = inbox.view.game_id
        """Names the game, for good."""
        self.player_id = player_id
        """The seat; empty for a watcher, and for who manages the game without a seat."""
        self.seat_secret = seat_secret
        """Proves the seat: keep it to come back with `PokerClient.attach`, and keep it secret."""
        self._exchange = exchange
        self._inbox = inbox
        self._gone: PokerError | None = None
        self._watchers: WeakKeyDictionary[Changes, None] = WeakKeyDictionary()
        exchange.follow(self)

    def __repr__(self) -> str:
        seat = f" as {self.player_id}" if self.player_id else ""
        return f"<Game {self.game_id}{seat} at version {self._inbox.view.version}>"

    # What is known

    @property
    def view(self) -> ShownView:
        """The game as this client knows it; read only, and to be taken anew each time.

        An own vote, retraction or new name shows at once, and is taken back if it
        is refused. There is always a view, with or without a connection; see `stale`.
        """
        return self._inbox.pending.view(self.player_id, self._inbox.view)

    @property
    def stale(self) -> bool:
        """Whether the view may be old: there is no connection, or it is catching up."""
        return self._inbox.view.stale

    @property
    def pending(self) -> tuple[PendingCommand, ...]:
        """The commands of this seat that are not confirmed yet, in the order they were given."""
        return self._inbox.pending.of(self.player_id)

    @property
    def last_report(self) -> DeliveryReport | None:
        """Who has the last critical event, as far as this client was told; None: it was not."""
        return self._inbox.reports.last

    @property
    def join_code(self) -> str:
        """The short code that people join with."""
        return self.view.join_code

    @property
    def seat(self) -> pb.SeatState:
        """What only this seat knows: its own card, also while that is pending; empty without."""
        return self._inbox.seat(self.player_id)

    @property
    def presence(self) -> frozenset[str]:
        """Ids of the players who are connected."""
        return self._inbox.players_present

    # What happens

    def changes(self) -> Changes:
        """All changes from this moment on, for `async for`; they continue the view of now.

        It ends when the game has ended, was detached or the client was closed,
        and raises when the game is followed no longer for another reason.
        """
        return self._watch(self._exchange.options.change_buffer)

    async def wait_for(
        self, condition: Callable[[GameView], bool], timeout: float | None = None
    ) -> None:
        """Wait until the view meets a condition, for at most `timeout` seconds.

        It looks at the newest view only, and at what is confirmed in it; for each
        step on the way there is `changes()`. Raises WaitTimeout, GameOver, or what
        ended the following.
        """
        try:
            async with asyncio.timeout(timeout) as limit:
                changes = self._watch(limit=1)
                while not condition(self._inbox.view):
                    await anext(changes)
        except StopAsyncIteration:
            over = GameOver("The game is over, and what was waited for has not happened.")
            raise self._gone or over from None
        except TimeoutError:
            if not limit.expired():
                raise  # the condition's own
            message = f"What was waited for did not happen within {timeout:g} s."
            raise WaitTimeout(message) from None

    def _watch(self, limit: int) -> Changes:
        changes = Changes(self._inbox.view.version, limit)
        problem = self._gone or self._exchange.problem
        if problem is not None:
            changes.end(_raised(problem))
        elif self._inbox.view.phase == pb.GAME_PHASE_ENDED:
            changes.end()
        self._watchers[changes] = None
        return changes

    def told(self, items: Sequence[Item]) -> None:
        """The view went on; called by the exchange."""
        for watcher in tuple(self._watchers):
            watcher.push(items)
            if self._inbox.view.phase == pb.GAME_PHASE_ENDED:
                watcher.end()

    def ended(self, error: PokerError) -> None:
        """Nothing more comes, for now at least; called by the exchange."""
        if not isinstance(error, ConnectionProblem):
            self._gone = error
        for watcher in tuple(self._watchers):
            watcher.end(_raised(error))

    async def detach(self) -> None:
        """Follow the game no longer. The seat stays, and the view as it is."""
        self._exchange.unfollow(self)
        self.ended(GameDetached("This game was detached.", _REQUESTED))

    def _followed(self) -> Inbox:
        return self._inbox

    async def _send(self, command: pb.Command, options: CallOptions) -> Receipt:
        command.game_id = self.game_id
        command.player_id = self.player_id
        return await self._exchange.call(command, options)


def _raised(error: PokerError) -> PokerError | None:
    """What a follower is to raise: nothing where its own side ended it."""
    own = isinstance(error, ClientClosed) or (
        isinstance(error, GameDetached) and error.reason == _REQUESTED
    )
    return None if own else error
