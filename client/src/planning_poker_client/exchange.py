"""Between the coroutines of a client's user and its connection: who waits for what."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypedDict
from weakref import WeakKeyDictionary

import planningpoker.v1 as pb
from planning_poker_client import logs
from planning_poker_client.chance import new_id
from planning_poker_client.changes import Item, Receipt
from planning_poker_client.connection import Connection
from planning_poker_client.deliveries import Deliveries
from planning_poker_client.endpoint import Endpoint
from planning_poker_client.errors import (
    ClientClosed,
    ConnectionFailed,
    ConnectionLost,
    ConnectionProblem,
    GameDetached,
    PokerError,
)
from planning_poker_client.ids import correlation_id
from planning_poker_client.inbox import Inbox
from planning_poker_client.notices import (
    Ended,
    Notice,
    Reported,
    Resuming,
    ServiceTold,
    Settled,
    StateChanged,
    Told,
    Undone,
)
from planning_poker_client.reports import Reports
from planning_poker_client.service import ServiceState
from planning_poker_client.states import (
    Connected,
    Connecting,
    ConnectionState,
    Disconnected,
    Failed,
    Reconnecting,
)
from planning_poker_client.transport import Transport
from planning_poker_client.values import check_names
from planning_poker_client.watch import Services, States


class CallOptions(TypedDict, total=False):
    """What every command takes beside its own arguments."""

    request_id: str | None
    """Any string; the same one again is the same command, with one effect and one answer."""
    timeout: float | None
    """Seconds to wait for the answer; by default `ClientOptions.command_timeout`."""
    expected_version: int | None
    """Refuse with VERSION_CONFLICT unless the game is at this version."""


class Follower(Protocol):
    """Who is told about a game."""

    game_id: str
    player_id: str

    def told(self, items: Sequence[Item]) -> None: ...
    def ended(self, error: PokerError) -> None: ...


class Exchange:
    """Sends requests and hands out what comes; everything on one event loop."""

    def __init__(self, hello: pb.Hello, endpoint: Endpoint) -> None:
        self.options = options = endpoint.options
        self._target = endpoint.target
        self._connection = Connection(hello, endpoint.target, options)
        self._chance = endpoint.chance
        self._transport = Transport(endpoint, self._connection, self._tell)
        # Dictionaries where sets would do: who came first is told first, in every run.
        self._waiting: dict[str, dict[asyncio.Future[Receipt | PokerError], None]] = {}
        self._followers: dict[str, list[Follower]] = {}
        self._told = self._connection.state
        self._states: WeakKeyDictionary[States, None] = WeakKeyDictionary()
        self._service = self._connection.service
        self._services: WeakKeyDictionary[Services, None] = WeakKeyDictionary()
        self._deliveries = Deliveries(self._reports, self._no_reports, options.report_timeout)

    @property
    def state(self) -> ConnectionState:
        return self._connection.state

    @property
    def problem(self) -> ConnectionProblem | None:
        """Why there is no connection and none is on its way; None while there is."""
        match self._connection.state:
            case Failed(reason, retryable):
                return ConnectionLost(reason, retryable=retryable)
            case _:
                return None

    @property
    def principal(self) -> str | None:
        """Whom the server takes this client for; None as long as it was never asked."""
        return self._connection.principal

    def states(self) -> States:
        """The state and its changes from now on."""
        states = States(self._connection.state)
        self._states[states] = None
        return states

    @property
    def service(self) -> ServiceState:
        """What works now."""
        return self._connection.service

    def services(self) -> Services:
        """What works, and each change of it from now on."""
        services = Services(self.service)
        self._services[services] = None
        return services

    async def open(self) -> None:
        """Return once connected; raises ConnectionFailed, or RuntimeError where it is open."""
        match self.state:
            case Connecting() | Connected() | Reconnecting():
                raise RuntimeError("the client is open already: close() it first")
        self._start()
        try:
            await self._connected()
        except ConnectionFailed:
            await self._transport.close()
            raise
        except asyncio.CancelledError:
            await self.close()
            raise

    def _start(self) -> None:
        self._tell_all(self._connection.open(self._transport.now()))
        self._transport.start()

    async def reconnect(self) -> None:
        """Try at once, if there is no connection; return once connected, within `connect_timeout`.

        Raises ConnectionFailed otherwise, while trying goes on unless it was
        given up; ClientClosed where the client is not open.
        """
        match self.state:
            case Failed():
                self._start()
            case Reconnecting() | Connecting():
                self._connection.hurry(self._transport.now())
                self._transport.hurry()
        try:
            async with asyncio.timeout(self.options.connect_timeout):
                await self._connected()
        except TimeoutError:
            reason = self.state.reason if isinstance(self.state, Reconnecting) else ""
            message = f"{self._target} could not be reached yet. {reason}".strip()
            raise ConnectionFailed(message, retryable=True) from None

    async def _connected(self) -> None:
        async for state in self.states():
            match state:
                case Connected():
                    return
                case Failed(reason, retryable):
                    raise ConnectionFailed(reason, retryable=retryable)
                case Disconnected():
                    raise ClientClosed("The client is not open: use it inside `async with`.")

    async def close(self) -> None:
        """End everything; who still waits for something gets ClientClosed or OutcomeUnknown."""
        try:
            await self._transport.close()
        finally:
            self._tell_all(self._connection.close(self._transport.now()))
            self._followers.clear()

    # Requests

    async def call(self, command: pb.Command, options: CallOptions) -> Receipt:
        """Send a command and wait for its receipt; raises PokerError."""
        check_names(options, CallOptions)
        version = options.get("expected_version")
        if version is not None:
            command.expected_version = version
        scope = (command.game_id, command.player_id, command.WhichOneof("body") or "")
        timeout = options.get("timeout")
        return await self._request(
            self._id(options.get("request_id"), scope),
            lambda id_, now: self._connection.send(command, id_, now, timeout),
        )

    async def attach(self, attach: pb.Attach, timeout: float | None) -> Receipt:
        """Follow a game; the receipt has its id and version. Raises PokerError."""
        return await self._request(
            new_id(self._chance),
            lambda id_, now: self._connection.attach(attach, id_, now, timeout),
        )

    def _id(self, request_id: str | None, scope: Sequence[str]) -> str:
        return new_id(self._chance) if request_id is None else correlation_id(request_id, *scope)

    async def _request(self, id_: str, send: Callable[[str, float], Sequence[Notice]]) -> Receipt:
        answer: asyncio.Future[Receipt | PokerError] = asyncio.get_running_loop().create_future()
        notices = send(id_, self._transport.now())
        self._waiting.setdefault(id_, {})[answer] = None
        self._tell_all(notices)
        self._transport.poke()
        try:
            outcome = await answer
        except asyncio.CancelledError:
            self._abandon(id_, answer)
            raise
        if isinstance(outcome, PokerError):
            raise outcome
        return replace(outcome, delivers=self._deliveries)

    def _abandon(self, id_: str, answer: asyncio.Future[Receipt | PokerError]) -> None:
        """Who asked was cancelled; what the answer brings must not stay behind."""
        waiting = self._waiting.get(id_, {})
        waiting.pop(answer, None)
        outcome = answer.result() if answer.done() and not answer.cancelled() else None
        if isinstance(outcome, Receipt):
            self._connection.tidy(outcome.game_id)
        elif id_ in self._waiting and not waiting:
            del self._waiting[id_]
            self._connection.forget(id_, self._transport.now())
        self._transport.poke()

    # Games

    def inbox(self, game_id: str) -> Inbox | None:
        """Where a game that is followed arrives."""
        return self._connection.games.get(game_id)

    def follows(self, game: str) -> bool:
        """Whether a game, named by id or join code, is followed."""
        return self._connection.follows(game)

    def follow(self, follower: Follower) -> None:
        """Tell it about its game from now on."""
        self._connection.hold(follower.game_id, follower.player_id)
        self._followers.setdefault(follower.game_id, []).append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Tell it nothing more; the last one detaches the game."""
        followers = self._followers.get(follower.game_id, [])
        if follower not in followers:
            return
        followers.remove(follower)
        if not followers:
            del self._followers[follower.game_id]
        self._connection.release(follower.game_id, follower.player_id, self._transport.now())
        if self.inbox(follower.game_id) is None:
            gone = GameDetached("This game was detached.", "REQUESTED")
            self._deliveries.ended(follower.game_id, gone)
        self._look_at_service()
        self._transport.poke()

    def _reports(self, game_id: str) -> Reports | None:
        inbox = self.inbox(game_id)
        return inbox.reports if inbox is not None else None

    def _no_reports(self) -> PokerError | None:
        closed = isinstance(self.state, Disconnected)
        return ClientClosed("The client is closed.") if closed else self.problem

    def tidy(self, game_id: str) -> None:
        """Follow a game no longer that nobody follows after all."""
        self._connection.tidy(game_id)
        self._transport.poke()

    # What happened

    def _tell_all(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        match notice:
            case Settled(id_, outcome):
                for answer in self._waiting.pop(id_, {}):
                    if not answer.done():
                        answer.set_result(outcome)
            case Told(game_id, items):
                for follower in self._followers.get(game_id, ()):
                    follower.told(items)
            case Undone(game_id, player_id, item, kept):
                for follower in self._followers.get(game_id, ()):
                    if follower.player_id == player_id:
                        follower.told((item,))
                if kept:
                    logs.kept_in_vain(game_id, item.error)
            case Reported(game_id):
                self._deliveries.reported(game_id)
            case Ended(game_id, error):
                self._ended(game_id, error)
            case Resuming(game_id, reason):
                logs.resuming(game_id, reason)
            case ServiceTold():
                logs.service_changed(self._target, self._service, self.service)
            case StateChanged(state):
                self._became(state)
        if isinstance(notice, ServiceTold | StateChanged | Ended):
            self._look_at_service()

    def _ended(self, game_id: str, error: PokerError) -> None:
        logs.ended(game_id, error)
        self._deliveries.ended(game_id, error)
        for follower in self._followers.get(game_id, ()):
            follower.ended(error)
        if self.inbox(game_id) is None:
            self._followers.pop(game_id, None)

    def _became(self, state: ConnectionState) -> None:
        logs.state_changed(self._target, self._told, state)
        self._told = state
        for states in tuple(self._states):
            states.push(state, last=isinstance(state, Disconnected))

    def _look_at_service(self) -> None:
        """Tell who watches it whether something works that did not, or the other way round."""
        before, self._service = self._service, self.service
        closed = isinstance(self.state, Disconnected)
        if self._service != before or closed:
            for services in tuple(self._services):
                services.push(self._service, last=closed)
