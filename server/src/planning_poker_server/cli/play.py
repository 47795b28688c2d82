"""`planning-poker create` and `join`: a person plays in the terminal."""

import getpass
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from rich.console import Console

import planningpoker.v1 as pb
from planning_poker_client import Game, PokerClient, PokerError
from planning_poker_server.cli.at_table import AtTable
from planning_poker_server.cli.keyboard import first_line, terminal_restorer
from planning_poker_server.cli.results import print_results
from planning_poker_server.cli.running import Failure, interruptible, run, say
from planning_poker_server.cli.stories import stories_from
from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings

_Enter: TypeAlias = Callable[[PokerClient], Awaitable[Game]]


def create(arguments: Namespace) -> int:
    """Open a game and play it as its facilitator. Raises BadStories and Failure."""
    stories = stories_from(arguments.backlog) if arguments.backlog else None
    passcode = _passcode(arguments)

    async def enter(client: PokerClient) -> Game:
        game = await client.create_game(
            arguments.title,
            player=arguments.name,
            deck=arguments.deck,
            role=_role(arguments),
            auto_reveal=arguments.auto_reveal,
            passcode=passcode,
        )
        if stories is not None:
            await game.import_stories(stories)
        return game

    return _run(arguments, enter)


def join(arguments: Namespace) -> int:
    """Sit down at a game and play. Raises Failure."""
    passcode = _passcode(arguments)

    async def enter(client: PokerClient) -> Game:
        return await client.join(
            arguments.code, arguments.name, role=_role(arguments), passcode=passcode
        )

    return _run(arguments, enter)


def _run(arguments: Namespace, enter: _Enter) -> int:
    # What the SDK would log is also raised, and would spoil the picture.
    configure_logging(LoggingSettings(level="CRITICAL", format="text"))
    return run(interruptible(_play(arguments.server, enter), terminal_restorer()))


async def _play(server: str, enter: _Enter) -> int:
    console = Console(highlight=False)
    try:
        async with PokerClient(server, client_name="planning-poker") as client:
            game = await enter(client)
            await AtTable(client, game, console).play()
            view = game.view
    except PokerError as error:
        raise Failure(str(error)) from error
    if view.phase == pb.GAME_PHASE_ENDED:
        print_results(console, view)
    else:
        say("You left the table.")
    return 0


def _role(arguments: Namespace) -> pb.PlayerRole.ValueType:
    return pb.PLAYER_ROLE_OBSERVER if arguments.observer else pb.PLAYER_ROLE_VOTER


def _passcode(arguments: Namespace) -> str:
    """Ask for it without showing it; piped input brings it in its first line."""
    if not arguments.passcode:
        return ""
    if sys.stdin.isatty():
        return getpass.getpass("Passcode: ")
    return first_line()
