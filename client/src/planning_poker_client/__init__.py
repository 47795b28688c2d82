"""The SDK of the planning-poker service.

async with PokerClient("localhost:50051") as client:
    game = await client.create_game("Sprint 12", player="Ada")
    await game.start_story("Login page")
    await game.vote("8")
    async for change in game.changes():
        ...
"""

from planning_poker_client.calls.listing import GameList, GameSummary, ListOptions
from planning_poker_client.calls.reads import History
from planning_poker_client.changes import Change, EventBody, Item, Receipt, Resynced, RolledBack
from planning_poker_client.client import PokerClient
from planning_poker_client.errors import (
    BadStories,
    ClientClosed,
    CommandRefused,
    ConnectionFailed,
    ConnectionLost,
    ConnectionProblem,
    Finding,
    GameDetached,
    GameOver,
    NoRound,
    NotReported,
    NotSent,
    OutcomeUnknown,
    PokerError,
    Replaced,
    SeatStoreError,
    WaitTimeout,
)
from planning_poker_client.exchange import CallOptions
from planning_poker_client.feed.items import CaughtUp, FeedItem, Watched, WatchOptions
from planning_poker_client.feed.watcher import Watch
from planning_poker_client.game import Game
from planning_poker_client.handles import SeatHandle
from planning_poker_client.options import ClientOptions
from planning_poker_client.pending import PendingCommand, ShownView
from planning_poker_client.reports import DeliveryReport
from planning_poker_client.seats.seating import CreateOptions, JoinOptions
from planning_poker_client.seats.store import (
    FileSeatStore,
    MemorySeatStore,
    SeatStore,
    StoredSeat,
)
from planning_poker_client.service import (
    Available,
    Degraded,
    Fallback,
    ServiceState,
    Unavailable,
)
from planning_poker_client.states import (
    Connected,
    Connecting,
    ConnectionState,
    Disconnected,
    Failed,
    Reconnecting,
)
from planning_poker_client.stories.file import StoryFile, read_stories
from planning_poker_client.stories.importing import ImportedStories
from planning_poker_client.watch import Changes, Services, States
from planning_poker_model.view import GameView

__all__ = [
    "Available",
    "BadStories",
    "CallOptions",
    "CaughtUp",
    "Change",
    "Changes",
    "ClientClosed",
    "ClientOptions",
    "CommandRefused",
    "Connected",
    "Connecting",
    "ConnectionFailed",
    "ConnectionLost",
    "ConnectionProblem",
    "ConnectionState",
    "CreateOptions",
    "Degraded",
    "DeliveryReport",
    "Disconnected",
    "EventBody",
    "Failed",
    "Fallback",
    "FeedItem",
    "FileSeatStore",
    "Finding",
    "Game",
    "GameDetached",
    "GameList",
    "GameOver",
    "GameSummary",
    "GameView",
    "History",
    "ImportedStories",
    "Item",
    "JoinOptions",
    "ListOptions",
    "MemorySeatStore",
    "NoRound",
    "NotReported",
    "NotSent",
    "OutcomeUnknown",
    "PendingCommand",
    "PokerClient",
    "PokerError",
    "Receipt",
    "Reconnecting",
    "Replaced",
    "Resynced",
    "RolledBack",
    "SeatHandle",
    "SeatStore",
    "SeatStoreError",
    "ServiceState",
    "Services",
    "ShownView",
    "States",
    "StoredSeat",
    "StoryFile",
    "Unavailable",
    "WaitTimeout",
    "Watch",
    "WatchOptions",
    "Watched",
    "read_stories",
]
