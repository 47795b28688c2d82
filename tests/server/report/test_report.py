"""What the report says, whatever the game was like."""

import re
import subprocess
import sys
import time
from datetime import timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

import planningpoker.v1 as pb
from planning_poker_model.chronicler import chronicle
from planning_poker_model.decks import BUILT_IN
from planning_poker_server.report import overview, page
from planning_poker_server.report.render import render
from planning_poker_server.report.wording import number, share, span
from tests import games
from tests.server.domain.table import accepted, table

MOST_BYTES = 1_500_000
MOST_SECONDS = 10.0
ODD_DECK = pb.Deck(
    name="long",
    cards=[pb.Card(label=f"Größe {n:02}"[:8], value=n) for n in range(30)],
)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)


def html_of(events: list[pb.GameEvent]) -> str:
    return render(chronicle(events))


def text_of(html: str) -> str:
    """What a reader sees, with plain spaces and without the marks of direction."""
    parser = _Text()
    parser.feed(html)
    return re.sub(r"[\u2068\u2069]", "", " ".join(" ".join(parser.words).split()))


@pytest.fixture(scope="module")
def forty() -> str:
    return html_of(games.refinement())


def test_forty_stories_are_quick_and_light() -> None:
    history = chronicle(games.refinement())
    start = time.perf_counter()
    html = render(history)
    assert time.perf_counter() - start < MOST_SECONDS
    assert len(html.encode()) < MOST_BYTES


def test_the_same_game_gives_the_same_page(forty: str) -> None:
    assert html_of(games.refinement()) == forty


