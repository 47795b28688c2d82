"""`planning-poker games history`: every event of a game, a line each."""

import json
from argparse import Namespace
from typing import Any

from google.protobuf.json_format import MessageToDict

from planning_poker_client import Change
from planning_poker_model.view import GameView
from planning_poker_server.cli.games.moments import local
from planning_poker_server.cli.games.reading import folded, reading
from planning_poker_server.cli.running import interruptible, run, say
from planning_poker_server.cli.words import Words
from planning_poker_server.printable import printable


def history(arguments: Namespace) -> int:
    """Print the events. Raises Failure."""
    return run(interruptible(_history(arguments)))


async def _history(arguments: Namespace) -> int:
    async with reading(arguments) as game:
        words = Words(GameView())
        width = len(f"{game.view.version:,}")
        async for view, change in folded(game.history()):
            told = words.of(view, change.event)
            if change.version <= arguments.after:
                continue
            if arguments.json:
                say(json.dumps(as_json(change), ensure_ascii=False, sort_keys=True))
            else:
                say(_line(change, words.actor(change.event), told.text, width))
    return 0


def _line(change: Change, actor: str, told: str, width: int) -> str:
    # Whoever acts is mostly named in the sentence; the server and owners are not.
    by = f"  ({actor})" if actor and actor not in told else ""
    return f"{change.version:>{width},}  {local(change.time)}  {printable(told + by)}"


def as_json(change: Change) -> dict[str, Any]:
    """The event in protobuf's own JSON."""
    found: dict[str, Any] = MessageToDict(change.event)
    return found
