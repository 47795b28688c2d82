"""What happened in a game, in sentences."""

from collections.abc import Callable
from typing import Final, TypeAlias

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.table import statistics_line

Names: TypeAlias = Callable[[str], str]


class Teller:
    """Puts the events of one game into words; remembers the names of who left."""

    def __init__(self, view: GameView) -> None:
        self._names: dict[str, str] = {}
        self._learn(view)

    def tell(self, view: GameView, event: pb.GameEvent) -> Told | None:
        """A line about `event`, already folded into `view`; None where there is nothing to say."""
        self._learn(view)
        tell = _TELLERS.get(event.WhichOneof("event") or "")
        return tell(event, self.name) if tell is not None else None

    def name(self, player_id: str) -> str:
        """The name of a player, also of one who left."""
        return self._names.get(player_id, player_id)

    def _learn(self, view: GameView) -> None:
        self._names.update((key, player.display_name) for key, player in view.players.items())


def label(story: pb.Story | None) -> str:
    """How a story is called in a sentence: by its key, else by its title."""
    return (story.key or f"“{story.title}”") if story is not None else "the vote"


def _joined(event: pb.GameEvent, _name: Names) -> Told:
    player = event.player_joined.player
    watches = player.role == pb.PLAYER_ROLE_OBSERVER
    return Told(f"{player.display_name} {'watches' if watches else 'sits down'}", "cyan")


def _updated(event: pb.GameEvent, _name: Names) -> Told:
    player = event.player_updated.player
    role = "an observer" if player.role == pb.PLAYER_ROLE_OBSERVER else "a voter"
    leads = " and a facilitator" if player.facilitator else ""
    return Told(f"{player.display_name} is now {role}{leads}", "cyan")


def _left(event: pb.GameEvent, name: Names) -> Told:
    return Told(f"{name(event.player_left.player_id)} leaves", "cyan")


def _removed(event: pb.GameEvent, name: Names) -> Told:
    return Told(f"{name(event.player_removed.player_id)} was removed", "cyan")


def _added(event: pb.GameEvent, _name: Names) -> Told:
    stories = event.stories_added.stories
    if len(stories) == 1:
        return Told(f"{label(stories[0])} enters the backlog")
    return Told(f"{len(stories)} stories enter the backlog")


def _started(event: pb.GameEvent, _name: Names) -> Told:
    started = event.round_started
    story = label(started.story if started.HasField("story") else None)
    if started.round.number > 1:
        return Told(f"Round {started.round.number} for {story}", "bold yellow")
    return Told(f"Cards for {story}", "bold yellow")


def _voted(event: pb.GameEvent, name: Names) -> Told:
    return Told(f"{name(event.vote_submitted.player_id)} lays a card")


def _retracted(event: pb.GameEvent, name: Names) -> Told:
    return Told(f"{name(event.vote_retracted.player_id)} takes the card back")


def _scheduled(_event: pb.GameEvent, _name: Names) -> Told:
    return Told("The cards will be turned in a moment")


def _cancelled(_event: pb.GameEvent, _name: Names) -> Told:
    return Told("The countdown stopped")


def _deadline(event: pb.GameEvent, _name: Names) -> Told:
    has_one = event.deadline_set.HasField("expire_time")
    return Told("The round has a deadline" if has_one else "The round has no deadline any more")


def _abandoned(_event: pb.GameEvent, _name: Names) -> Told:
    return Told("The round is closed without a result")


def _revealed(event: pb.GameEvent, _name: Names) -> Told:
    round_ = event.votes_revealed.round
    cards = ", ".join(
        f"{vote.display_name} {vote.card}" + (f" “{vote.comment}”" if vote.comment else "")
        for vote in round_.votes
    )
    return Told(f"Cards turned: {statistics_line(round_.statistics)} ({cards})", "bold")


def _accepted(event: pb.GameEvent, _name: Names) -> Told:
    story = event.estimate_accepted.story
    return Told(f"{label(story)} is estimated at {story.estimate.value}", "bold green")


def _ended(_event: pb.GameEvent, _name: Names) -> Told:
    return Told("The game is over", "bold")


_TELLERS: Final[dict[str, Callable[[pb.GameEvent, Names], Told]]] = {
    "player_joined": _joined,
    "player_updated": _updated,
    "player_left": _left,
    "player_removed": _removed,
    "stories_added": _added,
    "round_started": _started,
    "vote_submitted": _voted,
    "vote_retracted": _retracted,
    "reveal_scheduled": _scheduled,
    "reveal_cancelled": _cancelled,
    "deadline_set": _deadline,
    "round_abandoned": _abandoned,
    "votes_revealed": _revealed,
    "estimate_accepted": _accepted,
    "game_ended": _ended,
}