def test_ids_are_unique_on_the_page(forty: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', forty)
    assert len(ids) == len(set(ids)) > 40
    assert {each[1:] for each in re.findall(r'href="(#[^"]+)"', forty)} <= set(ids)


def test_nothing_on_the_page_leads_to_a_request(forty: str) -> None:
    assert "default-src 'none'" in forty
    assert not re.search(r"\ssrc=|url\(|@import|<link|<script", forty)


def test_text_that_is_markup_stays_text(forty: str) -> None:
    assert "<script>alert" not in forty
    assert "</script><script>alert('x')</script>" in text_of(forty)


def test_a_link_is_made_of_a_web_address_only() -> None:
    events = games.played([])
    event = next(each for each in events if each.HasField("stories_added"))
    event.stories_added.stories[0].url = "javascript:alert(1)"
    assert "javascript:" not in html_of(events)


def test_forced_absent_missing_and_abandoned_are_said(forty: str) -> None:
    text = text_of(forty)
    assert "Revealed by Ada before all had voted." in text
    assert "Not connected at the reveal: Linus." in text
    assert re.search(r"No card from \w+", text)
    assert re.search(r"Abandoned after .* with 2 cards face down that nobody saw\.", text)


def test_comments_are_quoted_with_who_and_which_card(forty: str) -> None:
    assert re.search(r"Depends on what legal says\. \w+ , \d+", text_of(forty))


def test_a_changed_estimate_tells_both(forty: str) -> None:
    assert re.search(r"Estimated at \d+ first; changed to after the spike by Ada\.", text_of(forty))


def test_points_leave_out_what_is_no_number(forty: str) -> None:
    assert f"points {number(chronicle(games.refinement()).points or 0)} " in text_of(forty)
    assert "1 estimate is no number" in text_of(forty)


def test_a_game_without_a_round_says_so_and_has_no_charts() -> None:
    html = html_of(games.played([]))
    assert "No round was played in this game." in text_of(html)
    assert "<svg" not in html


def test_a_game_that_only_began_is_a_page_too() -> None:
    text = text_of(html_of(table(None).events))
    assert "At the table: Ada" in text
    assert "This game has not ended" in text


def test_one_person_differs_from_nobody() -> None:
    text = text_of(html_of(games.played(["5", "8"])))
    assert "One person voted." in text
    for figure in ("Who saw it differently", "Reveals until all agreed", "Agreement over time"):
        assert figure not in text
    assert "100" not in text


def test_all_on_a_card_outside_the_scale_is_not_called_disagreement() -> None:
    text = text_of(html_of(games.played(["? 5", "? ?"])))
    assert "All chose ?, which is not on the scale, at the last of 2 reveals." in text
    assert "No full agreement" not in text


def test_agreement_that_only_came_later_is_not_told_as_none_at_first() -> None:
    text = text_of(html_of(games.played(["3 5", "5 5"])))
    assert "Everyone agreed on 1 of 1 story, on none of them at first sight." in text


def test_where_nobody_stood_apart_there_is_no_table_of_who_did() -> None:
    assert "Who saw it differently" not in text_of(html_of(games.played(["3 5", "5 5"])))


def test_a_round_that_was_abandoned_says_once_how_long_it_took() -> None:
    game = table(None, "Bob")
    accepted(game.add_story())
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    game.now_ms += 60_000
    abandon = pb.AbandonRound(round_id=game.round_id)
    accepted(game.do(pb.Command(player_id="p1", abandon_round=abandon)))
    html = html_of(game.events)
    text = text_of(html).partition("Story by story")[2]
    assert text.count("1 min") == 1
    assert "Round 1 Abandoned after" in text
    assert "the most frequent card" not in text.partition("How this was counted")[0]


def test_each_label_of_an_axis_is_drawn_once(forty: str) -> None:
    wide = forty.partition('class="wide"')[2].partition("</svg>")[0]
    assert [wide.count(f">{each}</text>") for each in ("0%", "50%", "100%")] == [1, 1, 1]


def test_a_deck_of_sizes_has_a_median_card_and_no_mean() -> None:
    html = html_of(games.played(["S M XL ?"], deck=BUILT_IN["t_shirt"]))
    assert "median M" in text_of(html)
    assert "mean" not in text_of(html).partition("How this was counted")[0].replace("means", "")


def test_cards_stand_in_the_order_of_the_deck() -> None:
    html = html_of(games.played(["L S M S"], deck=BUILT_IN["t_shirt"]))
    labels = re.findall(r"<text [^>]*>(XS|S|M|L|XL|XXL|\?)</text>", html)
    assert labels[-7:] == ["XS", "S", "M", "L", "XL", "XXL", "?"]


def test_a_deck_of_thirty_long_labels_is_drawn_with_those_that_were_chosen() -> None:
    deck = ODD_DECK
    cards = "Größe_01 Größe_09".replace("_", " ")
    game = table(pb.GameSettings(deck=deck), "Bob")
    accepted(game.start())
    accepted(game.vote("p1", cards[:8]))
    accepted(game.vote("p2", cards[9:]))
    accepted(game.reveal())
    drawn = re.findall(r"<text [^>]*>(Größe \d+)</text>", html_of(game.events))
    assert drawn == ["Größe 01", "Größe 09"]


@pytest.mark.parametrize("label", ["$x$", "☕", "½", "ح", "<i>", "日本語"])
def test_a_card_may_have_any_label(label: str) -> None:
    deck = pb.Deck(name="odd", cards=[pb.Card(label=label), pb.Card(label="other")])
    html = html_of(games.played([f"{label} other"], deck=deck))
    assert label in text_of(html)
    assert "<i>" not in html.replace('<i class="', "").replace("<i>no estimate</i>", "")


def test_a_crowd_is_told_in_a_few_lines() -> None:
    html = html_of(games.town_hall())
    assert len(html.encode()) < 200_000
    text = text_of(html)
    assert "and 970 more" in text
    assert "980 others voted too" in text
    assert re.search(r"\d+ more reasons were given", text)


def test_the_largest_games_say_what_there_is_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_ROUNDS", 10)
    for name in ("MOST_DOTS", "MOST_PILES"):
        monkeypatch.setattr(overview, name, 10)
    html = html_of(games.refinement())
    history = chronicle(games.refinement())
    text = text_of(html)
    assert html.count('class="round"') == 10
    assert f"{len(history.rounds) - 10} more rounds were played" in text
    assert f"the last 10 of {len(history.revealed)} reveals" in text
    assert "the 10 stories that took longest" in text


def test_times_are_in_the_zone_that_is_asked_for() -> None:
    history = chronicle(games.refinement())
    assert "15:07 to 16:58 UTC" in text_of(render(history))
    assert "17:07 to 18:58 CEST" in text_of(render(history, ZoneInfo("Europe/Berlin")))


def test_what_the_charts_show_is_said_in_words(forty: str) -> None:
    labels = re.findall(r'<svg [^>]*aria-label="([^"]+)"', forty)
    assert len(labels) == forty.count("<svg ")
    assert "Votes by card. 5: 8." in labels


def test_serving_does_not_load_what_draws_reports() -> None:
    code = "import planning_poker_server.cli, planning_poker_server.app, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # jinja2 is loaded by dynaconf, wherever it is installed.
    assert not {"matplotlib", "numpy"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.6, "1 min"), (130, "2 min 10 s"), (6_660, "1 h 51 min"), (180_000, "2 d 2 h")],
)
def test_time_is_told_by_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(timedelta(seconds=seconds)).replace("\u202f", " ") == said


@pytest.mark.parametrize(
    ("part", "said"), [(0, "0 %"), (0.001, "1 %"), (0.625, "62 %"), (0.999, "99 %"), (1, "100 %")]
)
def test_only_all_of_it_is_a_hundred_percent(part: float, said: str) -> None:
    assert share(part).replace("\u202f", " ") == said
