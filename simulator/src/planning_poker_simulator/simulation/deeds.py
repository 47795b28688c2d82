"""What a program may ask of its game: every command of the contract, more or less often."""

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_simulator.checking.history import MARK

Deed: TypeAlias = Callable[[GameView, Random, str], pb.Command]
"""Makes a command of a game as whoever asks sees it; the text is like no other."""

_CARDS: Final = ("1", "2", "3", "5", "8", "13")


def _round(view: GameView) -> str:
    return view.round.round_id if view.round is not None else "r1"


def _story(view: GameView, chance: Random) -> str:
    return chance.choice(list(view.stories) or ["s1"])


def _player(view: GameView, chance: Random) -> str:
    return chance.choice(list(view.players) or ["p1"])


def _vote(view: GameView, chance: Random, text: str) -> pb.Command:
    comment = f"{MARK}{text}"
    vote = pb.SubmitVote(round_id=_round(view), card=chance.choice(_CARDS), comment=comment)
    return pb.Command(submit_vote=vote)


def _retract(view: GameView, _: Random, __: str) -> pb.Command:
    return pb.Command(retract_vote=pb.RetractVote(round_id=_round(view)))


def _start(view: GameView, chance: Random, _: str) -> pb.Command:
    story = _story(view, chance) if view.stories and chance.random() < 0.7 else ""
    start = pb.StartRound(story_id=story, abandon_open=chance.random() < 0.3)
    if chance.random() < 0.2:
        start.duration.seconds = chance.choice((1, 5, 20))
    return pb.Command(start_round=start)


def _reveal(view: GameView, chance: Random, _: str) -> pb.Command:
    force = chance.random() < 0.6
    return pb.Command(reveal_votes=pb.RevealVotes(round_id=_round(view), force=force))


def _cancel(view: GameView, _: Random, __: str) -> pb.Command:
    return pb.Command(cancel_reveal=pb.CancelReveal(round_id=_round(view)))


def _deadline(view: GameView, chance: Random, _: str) -> pb.Command:
    deadline = pb.SetDeadline(round_id=_round(view))
    if chance.random() < 0.7:
        deadline.remaining.seconds = chance.choice((1, 3, 10))
    return pb.Command(set_deadline=deadline)


def _abandon(view: GameView, _: Random, __: str) -> pb.Command:
    return pb.Command(abandon_round=pb.AbandonRound(round_id=_round(view)))


def _accept(view: GameView, chance: Random, _: str) -> pb.Command:
    accept = pb.AcceptEstimate(story_id=_story(view, chance), value=chance.choice(_CARDS))
    if view.round is not None and view.round.story_id:
        accept.story_id, accept.round_id = view.round.story_id, view.round.round_id
    return pb.Command(accept_estimate=accept)


def _add(_: GameView, chance: Random, text: str) -> pb.Command:
    titles = [f"Story {text} {number}" for number in range(chance.randint(1, 3))]
    stories = [pb.NewStory(title=title) for title in titles]
    return pb.Command(add_stories=pb.AddStories(stories=stories))


def _edit(view: GameView, chance: Random, text: str) -> pb.Command:
    update = pb.UpdateStory(story_id=_story(view, chance), title=f"Edited {text}")
    return pb.Command(update_story=update)


def _move(view: GameView, chance: Random, _: str) -> pb.Command:
    move = pb.MoveStory(story_id=_story(view, chance), before_story_id=_story(view, chance))
    return pb.Command(move_story=move)


def _drop(view: GameView, chance: Random, _: str) -> pb.Command:
    return pb.Command(remove_story=pb.RemoveStory(story_id=_story(view, chance)))


def _rename(_: GameView, __: Random, text: str) -> pb.Command:
    return pb.Command(update_player=pb.UpdatePlayer(display_name=f"Name {text}"))


def _appoint(view: GameView, chance: Random, _: str) -> pb.Command:
    update = pb.UpdatePlayer(player_id=_player(view, chance))
    if chance.random() < 0.5:
        update.role = chance.choice((pb.PLAYER_ROLE_VOTER, pb.PLAYER_ROLE_OBSERVER))
    else:
        update.facilitator = True
    return pb.Command(update_player=update)


def _configure(view: GameView, chance: Random, text: str) -> pb.Command:
    settings = pb.GameSettings()
    settings.CopyFrom(view.settings)
    settings.auto_reveal = chance.random() < 0.6
    settings.electorate = chance.choice((pb.ELECTORATE_CONNECTED, pb.ELECTORATE_INVITED))
    settings.reveal_countdown.seconds = chance.choice((0, 2))
    return pb.Command(update_game=pb.UpdateGame(display_name=f"Game {text}", settings=settings))


def _claim(_: GameView, __: Random, ___: str) -> pb.Command:
    return pb.Command(claim_facilitation=pb.ClaimFacilitation())


def _leave(_: GameView, __: Random, ___: str) -> pb.Command:
    return pb.Command(leave_game=pb.LeaveGame())


def _remove(view: GameView, chance: Random, _: str) -> pb.Command:
    return pb.Command(remove_player=pb.RemovePlayer(player_id=_player(view, chance)))


def _reset(view: GameView, chance: Random, _: str) -> pb.Command:
    reset = pb.ResetSeat(player_id=_player(view, chance), seat_secret=chance.randbytes(32))
    return pb.Command(reset_seat=reset)


def _end(_: GameView, __: Random, ___: str) -> pb.Command:
    return pb.Command(end_game=pb.EndGame())


_DEEDS: Final[tuple[tuple[float, Deed], ...]] = (
    (40, _vote),
    (4, _retract),
    (12, _start),
    (8, _reveal),
    (1, _cancel),
    (2, _deadline),
    (1, _abandon),
    (4, _accept),
    (4, _add),
    (2, _edit),
    (1, _move),
    (1, _drop),
    (3, _rename),
    (2, _appoint),
    (2, _configure),
    (1, _claim),
    (0.8, _leave),
    (0.8, _remove),
    (1, _reset),
    (0.06, _end),
)
_WEIGHTS: Final = tuple(weight for weight, _ in _DEEDS)
_OF_SETTING_UP: Final = (_add, _start, _configure)


def some_command(view: GameView, chance: Random, text: str) -> pb.Command:
    """One that fits the state of the game more often than not."""
    is_open = view.round is not None and view.phase == pb.GAME_PHASE_VOTING
    if not is_open and chance.random() < 0.4:
        return chance.choice(_OF_SETTING_UP)(view, chance, text)
    ((_, deed),) = chance.choices(_DEEDS, _WEIGHTS)
    return deed(view, chance, text)
