"""Rows of text of an exact width: what the screen is put together from."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Literal

from rich.text import Text

from planning_poker_model.text import problem
from planning_poker_server.printable import printable

Align = Literal["left", "center", "right"]


def said(text: str, style: str = "") -> Text:
    """Text from elsewhere, safe to show: as it is where a game would keep it, else escaped."""
    shown = text if problem(text, len(text)) is None else printable(text)
    return Text(shown, style=style, no_wrap=True, overflow="crop")


def fit(text: Text | str, width: int, align: Align = "left") -> Text:
    """`text` in exactly `width` cells, cut with "…" where it is longer."""
    row = Text.assemble(text)  # the style stays with the text and off the padding
    row.truncate(width, overflow="ellipsis")
    missing = width - row.cell_len
    before = {"left": 0, "center": missing // 2, "right": missing}[align]
    row.pad_left(before)
    row.pad_right(missing - before)
    row.no_wrap = True
    row.overflow = "crop"
    return row


def spread(left: Text, right: Text, width: int) -> Text:
    """`left` and `right` at the ends of one row; the left one is cut first."""
    end = fit(right, min(right.cell_len, width))
    return Text.assemble(fit(left, width - end.cell_len), end, no_wrap=True, overflow="crop")


def block(rows: Iterable[Text], width: int, height: int) -> list[Text]:
    """Exactly `height` rows of `width` cells: the first ones, or filled with empty ones."""
    fitted = [fit(row, width) for row in rows][:height]
    return fitted + [fit("", width)] * (height - len(fitted))


def beside(left: Sequence[Text], right: Sequence[Text], gap: str = " ") -> list[Text]:
    """Two blocks of the same height in one."""
    return [
        Text.assemble(a, (gap, "dim"), b, no_wrap=True, overflow="crop")
        for a, b in zip_longest(left, right, fillvalue=Text())
    ]


def heading(title: str, width: int, note: str = "") -> Text:
    """A rule with a title, and a note at its end."""
    start = Text.assemble(("── ", "dim"), (title, "bold"), " ")
    end = Text.assemble(" ", (note, "dim"), (" ──", "dim")) if note else Text()
    between = width - start.cell_len - end.cell_len
    return fit(Text.assemble(start, ("─" * max(0, between), "dim"), end), width)
