"""All that a game's log says: the public view, and beside it what only the server knows."""

from collections.abc import Callable, Mapping
from typing import Final

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.domain.moments import to_ms
from planning_poker_server.domain.seats import Seats
from planning_poker_server.domain.types import Timer

_NO_VOTE: Final = ("", "")


class GameState:
    """The fold of a game's events with their sealed parts.

    It follows from the log alone: no clock, presence or setting of the server
    enters it. Nothing of what is sealed is in its `view` or in its repr.
    """

    __slots__ = (
        "_countdown_version",
        "_deadline_version",
        "_hidden",
        "_revealed",
        "_votes",
        "close_version",
        "last_event_ms",
        "last_round",
        "last_story",
        "owner",
        "passcode",
        "reveal_held",
        "seats",
        "story_bytes",
        "view",
    )

    def __init__(self) -> None:
        self.view = GameView()
        self.seats = Seats()
        self.last_event_ms = 0
        self.owner = ""
        """The principal that manages the game without a seat; empty if none does."""
        self.passcode: storage.SealedPasscode | None = None
        self.last_story = 0
        """Number in the last story id given out."""
        self.last_round = 0
        """Number in the last round id given out."""
        self.story_bytes = 0
        """UTF-8 size of the backlog's texts."""
        self.close_version = 0
        """Version of the event that closed the last round that was closed."""
        self.reveal_held = False
        """Somebody stopped the countdown, and nobody has voted or retracted since."""
        self._votes: dict[str, tuple[str, str]] = {}
        self._hidden: frozenset[str] = frozenset()
        self._revealed: dict[str, str] = {}
        self._deadline_version = 0
        self._countdown_version = 0

    @property
    def version(self) -> int:
        """Version of the last event folded in; 0: there is no game."""
        return self.view.version

    def evolve(self, event: pb.GameEvent, sealed: storage.Sealed) -> None:
        """Fold the next event. Raises ValueError, changing nothing, if it is not the next one."""
        if event.version != self.view.version + 1:
            raise ValueError(f"event {event.version} does not follow version {self.version}")
        fold = _FOLDS.get(event.WhichOneof("event") or "")
        if fold is not None:
            fold(self, event, sealed)
        self.view.apply(event)
        self.last_event_ms = to_ms(event.event_time)

    def fork(self) -> "GameState":
        """A trial copy; its cost does not depend on the length of the history."""
        other = GameState.__new__(GameState)
        for slot in GameState.__slots__:
            setattr(other, slot, getattr(self, slot))
        other.view = self.view.copy()
        other.seats = self.seats.fork()
        other._votes = self._votes.copy()
        other._revealed = self._revealed.copy()
        return other

    def seat_hash(self, player_id: str) -> bytes:
        """SHA-256 of the secret of a live seat; empty if there is none."""
        return self.seats.hash_of(player_id)

    def player_with_secret(self, seat_hash: bytes) -> str:
        """Whose live or left seat this proves; empty if nobody's, and for dead secrets."""
        return self.seats.holder(seat_hash)

    def own_vote(self, player_id: str) -> tuple[str, str]:
        """Card and comment in the open or last revealed round, for the seat's holder.

        Before the reveal empty after the seat was reset, until its new holder
        votes: who has a seat reset must not see the card that lies there.
        """
        if player_id in self._hidden and self.view.phase == pb.GAME_PHASE_VOTING:
            return _NO_VOTE
        return self._votes.get(player_id, _NO_VOTE)

    def sealed_vote(self, player_id: str) -> tuple[str, str]:
        """Card and comment in the open round, for the reveal only."""
        return self._votes[player_id]

    def last_revealed_round(self, story_id: str) -> str:
        """Id of the story's last revealed round; empty if it had none."""
        return self._revealed.get(story_id, "")

    def timers(self) -> tuple[Timer, ...]:
        """All that is scheduled."""
        view, timers = self.view, []
        if view.phase == pb.GAME_PHASE_VOTING and view.round is not None:
            round_id = view.round.round_id
            if view.round_expire_time is not None:
                due = to_ms(view.round_expire_time)
                timers.append(Timer("deadline", round_id, self._deadline_version, due))
            if view.round_reveal_time is not None:
                due = to_ms(view.round_reveal_time)
                timers.append(Timer("countdown", round_id, self._countdown_version, due))
        if view.expire_time is not None and view.phase != pb.GAME_PHASE_ENDED:
            timers.append(Timer("lifetime", "", 1, to_ms(view.expire_time)))
        return tuple(timers)

    def __repr__(self) -> str:
        return f"<GameState {self.view.game_id!r} at version {self.version}>"


