"""A game and its history as commands read them from a server."""

import contextlib
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import NamedTuple

from planning_poker_client import Change, History, PokerClient
from planning_poker_model.view import GameView
from planning_poker_server.cli.games.server import asking
from planning_poker_server.cli.keyboard import asked_passcode


class Reading(NamedTuple):
    """A client, the game that the arguments name, and what opens it."""

    client: PokerClient
    view: GameView
    passcode: str

    def history(self) -> History:
        """All of its events, up to the version of the view."""
        return self.client.history(
            self.view.game_id, through_version=self.view.version, passcode=self.passcode
        )


@contextlib.asynccontextmanager
async def reading(arguments: Namespace, version: int | None = None) -> AsyncIterator[Reading]:
    """The game as it is now, or at a version. Raises Failure."""
    passcode = asked_passcode() if arguments.passcode else ""
    async with asking(arguments) as client:
        view = await client.read_game(arguments.game, version=version, passcode=passcode)
        yield Reading(client, view, passcode)


async def folded(history: AsyncIterator[Change]) -> AsyncIterator[tuple[GameView, Change]]:
    """Each change with the view behind it, which goes on with the next one."""
    view = GameView()
    async for change in history:
        view.apply(change.event)
        yield view, change
