"""The public view of a game: the fold of its events, the same for everyone."""

from collections.abc import Callable, Mapping
from typing import Final, Self

from google.protobuf.timestamp_pb2 import Timestamp

import planningpoker.v1 as pb
from planning_poker_model.text import fold_name

CRITICAL_EVENTS: Final = frozenset(
    {"round_started", "votes_revealed", "estimate_accepted", "game_ended"}
)
"""Events whose delivery is acknowledged at once and reported."""


class GameView:
    """A game as everyone may see it, at a version.

    Resources (players, stories, settings, the round) are replaced whole and
    never changed in place: a view and its copies share them.
    """

    __slots__ = (
        "create_time",
        "display_name",
        "end_time",
        "expire_time",
        "game_id",
        "join_code",
        "labels",
        "passcode_required",
        "phase",
        "players",
        "round",
        "round_expire_time",
        "round_reveal_time",
        "settings",
        "stories",
        "version",
        "voted",
    )

    def __init__(self) -> None:
        self.game_id = ""
        self.display_name = ""
        self.phase: pb.GamePhase.ValueType = pb.GAME_PHASE_UNSPECIFIED
        self.version = 0
        self.settings = pb.GameSettings()
        self.players: dict[str, pb.Player] = {}
        """By id, in the order of joining."""
        self.stories: dict[str, pb.Story] = {}
        """By id, in the backlog's order."""
        self.round: pb.Round | None = None
        """The open or last revealed round as its last whole event gave it; see `current_round`."""
        self.voted: dict[str, None] = {}
        """Who has voted in the open round, in the order of the first votes."""
        self.round_expire_time: Timestamp | None = None
        """The open round's deadline."""
        self.round_reveal_time: Timestamp | None = None
        """When the open round's countdown ends, while one runs."""
        self.labels: dict[str, str] = {}
        self.create_time: Timestamp | None = None
        self.end_time: Timestamp | None = None
        self.expire_time: Timestamp | None = None
        self.join_code = ""
        self.passcode_required = False

    def apply(self, event: pb.GameEvent) -> None:
        """Fold the next event. Events of a kind unknown here only advance the version.

        Raises ValueError, changing nothing, if `event` is not the next one.
        """
        if event.version != self.version + 1:
            raise ValueError(f"event {event.version} does not follow version {self.version}")
        fold = _FOLDS.get(event.WhichOneof("event") or "")
        if fold is not None:
            fold(self, event)
        self.version = event.version

    def copy(self) -> Self:
        """A view that goes its own way from here; costs the containers, not what is in them."""
        other = type(self)()
        for slot in GameView.__slots__:
            setattr(other, slot, getattr(self, slot))
        other.players = self.players.copy()
        other.stories = self.stories.copy()
        other.voted = self.voted.copy()
        return other

    @classmethod
    def from_game(cls, game: pb.Game) -> Self:
        """The view that a snapshot shows."""
        view = cls()
        view._take(game)
        return view

    def _take(self, game: pb.Game) -> None:
        self.game_id = game.game_id
        self.display_name = game.display_name
        self.phase = game.phase
        self.version = game.version
        self.settings = game.settings
        self.players = {player.player_id: player for player in game.players}
        self.stories = {story.story_id: story for story in game.stories}
        self.labels = dict(game.labels)
        self.create_time = game.create_time if game.HasField("create_time") else None
        self.end_time = game.end_time if game.HasField("end_time") else None
        self.expire_time = game.expire_time if game.HasField("expire_time") else None
        self.join_code = game.join_code
        self.passcode_required = game.passcode_required
        if game.HasField("current_round"):
            self._take_round(game.current_round)

    def _take_round(self, round_: pb.Round) -> None:
        """Go on from `round_`: the one that just opened, was revealed, or is in a snapshot."""
        is_open = round_.status == pb.ROUND_STATUS_OPEN
        times = round_ if is_open else pb.Round()
        self.round = round_
        self.voted = dict.fromkeys(round_.voted_player_ids) if is_open else {}
        self.round_expire_time = times.expire_time if times.HasField("expire_time") else None
        self.round_reveal_time = times.reveal_time if times.HasField("reveal_time") else None

    def to_game(self) -> pb.Game:
        """The snapshot: everything there is to see at this version."""
        return pb.Game(
            game_id=self.game_id,
            display_name=self.display_name,
            phase=self.phase,
            version=self.version,
            settings=self.settings,
            players=self.players.values(),
            stories=self.stories.values(),
            current_round=self.current_round,
            labels=self.labels,
            create_time=self.create_time,
            end_time=self.end_time,
            join_code=self.join_code,
            expire_time=self.expire_time,
            passcode_required=self.passcode_required,
        )

    @property
    def current_round(self) -> pb.Round | None:
        """The open or last revealed round as it is now; None in the lobby."""
        if self.round is None or self.phase != pb.GAME_PHASE_VOTING:
            return self.round
        now = pb.Round()
        now.CopyFrom(self.round)
        now.ClearField("expire_time")
        now.ClearField("reveal_time")
        now.voted_player_ids[:] = self.voted
        if self.round_expire_time is not None:
            now.expire_time.CopyFrom(self.round_expire_time)
        if self.round_reveal_time is not None:
            now.reveal_time.CopyFrom(self.round_reveal_time)
        return now

    @property
    def current_story(self) -> pb.Story | None:
        """The story of the open or last revealed round, if it has one that is still there."""
        return self.stories.get(self.round.story_id) if self.round is not None else None

    @property
    def votes(self) -> dict[str, pb.Vote]:
        """The turned cards by player id; empty while they lie face down."""
        return {vote.player_id: vote for vote in self.round.votes} if self.round else {}

    def has_voted(self, player_id: str) -> bool:
        """Whether this player has a card in the open or last revealed round."""
        if self.phase == pb.GAME_PHASE_VOTING:
            return player_id in self.voted
        return self.round is not None and player_id in self.round.voted_player_ids

    def player(self, name_or_id: str) -> pb.Player | None:
        """The player at the table with this id or, as people would read it, this name."""
        found = self.players.get(name_or_id)
        if found is not None:
            return found
        folded = fold_name(name_or_id)
        same = (p for p in self.players.values() if fold_name(p.display_name) == folded)
        return next(same, None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GameView) and self.to_game() == other.to_game()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<GameView {self.game_id!r} at version {self.version}>"


