"""The seats around the table: a name and a card each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from planning_poker_server.cli.blocks import fit, said

CARD_WIDTH: Final = 7
CARD_HEIGHT: Final = 3
SEAT_WIDTH: Final = 11
"""The least that a name and a card are readable in."""

FACE_DOWN: Final = "bright_blue"
_BACK: Final = "▚"


@dataclass(frozen=True, slots=True)
class Seat:
    """One voter as seen from this screen."""

    name: str
    asked: bool = False
    """Whether a round waits for this seat's card."""
    voted: bool = False
    card: str = ""
    """What stands on the card, where this screen may show it."""
    turned: bool = False
    style: str = ""
    """Of a turned card."""
    facilitator: bool = False
    away: bool = False
    mine: bool = False


def seats_row(seats: Sequence[Seat], width: int, *, names_first: bool) -> list[Text]:
    """Seats side by side in the middle of `width`: cards, with the names above or below."""
    each = min(width // max(1, len(seats)), SEAT_WIDTH + 5)
    names = _side_by_side([_name(seat, each) for seat in seats], each, width)
    drawn = [_card(seat) for seat in seats]
    cards = [
        _side_by_side([card[row] for card in drawn], each, width) for row in range(CARD_HEIGHT)
    ]
    return [names, *cards] if names_first else [*cards, names]


def _side_by_side(parts: Sequence[Text], each: int, width: int) -> Text:
    row = Text.assemble(*(fit(part, each, "center") for part in parts))
    return fit(row, width, "center")


def _name(seat: Seat, width: int) -> Text:
    """The name with a star for facilitators; the reader's own underlined."""
    style = "dim" if seat.away else "bold" if seat.mine else ""
    star = ("★ ", "yellow") if seat.facilitator else ("", "")
    end = (" away", "dim italic") if seat.away and width > SEAT_WIDTH else ("", "")
    room = width - 1 - len(star[0]) - len(end[0])
    name = said(seat.name, f"{style} underline" if seat.mine else style)
    name.truncate(max(1, room), overflow="ellipsis")
    return Text.assemble(star, name, end)


def _card(seat: Seat) -> list[Text]:
    inside = CARD_WIDTH - 2
    if not seat.voted:
        middle = Text("…" if seat.asked and not seat.away else "", style="dim")
        return _frame("╭╌╌╌╌╌╮", "╎", "╰╌╌╌╌╌╯", fit(middle, inside, "center"), "dim")
    if seat.turned:
        face = fit(said(seat.card, f"bold {seat.style}"), inside, "center")
        return _frame("╭─────╮", "│", "╰─────╯", face, seat.style)
    if seat.card:
        own = said(seat.card, "bold")
        backs = min(1, max(0, inside - own.cell_len) // 2)
        back = Text(_BACK * backs, style=FACE_DOWN)
        face = Text.assemble(back, fit(own, inside - 2 * backs, "center"), back)
        return _frame("╭─────╮", "│", "╰─────╯", face, FACE_DOWN)
    face = Text(_BACK * inside, style=FACE_DOWN)
    return _frame("╭─────╮", "│", "╰─────╯", face, FACE_DOWN)


def _frame(top: str, side: str, bottom: str, inside: Text, style: str) -> list[Text]:
    middle = Text.assemble((side, style), inside, (side, style))
    return [Text(top, style=style), middle, Text(bottom, style=style)]