def story_size(story: pb.Story) -> int:
    """UTF-8 size of a story's texts, as the limit on a game's text counts them."""
    texts = (story.title, story.description, story.key, story.url)
    return sum(len(text) if text.isascii() else len(text.encode()) for text in texts)


# Each fold runs before the view moves on, so that it can look at what was.


def _game_created(state: GameState, _event: pb.GameEvent, sealed: storage.Sealed) -> None:
    game = sealed.game
    state.owner = game.principal if game.owned else ""
    if game.HasField("passcode"):
        state.passcode = game.passcode


def _game_updated(state: GameState, _event: pb.GameEvent, sealed: storage.Sealed) -> None:
    if sealed.WhichOneof("part") == "passcode":
        state.passcode = sealed.passcode if sealed.passcode.salt else None


def _player_joined(state: GameState, event: pb.GameEvent, sealed: storage.Sealed) -> None:
    state.seats.sit_down(event.player_joined.player, sealed.seat)


def _player_updated(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    player = event.player_updated.player
    state.seats.update(state.view.players[player.player_id], player)
    if player.role != pb.PLAYER_ROLE_VOTER:
        _drop_open_vote(state, player.player_id)


def _player_left(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    player_id = event.player_left.player_id
    state.seats.get_up(state.view.players[player_id])
    _drop_open_vote(state, player_id)


def _player_removed(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    player_id = event.player_removed.player_id
    state.seats.remove(state.view.players[player_id])
    _drop_open_vote(state, player_id)


def _seat_reset(state: GameState, event: pb.GameEvent, sealed: storage.Sealed) -> None:
    player_id = event.seat_reset.player_id
    state.seats.reset(player_id, sealed.seat)
    if player_id in state._votes:
        state._hidden |= {player_id}


def _stories_added(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    for story in event.stories_added.stories:
        state.last_story = max(state.last_story, int(story.story_id[1:]))
        state.story_bytes += story_size(story)


def _story_updated(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    story = event.story_updated.story
    state.story_bytes += story_size(story) - story_size(state.view.stories[story.story_id])


def _story_removed(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    story_id = event.story_removed.story_id
    state.story_bytes -= story_size(state.view.stories[story_id])
    state._revealed.pop(story_id, None)


def _round_started(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    state.last_round = int(event.round_started.round.round_id[1:])
    state._deadline_version = event.version
    _forget_votes(state)


def _vote_submitted(state: GameState, event: pb.GameEvent, sealed: storage.Sealed) -> None:
    vote, player_id = sealed.vote, event.vote_submitted.player_id
    state._votes[player_id] = (vote.card, vote.comment)
    state.reveal_held = False
    if state._hidden:
        state._hidden -= {player_id}


def _vote_retracted(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    state.reveal_held = False
    _drop_open_vote(state, event.vote_retracted.player_id)


def _reveal_scheduled(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    state._countdown_version = event.version


def _reveal_cancelled(state: GameState, event: pb.GameEvent, sealed: storage.Sealed) -> None:
    # The server's own events name no sender; the owner without a seat is named in the sealed part.
    state.reveal_held = bool(event.actor_id or sealed.sender_hash)


def _deadline_set(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    state._deadline_version = event.version


def _round_abandoned(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    state.close_version = event.version
    _forget_votes(state)


def _votes_revealed(state: GameState, event: pb.GameEvent, _sealed: storage.Sealed) -> None:
    revealed = event.votes_revealed.round
    state.close_version = event.version
    state.reveal_held = False
    if revealed.story_id:
        state._revealed[revealed.story_id] = revealed.round_id


def _forget_votes(state: GameState) -> None:
    state._votes = {}
    state._hidden = frozenset()
    state.reveal_held = False


def _drop_open_vote(state: GameState, player_id: str) -> None:
    if state.view.phase == pb.GAME_PHASE_VOTING:
        state._votes.pop(player_id, None)


_FOLDS: Final[Mapping[str, Callable[[GameState, pb.GameEvent, storage.Sealed], None]]] = {
    "game_created": _game_created,
    "game_updated": _game_updated,
    "player_joined": _player_joined,
    "player_updated": _player_updated,
    "player_left": _player_left,
    "player_removed": _player_removed,
    "seat_reset": _seat_reset,
    "stories_added": _stories_added,
    "story_updated": _story_updated,
    "story_removed": _story_removed,
    "round_started": _round_started,
    "vote_submitted": _vote_submitted,
    "vote_retracted": _vote_retracted,
    "reveal_scheduled": _reveal_scheduled,
    "reveal_cancelled": _reveal_cancelled,
    "deadline_set": _deadline_set,
    "round_abandoned": _round_abandoned,
    "votes_revealed": _votes_revealed,
}
