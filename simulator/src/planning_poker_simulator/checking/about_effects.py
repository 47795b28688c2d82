"""Checkers of what commands come to: that what is in the log is what was asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import planningpoker.v1 as pb
from planning_poker_simulator.checking.evidence import Evidence, Truth
from planning_poker_simulator.checking.history import Accepted, Asked

IsEffect: TypeAlias = Callable[[Any, Any, str], bool]
"""Of the body of a command, the body of an event, and the seat that asked."""
IsSo: TypeAlias = Callable[[Any, pb.Game, str], bool]
"""Of the body of a command, a game, and the seat that asked."""


def as_asked(evidence: Evidence) -> Iterator[str]:
    """The events of a command are what it asked for."""
    for asked in evidence.history.asked:
        truth = evidence.truths.get(asked.game_id)
        versions = truth.caused.get((asked.actor, asked.correlation_id)) if truth else None
        if truth is None or not versions:
            continue
        events = [truth.events[version - 1] for version in versions]
        if not any(_is_effect(asked, truth, event) for event in events):
            kinds = [event.WhichOneof("event") for event in events]
            yield f"{asked.name} {asked.correlation_id} came to {kinds} {versions}"


def nothing_to_do(evidence: Evidence) -> Iterator[str]:
    """A command that is accepted without an event found all as it wants it."""
    for asked in evidence.history.asked:
        truth = evidence.truths.get(asked.game_id)
        if truth is None or (asked.actor, asked.correlation_id) in truth.caused:
            continue
        is_so: IsSo = _SO.get(asked.name, _never)
        for outcome in asked.outcomes:
            if isinstance(outcome, Accepted):
                game = truth.views.get(outcome.version)
                if game is None or not is_so(_body(asked), game, asked.actor):
                    what = f"{asked.name} {asked.correlation_id}"
                    yield f"{what} was accepted at {outcome.version}, and nothing is as it asked"


def _body(asked: Asked) -> Any:
    return getattr(asked.command, asked.name)


def _is_effect(asked: Asked, truth: Truth, event: pb.GameEvent) -> bool:
    name, is_effect = _EFFECTS[asked.name]
    if event.WhichOneof("event") != name:
        return False
    if name == "vote_submitted":
        vote = asked.command.submit_vote
        if truth.cast[event.version] != (vote.card, vote.comment):
            return False
    return is_effect(_body(asked), getattr(event, name), asked.actor)


# What each command comes to


def _of_round(command: Any, event: Any, _: str) -> bool:
    return bool(event.round_id == command.round_id)


def _own_vote(command: Any, event: Any, actor: str) -> bool:
    return _of_round(command, event, actor) and event.player_id == actor


def _player(command: pb.UpdatePlayer, event: pb.PlayerUpdated, actor: str) -> bool:
    return event.player.player_id == (command.player_id or actor) and _has(command, event.player)


def _named_player(command: Any, event: Any, _: str) -> bool:
    return bool(event.player_id == command.player_id)


def _story(command: Any, event: Any, _: str) -> bool:
    return event.story.story_id == command.story_id and _has(command, event.story)


def _estimate(command: pb.AcceptEstimate, event: pb.EstimateAccepted, _: str) -> bool:
    story = event.story
    return story.story_id == command.story_id and story.estimate.value == command.value


def _same_story(command: Any, event: Any, _: str) -> bool:
    return bool(event.story_id == command.story_id)


def _titles(command: pb.AddStories, event: pb.StoriesAdded, _: str) -> bool:
    return [new.title for new in command.stories] == [story.title for story in event.stories]


def _is_so_of_game(command: pb.UpdateGame, game: Any, _: str) -> bool:
    settings = [_without_zeros(each.settings) for each in (command, game)]
    return bool(command.display_name == game.display_name and settings[0] == settings[1])


def _without_zeros(settings: pb.GameSettings) -> pb.GameSettings:
    """A countdown of no time is none."""
    same = pb.GameSettings()
    same.CopyFrom(settings)
    if not same.reveal_countdown.seconds:
        same.ClearField("reveal_countdown")
    return same


def _has(command: pb.UpdatePlayer | pb.UpdateStory, target: Any) -> bool:
    """Whether what a command sets is so."""
    fields = [field.name for field, _ in command.ListFields()]
    return all(
        getattr(target, name) == getattr(command, name)
        for name in fields
        if name not in ("player_id", "story_id")
    )


_EFFECTS: Final[Mapping[str, tuple[str, IsEffect]]] = {
    "submit_vote": ("vote_submitted", _own_vote),
    "retract_vote": ("vote_retracted", _own_vote),
    "start_round": ("round_started", lambda c, e, _: e.round.story_id == c.story_id),
    "reveal_votes": ("votes_revealed", lambda c, e, _: e.round.round_id == c.round_id),
    "cancel_reveal": ("reveal_cancelled", _of_round),
    "set_deadline": ("deadline_set", _of_round),
    "abandon_round": ("round_abandoned", _of_round),
    "accept_estimate": ("estimate_accepted", _estimate),
    "add_stories": ("stories_added", _titles),
    "update_story": ("story_updated", _story),
    "move_story": ("story_moved", _same_story),
    "remove_story": ("story_removed", _same_story),
    "update_player": ("player_updated", _player),
    "update_game": ("game_updated", _is_so_of_game),
    "claim_facilitation": ("player_updated", lambda _, e, actor: e.player.player_id == actor),
    "leave_game": ("player_left", lambda _, e, actor: e.player_id == actor),
    "remove_player": ("player_removed", _named_player),
    "reset_seat": ("seat_reset", _named_player),
    "end_game": ("game_ended", lambda *_: True),
}


# Where there is nothing to do


def _never(*_: Any) -> bool:
    return False


def _is_so_of_player(command: pb.UpdatePlayer, game: pb.Game, actor: str) -> bool:
    wanted = command.player_id or actor
    return any(_has(command, each) for each in game.players if each.player_id == wanted)


def _is_so_of_story(command: pb.UpdateStory, game: pb.Game, _: str) -> bool:
    return any(_has(command, each) for each in game.stories if each.story_id == command.story_id)


def _is_there(command: pb.MoveStory, game: pb.Game, _: str) -> bool:
    ids = [story.story_id for story in game.stories]
    behind = [*ids[ids.index(command.story_id) + 1 :], ""][0]
    return command.before_story_id in (behind, command.story_id)


def _is_estimated(command: pb.AcceptEstimate, game: pb.Game, _: str) -> bool:
    stories = (each for each in game.stories if each.story_id == command.story_id)
    return any(story.estimate.value == command.value for story in stories)


_SO: Final[Mapping[str, IsSo]] = {
    "retract_vote": lambda _, game, actor: actor not in game.current_round.voted_player_ids,
    "update_player": _is_so_of_player,
    "update_game": _is_so_of_game,
    "update_story": _is_so_of_story,
    "move_story": _is_there,
    "set_deadline": lambda command, game, _: (
        not command.HasField("remaining") and not game.current_round.HasField("expire_time")
    ),
    "accept_estimate": _is_estimated,
    "claim_facilitation": lambda _, game, actor: any(
        each.facilitator for each in game.players if each.player_id == actor
    ),
}
