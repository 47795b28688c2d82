"""`planning-poker tail`: what happens in all games, as it happens."""

import contextlib
import json
import logging
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

import planningpoker.v1 as pb
from planning_poker_client import CaughtUp, CommandRefused, PokerClient, Watched
from planning_poker_model.view import GameView
from planning_poker_server.cli.games.moments import local
from planning_poker_server.cli.games.server import asking
from planning_poker_server.cli.keyboard import asked_passcode
from planning_poker_server.cli.running import complain, interruptible, run, say
from planning_poker_server.cli.words import Words
from planning_poker_server.printable import printable

_MOST_GAMES: Final = 1_000
"""Of which names are remembered."""
_NAME: Final = 24
_SDK_LOG: Final = "planning_poker_client"


def tail(arguments: Namespace) -> int:
    """Print events until a signal. Raises Failure."""
    return run(interruptible(_tail(arguments)))


async def _tail(arguments: Namespace) -> int:
    passcode = asked_passcode() if arguments.passcode else ""
    async with asking(arguments) as client, _losses_told():
        names = _Names(client, passcode)
        async with client.watch(
            cursor=arguments.cursor or "",
            from_now=not arguments.from_start,
            game=arguments.game or "",
            event_types=arguments.type or (),
            labels=dict(arguments.label or ()),
            passcode=passcode,
        ) as watch:
            async for item in watch:
                if arguments.json:
                    say(json.dumps(_as_json(item), ensure_ascii=False, sort_keys=True))
                elif isinstance(item, CaughtUp):
                    complain("Listening; Ctrl-C ends it.")
                else:
                    say(await names.line(item))
    return 0


class _Losses(logging.Handler):
    """Tells on standard error what the SDK logs of its connection: a loss once, and the return."""

    def emit(self, record: logging.LogRecord) -> None:
        told = printable(record.getMessage()).rstrip(".")
        complain(f"{told[:1].upper()}{told[1:]}.")


@contextlib.asynccontextmanager
async def _losses_told() -> AsyncIterator[None]:
    # Inside `asking`, which silences the log: that stays so for all but this handler.
    log = logging.getLogger(_SDK_LOG)
    level, losses = log.level, _Losses(logging.INFO)
    log.setLevel(logging.INFO)
    log.addHandler(losses)
    try:
        yield
    finally:
        log.removeHandler(losses)
        log.setLevel(level)


def _as_json(item: Watched | CaughtUp) -> dict[str, Any]:
    if isinstance(item, CaughtUp):
        return {"cursor": item.cursor, "caughtUp": True}
    event = MessageToDict(item.change.event)
    return {"cursor": item.cursor, "gameId": item.game_id, "event": event}


class _Names:
    """Lines about games, whose names are looked up when they are first spoken of."""

    def __init__(self, client: PokerClient, passcode: str) -> None:
        self._client = client
        self._passcode = passcode
        self._known: dict[str, tuple[GameView, Words]] = {}

    async def line(self, item: Watched) -> str:
        """What happened, in which game."""
        view, words = await self._game(item.game_id)
        event = item.change.event
        if view.version == event.version - 1:
            view.apply(event)
        told = words.of(view, event)
        code = view.join_code or item.game_id[:8]
        name = printable(view.display_name, _NAME)
        return f"{local(item.time)}  {code}  {name}  {printable(told.text)}"

    async def _game(self, game_id: str) -> tuple[GameView, Words]:
        known = self._known.pop(game_id, None)
        if known is None:
            view = await self._read(game_id)
            known = view, Words(view)
        # Out and in again: the first in the dictionary is the one spoken of longest ago.
        self._known[game_id] = known
        if len(self._known) > _MOST_GAMES:
            del self._known[next(iter(self._known))]
        return known

    async def _read(self, game_id: str) -> GameView:
        try:
            return await self._client.read_game(game_id, passcode=self._passcode)
        except CommandRefused:  # purged since, say
            return GameView.from_game(pb.Game(game_id=game_id, display_name="?"))
