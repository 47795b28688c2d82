"""Every event of a game in a sentence; what people at the table are told, and the rest."""

from collections.abc import Callable
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.telling import Names, Teller, label


class Words:
    """Puts the events of one game into words, from its first event on or from a view on."""

    def __init__(self, view: GameView) -> None:
        self._teller = Teller(view)

    def of(self, view: GameView, event: pb.GameEvent) -> Told:
        """A line about `event`, already folded into `view`."""
        told = self._teller.tell(view, event)
        if told is not None:
            return told
        kind = event.WhichOneof("event") or ""
        tell = _MORE.get(kind)
        if tell is not None:
            return Told(tell(event, self._teller.name))
        return Told(kind.replace("_", " ") or "something that a newer version knows", "dim")

    def actor(self, event: pb.GameEvent) -> str:
        """Who caused it; empty for the server and for an owner without a seat."""
        return self._teller.name(event.actor_id) if event.actor_id else ""


def _created(event: pb.GameEvent, _name: Names) -> str:
    return f"The game “{event.game_created.game.display_name}” is opened"


def _updated(event: pb.GameEvent, _name: Names) -> str:
    guarded = ", with a passcode" if event.game_updated.passcode_required else ""
    return f"The game is now “{event.game_updated.display_name}”{guarded}"


def _reset(event: pb.GameEvent, name: Names) -> str:
    return f"The seat of {name(event.seat_reset.player_id)} has a new secret"


def _changed(event: pb.GameEvent, _name: Names) -> str:
    story = event.story_updated.story
    if story.status == pb.STORY_STATUS_SKIPPED:
        return f"{label(story)} is skipped"
    return f"{label(story)} is now “{story.title}”"


def _moved(_event: pb.GameEvent, _name: Names) -> str:
    return "A story has another place in the backlog"


def _removed(_event: pb.GameEvent, _name: Names) -> str:
    return "A story leaves the backlog"


_MORE: Final[dict[str, Callable[[pb.GameEvent, Names], str]]] = {
    "game_created": _created,
    "game_updated": _updated,
    "seat_reset": _reset,
    "story_updated": _changed,
    "story_moved": _moved,
    "story_removed": _removed,
}
