import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.text import Text

import planningpoker.v1 as pb
from planning_poker_server.cli.panels import Told
from planning_poker_server.cli.screen import Seen, rows, screen

if TYPE_CHECKING:
    from tests.cli.conftest import Table

SIZES = [(80, 24), (120, 40), (110, 24), (200, 60), (40, 12), (20, 5)]


def drawn(table: "Table", width: int = 80, height: int = 24, seen: Seen | None = None) -> str:
    """The screen as plain text; every row fills it exactly."""
    made = rows(table.view, seen or Seen(), width, height)
    assert [row.cell_len for row in made] == [width] * height
    return "\n".join(row.plain for row in made)


def styles_of(table: "Table", text: str) -> str:
    """The styles of the first place where `text` stands."""
    for row in rows(table.view, Seen(), 80, 24):
        place = row.plain.find(text)
        if place >= 0:
            return " ".join(str(span.style) for span in row.spans if span.start <= place < span.end)
    raise AssertionError(f"{text} is not shown")


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("phase", ["lobby", "voting", "revealed", "ended"])
def test_every_phase_fills_every_terminal_exactly(
    table: "Table", width: int, height: int, phase: str
) -> None:
    if phase in ("voting", "revealed"):
        table.start("s1")
        table.vote("p1")
    if phase == "revealed":
        table.reveal(p1="5")
    if phase == "ended":
        table.add(pb.GameEvent(game_ended=pb.GameEnded()))
    told = [Told("x" * 300)] * 100
    drawn(table, width, height, Seen(told=told, footer=[Text("y" * 300)]))


def test_rich_prints_as_many_lines_as_the_screen_has(table: "Table") -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    console.print(screen(table.view, Seen(), 80, 24))
    assert out.getvalue().count("\n") == 24


def test_the_lobby_tells_how_to_join(table: "Table") -> None:
    text = drawn(table)
    assert "Shop, sprint 12" in text
    assert "Join with the code K7QF-3M" in text
    assert "watching: Grace" in text


def test_cards_lie_face_down_until_they_are_turned(table: "Table") -> None:
    table.start("s2")
    table.vote("p1", "p3")
    text = drawn(table)
    assert text.count("▚▚▚▚▚") == 2
    assert text.count("…  ╎") == 3, "the others are waited for"
    assert "2 of 5 have voted" in text
    table.reveal(p1="3", p3="8")
    text = drawn(table)
    assert "▚" not in text
    assert "│  3  │" in text
    assert "│  8  │" in text
    assert "3 to 8 · median 5.5 · mean 5.5 · agreement 50 %" in text


def test_ones_own_card_is_shown_to_oneself_only(table: "Table") -> None:
    table.start("s1")
    table.vote("p1", "p2")
    assert "│▚34 ▚│" in drawn(table, seen=Seen(me="p2", my_card="34"))
    assert "34" not in drawn(table, seen=Seen(me="p3", my_card=""))


def test_agreement_and_extremes_are_told_by_colour(table: "Table") -> None:
    table.start("s1")
    table.reveal(p1="3", p2="5", p3="89", p4="☕")
    assert "yellow" in styles_of(table, "89")
    assert "magenta" in styles_of(table, "☕")
    table.start("s2")
    table.reveal(p1="34", p2="34")
    assert "green" in styles_of(table, "34")
    assert "all say 34" in drawn(table)


def test_neighbouring_cards_do_not_stand_out(table: "Table") -> None:
    table.start("s1")
    table.reveal(p1="34", p2="55", p3="55")
    assert "yellow" not in styles_of(table, "34") + styles_of(table, "55")


def test_an_accepted_estimate_shows_on_the_table_and_in_the_backlog(table: "Table") -> None:
    table.start("s1", number=2)
    table.reveal(p1="5", p2="8")
    assert "nearest card 8" in drawn(table)
    table.accept("8")
    text = drawn(table)
    assert "estimate 8" in text
    assert "1 of 12 estimated" in text
    assert "×2" in text


def test_the_current_story_is_always_in_sight(table: "Table") -> None:
    for number in (1, 6, 12):
        table.start(f"s{number}")
        backlog = drawn(table).splitlines()[15:]
        assert any(f"▸ SHOP-{number} " in line for line in backlog)


def test_who_is_away_is_marked_when_it_is_known(table: "Table") -> None:
    assert "away" not in drawn(table)
    text = drawn(table, seen=Seen(connected={"p1", "p2", "p3", "p5"}))
    assert "Dmitri away" in text
    assert text.count("away") == 1


def test_a_crowd_that_finds_no_room_is_counted(table: "Table") -> None:
    table.sit(*(f"Guest {number}" for number in range(20)))
    table.start("s1")
    table.vote("p1", "p25", "p26")
    assert "and 11 more, 2 of them have voted" in drawn(table)


def test_a_vote_without_a_story_can_be_shown(table: "Table") -> None:
    opened = pb.Round(round_id="r1", number=1, status=pb.ROUND_STATUS_OPEN)
    table.add(pb.GameEvent(round_started=pb.RoundStarted(round=opened)))
    assert "A vote without a story" in drawn(table)


def test_a_wide_screen_shows_the_story_in_full(table: "Table") -> None:
    table.stories("Wide", description="First line\nSecond line", url="https://example.com/1")
    table.start("s13")
    text = drawn(table, 120, 40)
    assert all(part in text for part in ("First line", "Second line", "https://example.com/1"))


def test_the_latest_of_what_happened_is_at_the_bottom(table: "Table") -> None:
    told = [Told(f"event {number}") for number in range(50)]
    lines = drawn(table, seen=Seen(told=told)).splitlines()
    assert lines[-1].rstrip().endswith("event 49")
    assert lines[-2].rstrip().endswith("event 48")


def test_text_from_elsewhere_cannot_move_or_colour_anything(table: "Table") -> None:
    hostile = "\x1b[31m\x1b]0;t\x07\r\n\u202e\u200b[bold]x[/]"
    table.sit(hostile)
    table.stories(hostile, description=hostile, url=hostile)
    table.start("s13")
    table.reveal(p1="5")
    assert table.view.round is not None
    table.view.round.votes[0].card = hostile
    for width, height in SIZES:
        text = drawn(table, width, height, Seen(told=[Told(hostile)], status=hostile))
        assert not set(text) & set("\x1b\x07\r\u202e\u200b")


def test_double_width_names_keep_the_rows_straight(table: "Table") -> None:
    table.sit("日本語の名前", "👩‍💻 Zoë", "한국어")
    text = drawn(table)
    assert "日本語の名前" in text
    assert "👩‍💻 Zoë" in text