def _game_created(view: GameView, event: pb.GameEvent) -> None:
    view._take(event.game_created.game)


def _game_updated(view: GameView, event: pb.GameEvent) -> None:
    view.display_name = event.game_updated.display_name
    view.settings = event.game_updated.settings
    view.passcode_required = event.game_updated.passcode_required


def _game_ended(view: GameView, event: pb.GameEvent) -> None:
    view.phase = pb.GAME_PHASE_ENDED
    view.end_time = event.event_time


def _player_joined(view: GameView, event: pb.GameEvent) -> None:
    player = event.player_joined.player
    view.players[player.player_id] = player


def _player_updated(view: GameView, event: pb.GameEvent) -> None:
    player = event.player_updated.player
    view.players[player.player_id] = player
    if player.role != pb.PLAYER_ROLE_VOTER:
        view.voted.pop(player.player_id, None)


def _player_left(view: GameView, event: pb.GameEvent) -> None:
    _remove_player(view, event.player_left.player_id)


def _player_removed(view: GameView, event: pb.GameEvent) -> None:
    _remove_player(view, event.player_removed.player_id)


def _remove_player(view: GameView, player_id: str) -> None:
    view.players.pop(player_id, None)
    view.voted.pop(player_id, None)


def _stories_added(view: GameView, event: pb.GameEvent) -> None:
    added = {story.story_id: story for story in event.stories_added.stories}
    view.stories = _placed(view.stories, added, event.stories_added.before_story_id)


