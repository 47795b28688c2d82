"""Reading without joining: a game at any version, and all its events. Driver over grpc.aio."""

from collections.abc import AsyncIterator
from typing import Self

import grpc.aio

import planningpoker.v1 as pb
from planning_poker_client.calls.listing import GameSummary, summary_of
from planning_poker_client.calls.patience import Patience
from planning_poker_client.calls.resumable import Resumable
from planning_poker_client.calls.unary import Unary, status_from
from planning_poker_client.changes import Change
from planning_poker_model.view import GameView
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub


class Reads:
    """Reads on the channel that single commands have; both open it when they need it."""

    def __init__(self, unary: Unary) -> None:
        self._unary = unary
        self._endpoint = unary.endpoint

    async def game(self, request: pb.GetGameRequest, timeout: float | None) -> GameView:
        """The game, once the server tells; raises PokerError."""
        patience = Patience(self._endpoint, timeout)
        while True:
            stub = PlanningPokerServiceStub(self._unary.channel())
            try:
                with self._unary.calling():
                    response = await stub.GetGame(
                        request, timeout=patience.left(), metadata=self._endpoint.metadata
                    )
            except grpc.aio.AioRpcError as error:
                await patience.after(status_from(error))
            else:
                return GameView.from_game(response.game)

    def games(self, request: pb.ListGamesRequest) -> AsyncIterator[GameSummary]:
        """The games, page after page, each asked for when the one before was taken."""
        return Resumable(lambda: self._games(request))

    def history(self, request: pb.ReadHistoryRequest) -> AsyncIterator[Change]:
        """The events, in order and once, however often the way to the server is lost."""
        return Resumable(lambda: self._history(request))

    async def _games(self, request: pb.ListGamesRequest) -> AsyncIterator[GameSummary]:
        """From the page on that `request` names; it waits only between two pages."""
        while True:
            response = await self._page(request)
            for game in response.games:
                yield summary_of(game)
            request.page_token = response.next_page_token
            if not request.page_token:
                return

    async def _page(self, request: pb.ListGamesRequest) -> pb.ListGamesResponse:
        patience = Patience(self._endpoint, None)
        while True:
            stub = PlanningPokerServiceStub(self._unary.channel())
            try:
                with self._unary.calling():
                    return await stub.ListGames(
                        request, timeout=patience.left(), metadata=self._endpoint.metadata
                    )
            except grpc.aio.AioRpcError as error:
                await patience.after(status_from(error))

    async def _history(self, request: pb.ReadHistoryRequest) -> AsyncIterator[Change]:
        """From the version on that `request` names, which follows what was given."""
        patience = Patience(self._endpoint, None)
        while True:
            stub = PlanningPokerServiceStub(self._unary.channel())
            call = stub.ReadHistory(request, metadata=self._endpoint.metadata)
            try:
                async for response in call:
                    for event in response.batch.events:
                        request.after_version = event.version
                        yield Change(event.version, event.WhichOneof("event") or "", event)
                    patience = Patience(self._endpoint, None)
            except grpc.aio.AioRpcError as error:
                await patience.after(status_from(error))
            else:
                return
            finally:
                call.cancel()


class History:
    """The events of a game from a version on: an asynchronous iterator that ends at the newest."""

    def __init__(self, events: AsyncIterator[Change]) -> None:
        self._events = events

    def __aiter__(self) -> Self:
        return self

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come: it may, until the end."""
        return True

    async def __anext__(self) -> Change:
        return await anext(self._events)
