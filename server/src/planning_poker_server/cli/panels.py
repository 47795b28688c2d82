"""What stands beside the table: the backlog, the story, and what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.text import Text

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.cli.blocks import block, fit, heading, said, spread

_MARKS: Final = {
    pb.STORY_STATUS_ESTIMATED: ("✓", "green"),
    pb.STORY_STATUS_SKIPPED: ("–", "dim"),
}
_KEY: Final = 10
_ESTIMATE: Final = 8


@dataclass(frozen=True, slots=True)
class Told:
    """A line of what happened."""

    text: str
    style: str = ""


def backlog(view: GameView, width: int, height: int) -> list[Text]:
    """The stories with their estimates; the current one is always among those shown."""
    stories = list(view.stories.values())
    current = view.current_story
    done = sum(story.status == pb.STORY_STATUS_ESTIMATED for story in stories)
    note = f"{done} of {len(stories)} estimated" if stories else ""
    rows = [heading("Backlog", width, note)]
    room = height - 1
    place = stories.index(current) if current in stories else done
    first = max(0, min(place - room // 3, len(stories) - room))
    keys = min(_KEY, max((len(story.key) for story in stories), default=0))
    values = min(_ESTIMATE, max((len(story.estimate.value) for story in stories), default=0))
    rows += [
        _story_row(story, story is current, (keys, max(2, values)), width)
        for story in stories[first : first + room]
    ]
    return block(rows, width, height)


def _story_row(story: pb.Story, is_current: bool, columns: tuple[int, int], width: int) -> Text:
    keys, values = columns
    mark, style = _MARKS.get(story.status, ("·", "dim"))
    if is_current:
        mark, style = "▸", "bold yellow"
    title_style = "bold" if is_current else "dim" if story.status == pb.STORY_STATUS_SKIPPED else ""
    key = fit(said(story.key, "cyan"), keys) if keys else Text()
    left = Text.assemble(
        (mark, style), " ", key, " " if keys else "", said(story.title, title_style)
    )
    again = f" ×{story.round_count} " if story.round_count > 1 else " "
    value = said(story.estimate.value, "bold green") if story.HasField("estimate") else Text()
    right = Text.assemble((again, "dim"), fit(value, values, "right"), " ")
    return spread(left, right, width)


def ticker(told: Sequence[Told], width: int, height: int) -> list[Text]:
    """The latest of what happened, the newest at the bottom."""
    rows = [heading("What happened", width)]
    latest = told[-(height - 1) :] if height > 1 else []
    for age, line in enumerate(reversed(latest)):
        style = line.style if age == 0 else f"{line.style} dim" if age > 2 else line.style
        rows.insert(1, said(line.text, style.strip()))
    return block(rows, width, height)


def story(view: GameView, width: int, height: int) -> list[Text]:
    """The current story in full, as far as there is room."""
    current = view.current_story
    if current is None:
        return block([heading("Story", width), Text("None yet", style="dim")], width, height)
    rows = [heading(current.key or "Story", width)]
    rows += _wrapped(current.title, width, "bold")
    for paragraph in current.description.splitlines():
        rows += _wrapped(paragraph, width, "")
    if current.url:
        rows.append(said(current.url, "dim underline"))
    return block(rows, width, height)


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    line = said(text, style)
    line.no_wrap = False
    return list(line.wrap(Console(width=width), width))
