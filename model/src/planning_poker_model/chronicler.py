"""The fold of a game's public events into its chronicle."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.chronicle import Chronicle, Person, RoundRecord, StoryRecord
from planning_poker_model.view import GameView


def chronicle(events: Iterable[pb.GameEvent]) -> Chronicle:
    """What the events of one game say, all of them from version 1 on, in order.

    Events of a kind unknown here are passed over. Raises ValueError where there is
    no event, or one does not follow the one before.
    """
    writer = _Chronicler()
    for event in events:
        writer.take(event)
    return writer.told()


class _Chronicler:
    def __init__(self) -> None:
        self.view = GameView()
        self.created_at: datetime | None = None
        self.now = datetime.min.replace(tzinfo=UTC)
        self.people: dict[str, Person] = {}
        self.stories: dict[str, pb.Story] = {}
        self.estimates: dict[str, list[pb.Estimate]] = {}
        self.rounds: dict[str, RoundRecord] = {}
        self.voted: tuple[str, ...] = ()
        """Who had a card on the table before this event; abandoning a round clears it."""
        self.in_discussion: RoundRecord | None = None
        """The revealed round that nothing has followed yet."""

    def take(self, event: pb.GameEvent) -> None:
        self.voted = tuple(self.view.voted)
        self.view.apply(event)
        self.now = event.event_time.ToDatetime(tzinfo=UTC)
        self.created_at = self.created_at or self.now
        note = _NOTES.get(event.WhichOneof("event") or "")
        if note is not None:
            note(self, event)

    def told(self) -> Chronicle:
        if self.created_at is None:
            raise ValueError("a game has at least one event")
        self._note_who_has_voted()
        order = [*self.view.stories, *(key for key in self.stories if key not in self.view.stories)]
        rounds: dict[str, list[RoundRecord]] = {}
        for each in self.rounds.values():
            rounds.setdefault(each.round.story_id, []).append(each)
        ended = self.view.end_time
        return Chronicle(
            game=self.view.to_game(),
            created_at=self.created_at,
            last_event_at=self.now,
            ended_at=ended.ToDatetime(tzinfo=UTC) if ended is not None else None,
            people=self.people,
            stories=tuple(
                StoryRecord(
                    self.stories[key],
                    key not in self.view.stories,
                    tuple(rounds.get(key, ())),
                    tuple(self.estimates.get(key, ())),
                )
                for key in order
            ),
            rounds=tuple(self.rounds.values()),
        )

    def _note_who_has_voted(self) -> None:
        """The round that is still open has its votes in the view alone."""
        last = self.view.round
        if last is not None and last.round_id in self.rounds and self.view.voted:
            record = self.rounds[last.round_id]
            self.rounds[last.round_id] = replace(record, voted_player_ids=tuple(self.view.voted))

    def put_story(self, story: pb.Story) -> None:
        self.stories[story.story_id] = story

    def put_person(self, player: pb.Player) -> None:
        known = self.people.get(player.player_id)
        self.people[player.player_id] = (
            replace(known, player=player, left_at=None, was_removed=False)
            if known
            else Person(player, self.now)
        )

    def lose_person(self, player_id: str, *, was_removed: bool) -> None:
        known = self.people.get(player_id)
        if known is not None:
            gone = replace(known, left_at=self.now, was_removed=was_removed)
            self.people[player_id] = gone

    def end_discussion(self, story_id: str) -> None:
        """The table acts on this story, or on another: the discussion it had is over."""
        record, self.in_discussion = self.in_discussion, None
        if record is not None and story_id and record.round.story_id == story_id:
            self.rounds[record.round.round_id] = replace(record, discussed_until=self.now)


def _player_joined(writer: _Chronicler, event: pb.GameEvent) -> None:
    writer.put_person(event.player_joined.player)


def _player_updated(writer: _Chronicler, event: pb.GameEvent) -> None:
    writer.put_person(event.player_updated.player)


def _player_left(writer: _Chronicler, event: pb.GameEvent) -> None:
    writer.lose_person(event.player_left.player_id, was_removed=False)


def _player_removed(writer: _Chronicler, event: pb.GameEvent) -> None:
    writer.lose_person(event.player_removed.player_id, was_removed=True)


def _stories_added(writer: _Chronicler, event: pb.GameEvent) -> None:
    for story in event.stories_added.stories:
        writer.put_story(story)


def _story_updated(writer: _Chronicler, event: pb.GameEvent) -> None:
    story = event.story_updated.story
    writer.put_story(story)
    if story.status == pb.STORY_STATUS_SKIPPED:
        writer.end_discussion(story.story_id)


def _round_started(writer: _Chronicler, event: pb.GameEvent) -> None:
    round_ = event.round_started.round
    writer.end_discussion(round_.story_id)
    writer.rounds[round_.round_id] = RoundRecord(
        round_, pb.ROUND_STATUS_OPEN, writer.now, event.actor_id
    )
    if event.round_started.HasField("story"):
        writer.put_story(event.round_started.story)


def _votes_revealed(writer: _Chronicler, event: pb.GameEvent) -> None:
    revealed = event.votes_revealed
    opened = writer.rounds.get(revealed.round.round_id)
    if opened is None:
        return
    writer.in_discussion = replace(
        opened,
        round=revealed.round,
        status=pb.ROUND_STATUS_REVEALED,
        closed_at=writer.now,
        closed_by=event.actor_id,
        forced=revealed.forced,
        absent_player_ids=tuple(revealed.absent_player_ids),
        voted_player_ids=tuple(revealed.round.voted_player_ids),
    )
    writer.rounds[revealed.round.round_id] = writer.in_discussion
    if revealed.HasField("story"):
        writer.put_story(revealed.story)


def _round_abandoned(writer: _Chronicler, event: pb.GameEvent) -> None:
    round_id = event.round_abandoned.round_id
    opened = writer.rounds.get(round_id)
    if opened is not None:
        writer.rounds[round_id] = replace(
            opened,
            status=pb.ROUND_STATUS_ABANDONED,
            closed_at=writer.now,
            closed_by=event.actor_id,
            voted_player_ids=writer.voted,
        )


def _estimate_accepted(writer: _Chronicler, event: pb.GameEvent) -> None:
    story = event.estimate_accepted.story
    writer.put_story(story)
    writer.estimates.setdefault(story.story_id, []).append(story.estimate)
    writer.end_discussion(story.story_id)


_NOTES: Final[Mapping[str, Callable[[_Chronicler, pb.GameEvent], None]]] = {
    "player_joined": _player_joined,
    "player_updated": _player_updated,
    "player_left": _player_left,
    "player_removed": _player_removed,
    "stories_added": _stories_added,
    "story_updated": _story_updated,
    "round_started": _round_started,
    "round_abandoned": _round_abandoned,
    "votes_revealed": _votes_revealed,
    "estimate_accepted": _estimate_accepted,
}
"""What is kept beside the view; the other kinds change nothing that a chronicle tells."""
