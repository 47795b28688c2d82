"""What a person at the table can type, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import planningpoker.v1 as pb
from planning_poker_client import Game
from planning_poker_model.decks import describe, find_card
from planning_poker_server.cli.telling import label


class Misunderstood(Exception):
    """What was typed is no order; the message says what would be."""


class Quit(Exception):
    """The person wants to leave."""


@dataclass(frozen=True, slots=True)
class Order:
    """A word, and what follows it."""

    word: str
    rest: str = ""


def parse(line: str, deck: pb.Deck) -> Order | None:
    """What was typed; None for an empty line. A card alone is a vote. Raises Misunderstood."""
    word, _, rest = line.strip().partition(" ")
    if not word:
        return None
    if find_card(deck, word) is not None:
        return Order("vote", f"{word} {rest}".strip())
    order = Order(word.lower(), rest.strip())
    if order.word not in _ORDERS:
        raise Misunderstood(f"{word} is not known here; help lists what is.")
    if _ORDERS[order.word].needs and not order.rest:
        raise Misunderstood(f"{order.word} needs {_ORDERS[order.word].needs}.")
    return order


async def obey(game: Game, order: Order) -> str:
    """Do it; a sentence about what came of it. Raises PokerError and Quit."""
    return await _ORDERS[order.word].do(game, order.rest)


def help_lines(deck: pb.Deck) -> list[str]:
    """What can be typed, one a line."""
    width = max(len(kind.shape) for kind in _ORDERS.values())
    listed = [f"{kind.shape:<{width}}  {kind.help}" for kind in _ORDERS.values()]
    return [*listed, f"The cards are {describe(deck)}"]


async def _vote(game: Game, rest: str) -> str:
    card, _, comment = rest.partition(" ")
    await game.vote(card, comment=comment.strip())
    return f"Your card is {card}; it lies face down."


async def _retract(game: Game, _rest: str) -> str:
    await game.retract()
    return "You took your card back."


async def _reveal(game: Game, rest: str) -> str:
    await game.reveal(force=rest.lower() == "now")
    return "The cards are turned."


async def _again(game: Game, _rest: str) -> str:
    await game.again()
    return "Everyone votes again."


async def _start(game: Game, rest: str) -> str:
    await game.start_story(rest)
    return "The story is on the table."


async def _next(game: Game, _rest: str) -> str:
    waiting = (s for s in game.view.stories.values() if s.status == pb.STORY_STATUS_PENDING)
    current = game.view.current_story
    story = next((s for s in waiting if s is not current), None)
    if story is None:
        return "No story of the backlog is left; start TITLE adds one."
    await game.start_round(story.story_id)
    return f"{label(story)} is on the table."


async def _accept(game: Game, rest: str) -> str:
    round_ = game.view.round
    value = rest or (round_.statistics.suggested_card if round_ is not None else "")
    if not value:
        return "Say which estimate: accept 8."
    await game.accept(value)
    return f"The estimate is {value}."


async def _sit(game: Game, _rest: str) -> str:
    await game.update_player(role="voter")
    return "You vote from now on."


async def _watch(game: Game, _rest: str) -> str:
    await game.update_player(role="observer")
    return "You only watch from now on."


async def _lead(game: Game, rest: str) -> str:
    player = game.view.player(rest)
    if player is None:
        return f"Nobody at the table is called {rest}."
    await game.update_player(player.player_id, facilitator=True)
    return f"{player.display_name} is a facilitator now."


async def _end(game: Game, _rest: str) -> str:
    await game.end()
    return "You ended the game."


async def _help(_game: Game, _rest: str) -> str:
    return ""  # shown by whoever has the room for it


async def _quit(_game: Game, _rest: str) -> str:
    raise Quit


_Do: TypeAlias = Callable[[Game, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class _Kind:
    shape: str
    help: str
    do: _Do
    needs: str = ""


_ORDERS: Final[dict[str, _Kind]] = {
    "vote": _Kind("vote CARD", "lay a card face down; the card alone does, too", _vote, "a card"),
    "retract": _Kind("retract", "take your card back", _retract),
    "reveal": _Kind("reveal", "turn the cards; reveal now: without waiting", _reveal),
    "again": _Kind("again", "another round for the same story", _again),
    "accept": _Kind("accept [VALUE]", "make it the estimate; else the nearest card", _accept),
    "next": _Kind("next", "a round for the next story of the backlog", _next),
    "start": _Kind("start TITLE", "a round for a new story", _start, "a title"),
    "watch": _Kind("watch", "watch without voting", _watch),
    "sit": _Kind("sit", "vote again", _sit),
    "lead": _Kind("lead NAME", "make somebody a facilitator", _lead, "a name"),
    "end": _Kind("end", "end the game for everyone", _end),
    "help": _Kind("help", "show this", _help),
    "quit": _Kind("quit", "leave the table", _quit),
}
