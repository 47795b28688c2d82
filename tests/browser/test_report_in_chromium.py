"""The report in a real browser: it loads, says nothing on the console and asks for nothing."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model import limits
from planning_poker_model.chronicler import chronicle
from planning_poker_server.report.render import render
from tests import games
from tests.browser.chromium import DARK, Seen, open_page
from tests.server.domain.table import accepted, table

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def page() -> str:
    return render(chronicle(games.refinement()))


@pytest.fixture(scope="module")
def seen(page: str) -> Seen:
    return open_page(page, (PHONE, DESK))


@pytest.fixture(scope="module")
def in_the_dark(page: str) -> Seen:
    return open_page(page, (DESK,), DARK)


def test_the_console_stays_empty(seen: Seen) -> None:
    assert seen.console == []


def test_nothing_but_the_page_is_asked_for(seen: Seen) -> None:
    assert set(seen.requests) == {"/frames.html", "/page.html"}


def test_a_page_that_asks_for_something_would_be_caught(page: str) -> None:
    bad = page.replace("</main>", "<img src='http://127.0.0.1:9/x.png'><script>1</script></main>")
    console = open_page(bad, (DESK,)).console
    assert len([line for line in console if "Content Security Policy" in line]) == 2


def test_all_parts_are_there_and_nothing_of_the_text_became_a_script(seen: Seen) -> None:
    for frame in seen.frames:
        assert frame["headings"] == [
            "Refinement, sprint 24",
            "Estimates",
            "How it went",
            "Who saw it differently",
            "Story by story",
            "Votes without a story",
            "How this was counted",
        ]
        assert frame["scripts"] == 0


def test_each_revealed_round_has_a_chart_with_words_for_who_cannot_see_it(seen: Seen) -> None:
    revealed = len(chronicle(games.refinement()).revealed)
    for frame in seen.frames:
        assert (frame["charts"], frame["unnamed"]) == (revealed, 0)
        assert frame["drawn"].count(False) == 2  # of each pair, the one for the other width


def test_no_text_is_cut_on_a_phone_or_on_a_desk(seen: Seen) -> None:
    for frame, width in zip(seen.frames, (PHONE, DESK), strict=True):
        assert frame["cut"] == []
        assert frame["width"] <= width


def test_the_longest_texts_of_a_story_fit_on_a_phone_and_on_a_desk() -> None:
    game = table(None, "W" * limits.PLAYER_NAME)
    story = pb.NewStory(key="K" * limits.STORY_KEY, title="W" * limits.STORY_TITLE)
    accepted(game.do(pb.Command(player_id="p1", add_stories=pb.AddStories(stories=[story]))))
    accepted(game.start("s1"))
    for player_id, card in (("p1", "3"), ("p2", "8")):
        accepted(game.vote(player_id, card, "W" * limits.VOTE_COMMENT))
    accepted(game.reveal())
    accepted(game.accept("s1", "W" * limits.ESTIMATE_VALUE, game.round_id))
    for frame in open_page(render(chronicle(game.events)), (PHONE, DESK)).frames:
        assert frame["cut"] == []


def test_the_dark_page_is_dark_and_its_charts_are_light_on_it(
    seen: Seen, in_the_dark: Seen
) -> None:
    assert in_the_dark.console == []
    (dark,) = in_the_dark.frames
    assert brightness(dark["paper"]) < 60 < 120 < brightness(dark["ink"])
    assert brightness(seen.frames[0]["paper"]) > 240


def test_a_thousand_people_fit_on_a_phone() -> None:
    seen = open_page(render(chronicle(games.town_hall())), (PHONE,))
    assert (seen.console, seen.frames[0]["cut"]) == ([], [])


def brightness(colour: str) -> float:
    """Of "rgb(…)", from 0 to 255."""
    numbers = [float(each) for each in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(numbers) / len(numbers)
