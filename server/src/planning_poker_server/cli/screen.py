"""The whole screen of a game, drawn from its view without I/O."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from planning_poker_model.view import GameView
from planning_poker_server.cli import panels
from planning_poker_server.cli.blocks import beside, block, said, spread
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.table import HEIGHT, table

WIDE: Final = 110
"""From this width on, the backlog stands beside the table and not under it."""
_STORY: Final = 9
"""Rows kept for the story in full, where the backlog stands beside the table."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is shown beside the game itself."""

    connected: Collection[str] | None = None
    """Ids of the players who are there; None: not known."""
    me: str = ""
    my_card: str = ""
    told: Sequence[Told] = ()
    status: str = ""
    """About the connection: "7 connections"."""
    page: Sequence[str] = ()
    """Shown in place of the game while there is any: what can be typed."""
    footer: Sequence[Text] = ()
    """The last rows: an answer, and what is being typed."""


def screen(view: GameView, seen: Seen, width: int, height: int) -> RenderableType:
    """The game in exactly `width` by `height` cells."""
    return Group(*rows(view, seen, width, height))


def rows(view: GameView, seen: Seen, width: int, height: int) -> list[Text]:
    """The screen's rows, from the top."""
    body = max(0, height - 1 - len(seen.footer))
    if seen.page:
        middle = block([Text(), *(said(f"  {line}") for line in seen.page)], width, body)
    elif width >= WIDE:
        middle = _wide(view, seen, width, body)
    else:
        middle = _narrow(view, seen, width, body)
    return block([_header(view, seen, width), *middle, *seen.footer], width, height)


def _header(view: GameView, seen: Seen, width: int) -> Text:
    left = Text.assemble(" ♠ ", said(view.display_name or "…", "bold"))
    code = f"{view.join_code}  " if view.join_code else ""
    status = f"{seen.status} " if seen.status else ""
    row = spread(left, said(f"  {code}{status}"), width)
    row.stylize("reverse")
    return row


def _narrow(view: GameView, seen: Seen, width: int, height: int) -> list[Text]:
    """Table above, backlog and events side by side below."""
    rest = max(0, height - HEIGHT)
    left = (width - 2) * 11 // 20
    return [
        *_table(view, seen, width, min(HEIGHT, height)),
        *beside(
            panels.backlog(view, left, rest),
            panels.ticker(seen.told, width - 2 - left, rest),
            "  ",
        ),
    ]


def _wide(view: GameView, seen: Seen, width: int, height: int) -> list[Text]:
    """Table and events on the left; the story and the backlog on the right."""
    right = max(44, width * 2 // 5)
    left = width - right - 2
    high = min(HEIGHT + 2, height)
    listed = min(len(view.stories) + 2, height - _STORY)
    return beside(
        [
            *_table(view, seen, left, high),
            *panels.ticker(seen.told, left, max(0, height - high)),
        ],
        [
            *panels.backlog(view, right, listed),
            *panels.story(view, right, height - listed),
        ],
        "  ",
    )


def _table(view: GameView, seen: Seen, width: int, height: int) -> list[Text]:
    return table(view, width, height, connected=seen.connected, me=seen.me, my_card=seen.my_card)