def _story_updated(view: GameView, event: pb.GameEvent) -> None:
    _put_story(view, event.story_updated.story)


def _story_moved(view: GameView, event: pb.GameEvent) -> None:
    moved = event.story_moved
    story = view.stories.get(moved.story_id)
    if story is not None:
        rest = {key: value for key, value in view.stories.items() if key != moved.story_id}
        view.stories = _placed(rest, {moved.story_id: story}, moved.before_story_id)


def _story_removed(view: GameView, event: pb.GameEvent) -> None:
    view.stories.pop(event.story_removed.story_id, None)


def _round_started(view: GameView, event: pb.GameEvent) -> None:
    started = event.round_started
    view.phase = pb.GAME_PHASE_VOTING
    view._take_round(started.round)
    if started.HasField("story"):
        _put_story(view, started.story)


def _vote_submitted(view: GameView, event: pb.GameEvent) -> None:
    view.voted[event.vote_submitted.player_id] = None


def _vote_retracted(view: GameView, event: pb.GameEvent) -> None:
    view.voted.pop(event.vote_retracted.player_id, None)


def _reveal_scheduled(view: GameView, event: pb.GameEvent) -> None:
    view.round_reveal_time = event.reveal_scheduled.reveal_time


def _reveal_cancelled(view: GameView, _event: pb.GameEvent) -> None:
    view.round_reveal_time = None


def _deadline_set(view: GameView, event: pb.GameEvent) -> None:
    deadline = event.deadline_set
    view.round_expire_time = deadline.expire_time if deadline.HasField("expire_time") else None


def _round_abandoned(view: GameView, _event: pb.GameEvent) -> None:
    view.phase = pb.GAME_PHASE_LOBBY
    view.round = None
    view.voted = {}
    view.round_expire_time = None
    view.round_reveal_time = None


def _votes_revealed(view: GameView, event: pb.GameEvent) -> None:
    revealed = event.votes_revealed
    view.phase = pb.GAME_PHASE_REVEALED
    view._take_round(revealed.round)
    if revealed.HasField("story"):
        _put_story(view, revealed.story)


def _estimate_accepted(view: GameView, event: pb.GameEvent) -> None:
    _put_story(view, event.estimate_accepted.story)


def _put_story(view: GameView, story: pb.Story) -> None:
    if story.story_id in view.stories:
        view.stories[story.story_id] = story


def _placed(
    stories: dict[str, pb.Story], added: dict[str, pb.Story], before: str
) -> dict[str, pb.Story]:
    """`stories` with `added` before the story `before`; at the end where that is not there."""
    if before not in stories:
        return {**stories, **added}
    placed: dict[str, pb.Story] = {}
    for story_id, story in stories.items():
        if story_id == before:
            placed.update(added)
        placed[story_id] = story
    return placed


_FOLDS: Final[Mapping[str, Callable[[GameView, pb.GameEvent], None]]] = {
    "game_created": _game_created,
    "game_updated": _game_updated,
    "game_ended": _game_ended,
    "player_joined": _player_joined,
    "player_updated": _player_updated,
    "player_left": _player_left,
    "player_removed": _player_removed,
    "stories_added": _stories_added,
    "story_updated": _story_updated,
    "story_moved": _story_moved,
    "story_removed": _story_removed,
    "round_started": _round_started,
    "vote_submitted": _vote_submitted,
    "vote_retracted": _vote_retracted,
    "reveal_scheduled": _reveal_scheduled,
    "reveal_cancelled": _reveal_cancelled,
    "deadline_set": _deadline_set,
    "round_abandoned": _round_abandoned,
    "votes_revealed": _votes_revealed,
    "estimate_accepted": _estimate_accepted,
}
"""One line a kind of event; "seat_reset" changes nothing that can be seen."""
