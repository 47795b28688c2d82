"""Commands about stories."""

from collections.abc import Sequence

import planningpoker.v1 as pb
from planning_poker_model import limits
from planning_poker_model.text import trim
from planning_poker_server.domain.case import Case, draft
from planning_poker_server.domain.checks import (
    bad_value,
    id_problem,
    line_problem,
    lines_problem,
    url_problem,
)
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.state import story_size
from planning_poker_server.domain.types import Decision


def add_stories(case: Case) -> Decision:
    add = case.command.add_stories
    refusal = (
        _room_problem(case, len(add.stories))  # first: looking at 50,000 takes a while
        or _shapes_problem(add.stories)
        or _place_problem(case, add.before_story_id)
    )
    if refusal:
        return refusal
    first = case.state.last_story + 1
    stories = [_new_story(f"s{first + n}", story) for n, story in enumerate(add.stories)]
    if refusal := _text_size_problem(case, sum(map(story_size, stories))):
        return refusal
    event = pb.StoriesAdded(stories=stories, before_story_id=add.before_story_id)
    return [draft(pb.GameEvent(stories_added=event))]


def _shapes_problem(stories: Sequence[pb.NewStory]) -> pb.Refusal | None:
    if not stories:
        return bad_value("stories", "Give at least one story to add.")
    return next(filter(None, map(_shape_problem, stories)), None)


def _shape_problem(story: pb.NewStory) -> pb.Refusal | None:
    return (
        line_problem(story.title, "title", limits.STORY_TITLE)
        or lines_problem(story.description, "description", limits.STORY_DESCRIPTION)
        or line_problem(story.key, "key", limits.STORY_KEY, required=False)
        or url_problem(story.url, limits.STORY_URL)
    )


def _new_story(story_id: str, story: pb.NewStory) -> pb.Story:
    return pb.Story(
        story_id=story_id,
        title=trim(story.title),
        description=trim(story.description, multiline=True),
        key=trim(story.key),
        url=trim(story.url),
        status=pb.STORY_STATUS_PENDING,
    )


def _room_problem(case: Case, added: int) -> pb.Refusal | None:
    limit = case.limits.max_stories
    if len(case.view.stories) + added <= limit:
        return None
    message = (
        f"The backlog has {len(case.view.stories):,} stories and takes at most {limit:,};"
        " remove some first, or add fewer."
    )
    return refuse(pb.REASON_TOO_MANY_STORIES, message, limit=str(limit))


def _text_size_problem(case: Case, added_bytes: int) -> pb.Refusal | None:
    limit = case.limits.max_story_bytes
    if added_bytes <= 0 or case.state.story_bytes + added_bytes <= limit:
        return None
    message = (
        f"The texts of the backlog may have {limit:,} bytes in all;"
        " shorten descriptions, or remove stories that are done."
    )
    return refuse(pb.REASON_TOO_MUCH_TEXT, message, limit=str(limit))


def _place_problem(case: Case, before_story_id: str) -> pb.Refusal | None:
    return story_problem(case, before_story_id, "before_story_id") if before_story_id else None


def story_problem(case: Case, story_id: str, field: str = "story_id") -> pb.Refusal | None:
    """Whether the backlog has this story."""
    if refusal := id_problem(story_id, field, "s"):
        return refusal
    if story_id in case.view.stories:
        return None
    return refuse(pb.REASON_STORY_NOT_FOUND, f"There is no story {story_id} in the backlog.")


def update_story(case: Case) -> Decision:
    change = case.command.update_story
    if refusal := story_problem(case, change.story_id) or _change_problem(change):
        return refusal
    story = case.view.stories[change.story_id]
    updated = _changed(story, change)
    if updated == story:
        return []
    if change.skipped and (refusal := _in_round_problem(case, story)):
        return refusal
    if refusal := _text_size_problem(case, story_size(updated) - story_size(story)):
        return refusal
    return [draft(pb.GameEvent(story_updated=pb.StoryUpdated(story=updated)))]


def _change_problem(change: pb.UpdateStory) -> pb.Refusal | None:
    if change.HasField("title") and (
        refusal := line_problem(change.title, "title", limits.STORY_TITLE)
    ):
        return refusal
    return (
        lines_problem(change.description, "description", limits.STORY_DESCRIPTION)
        or line_problem(change.key, "key", limits.STORY_KEY, required=False)
        or url_problem(change.url, limits.STORY_URL)
    )


def _changed(story: pb.Story, change: pb.UpdateStory) -> pb.Story:
    updated = pb.Story()
    updated.CopyFrom(story)
    if change.HasField("title"):
        updated.title = trim(change.title)
    if change.HasField("description"):
        updated.description = trim(change.description, multiline=True)
    if change.HasField("key"):
        updated.key = trim(change.key)
    if change.HasField("url"):
        updated.url = trim(change.url)
    if change.HasField("skipped"):
        _set_skipped(updated, skipped=change.skipped)
    return updated


def _set_skipped(story: pb.Story, *, skipped: bool) -> None:
    """A skipped story has no estimate: the one it had is in the history."""
    if skipped:
        story.status = pb.STORY_STATUS_SKIPPED
        story.ClearField("estimate")
    elif story.status == pb.STORY_STATUS_SKIPPED:
        story.status = pb.STORY_STATUS_PENDING


def _in_round_problem(case: Case, story: pb.Story) -> pb.Refusal | None:
    voting = case.view.phase == pb.GAME_PHASE_VOTING and case.view.round is not None
    if not voting or case.view.current_story is not story:
        return None
    message = f"Story {story.story_id} is being voted on; reveal or abandon its round first."
    return refuse(pb.REASON_STORY_IN_ROUND, message)


def move_story(case: Case) -> Decision:
    move = case.command.move_story
    refusal = story_problem(case, move.story_id) or _place_problem(case, move.before_story_id)
    if refusal:
        return refusal
    order = [*case.view.stories, ""]
    next_to_it = order[order.index(move.story_id) + 1]
    if move.before_story_id in (move.story_id, next_to_it):
        return []
    event = pb.StoryMoved(story_id=move.story_id, before_story_id=move.before_story_id)
    return [draft(pb.GameEvent(story_moved=event))]


def remove_story(case: Case) -> Decision:
    story_id = case.command.remove_story.story_id
    refusal = story_problem(case, story_id) or _in_round_problem(case, case.view.stories[story_id])
    if refusal:
        return refusal
    return [draft(pb.GameEvent(story_removed=pb.StoryRemoved(story_id=story_id)))]
