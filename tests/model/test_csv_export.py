"""A history as CSV that a spreadsheet and a program read alike."""

import csv
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planningpoker.v1 as pb
from planning_poker_model.chronicler import chronicle
from planning_poker_model.csv_export import guarded, unguarded, write_stories, write_votes
from tests import games
from tests.server.domain.table import Table, accepted, table


def stories(events: list[pb.GameEvent]) -> list[dict[str, str]]:
    file = StringIO(newline="")
    write_stories(chronicle(events), file)
    return list(csv.DictReader(StringIO(file.getvalue(), newline="")))


def votes(events: list[pb.GameEvent]) -> list[dict[str, str]]:
    file = StringIO(newline="")
    write_votes(chronicle(events), file)
    return list(csv.DictReader(StringIO(file.getvalue(), newline="")))


def estimated() -> Table:
    game = table(None, "Bob")
    add = pb.NewStory(title="Login, page", key="PP-1", url="https://example.com/1")
    accepted(game.do(pb.Command(player_id="p1", add_stories=pb.AddStories(stories=[add]))))
    accepted(game.start("s1"))
    accepted(game.vote("p1", "3", 'The "captcha", mostly.'))
    accepted(game.vote("p2", "5"))
    game.now_ms += 1_500
    accepted(game.reveal())
    game.now_ms += 30_000
    accepted(game.accept("s1", "5", "r1"))
    return game


def test_a_story_is_a_row_with_what_became_of_it() -> None:
    (row,) = stories(estimated().events)
    assert row == {
        "story_id": "s1",
        "key": "PP-1",
        "title": "Login, page",
        "url": "https://example.com/1",
        "status": "estimated",
        "estimate": "5",
        "estimate_number": "5",
        "rounds_started": "1",
        "rounds_revealed": "1",
        "rounds_to_consensus": "",
        "votes_in_last_round": "2",
        "agreement_in_last_round": "0.5",
        "seconds_voting": "1.500",
        "seconds_discussing": "30.000",
        "estimated_by": "Ada",
        "estimated_at": "2025-06-15T15:07:11.500Z",
    }


def test_a_vote_is_a_row_with_its_round_card_and_reason() -> None:
    first, second = votes(estimated().events)
    assert (first["player"], first["card"], first["number"]) == ("Ada", "3", "3")
    assert (first["comment"], second["comment"]) == ('The "captcha", mostly.', "")
    assert (first["story_key"], first["round_number"], first["outlier"]) == ("PP-1", "1", "yes")
    assert first["revealed_at"] == "2025-06-15T15:06:41.500Z"


def test_every_round_is_there_also_without_a_story() -> None:
    rows = votes(games.refinement())
    assert len(rows) == sum(len(r.round.votes) for r in chronicle(games.refinement()).revealed)
    assert {row["player"] for row in rows if not row["story_id"]} == {"Ada", "Grace", "Edsger"}


def test_lines_end_as_the_standard_has_it() -> None:
    file = StringIO(newline="")
    write_stories(chronicle(games.played([])), file)
    assert file.getvalue().count("\r\n") == file.getvalue().count("\n") == 2


def test_a_skipped_and_a_removed_story_say_so() -> None:
    game = table(None)
    for title in ("One", "Two"):
        accepted(game.add_story(title))
    skip, remove = pb.UpdateStory(story_id="s1", skipped=True), pb.RemoveStory(story_id="s2")
    accepted(game.do(pb.Command(player_id="p1", update_story=skip)))
    accepted(game.do(pb.Command(player_id="p1", remove_story=remove)))
    assert [row["status"] for row in stories(game.events)] == ["skipped", "removed"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "－x", "'=1"]
)
def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+1.5", "-0.5", "5", "½", "a=b", "'quoted'", "?", ""])
def test_numbers_and_plain_text_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize("text", ["-1\n", "-1e3", "-٣", "-1,5"])
def test_only_a_plain_number_counts_as_one(text: str) -> None:
    assert guarded(text) != text


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text("'=+-@\t\r\n＝1a.", max_size=6))
def test_what_was_guarded_can_be_read_back(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_a_title_that_is_a_formula_is_guarded_in_the_file() -> None:
    game = table(None)
    accepted(game.add_story("=HYPERLINK(1)"))
    assert stories(game.events)[0]["title"] == "'=HYPERLINK(1)"
