"""Stories from what Jira exports: nobody can mend it, so what is harmless is put right."""

import pytest

from planning_poker_client import BadStories, Finding, StoryFile, read_stories
from tests.client.jira_export import WIKI, export, issues, row

BASE = "https://example.atlassian.net"


def read(*rows: list[str], base_url: str = "") -> StoryFile:
    return read_stories(export(rows), base_url=base_url)


def test_summary_key_and_description_are_found_among_many_columns() -> None:
    file = read(row(1, Description=WIKI), base_url=f"{BASE}/")
    (story,) = file.stories
    assert file.format == "jira"
    assert (story.title, story.key, story.url) == ("Story 1", "SHOP-1", f"{BASE}/browse/SHOP-1")
    assert story.description == WIKI.replace("\r\n", "\n")
    assert file.notes == ()


def test_a_whole_export_is_read_in_its_order() -> None:
    file = read_stories(export(issues(1_000)))
    assert [story.key for story in file.stories] == [f"SHOP-{number}" for number in range(1, 1_001)]
    assert len(file.notes) == 40  # two of fifty issues have too long a text


@pytest.mark.parametrize(
    "header",
    [
        "Vorgangsschlüssel,Vorgangs-ID,Zusammenfassung,Beschreibung",
        "Clé de ticket,ID de ticket,Résumé,Description",
        "Clave de incidencia,ID de la incidencia,Resumen,Descripción",
        "Issue key,Issue id,SUMMARY,Description",
    ],
)
def test_the_names_of_columns_may_be_in_another_language(header: str) -> None:
    (story,) = read_stories(f"{header}\nA-1,10,One,Two\n".encode()).stories
    assert (story.key, story.title, story.description) == ("A-1", "One", "Two")


@pytest.mark.parametrize("mark", [";", "\t", "|", "^"])
def test_another_separator_is_told_from_the_header(mark: str) -> None:
    file = read_stories(export([row(3)], delimiter=mark))
    assert file.stories[0].title == 'Say "hello, world" in 3 ways; at least'


def test_of_columns_with_one_name_the_first_with_something_in_it_counts() -> None:
    data = export([["A", "", "later"]], header=("Summary", "Description", "Description"))
    assert read_stories(data).stories[0].description == "later"


def test_a_link_is_taken_from_a_column_if_there_is_one_and_it_is_a_link() -> None:
    data = export(
        [["A", "K-1", "https://x.test/1"], ["B", "K-2", "K-1"], ["C", "K-3", ""]],
        header=("Summary", "Issue key", "Url"),
    )
    file = read_stories(data, base_url=BASE)
    assert [story.url for story in file.stories] == [
        "https://x.test/1",
        f"{BASE}/browse/K-2",
        f"{BASE}/browse/K-3",
    ]


def test_too_long_texts_are_cut_and_it_is_told() -> None:
    file = read(row(1), row(2, Summary="s" * 250, Description="d" * 5_000), row(3))
    story = file.stories[1]
    assert (story.title, story.description) == ("s" * 199 + "…", "d" * 3_999 + "…")
    assert file.notes == (  # each row has three lines, by its comment
        Finding(5, "the summary was cut from 250 to 200 characters"),
        Finding(5, "the description was cut from 5,000 to 4,000 characters"),
    )


def test_a_cut_leaves_no_half_of_an_emoji_behind() -> None:
    file = read(row(1, Summary="s" * 197 + "👩\u200d🚀" * 2))
    assert file.stories[0].title == "s" * 197 + "👩…"


def test_odd_spaces_and_what_nobody_sees_are_put_right() -> None:
    file = read(
        row(1, Summary=" A\tb\u200b\u200ec\u00a0d\r\n", Description="\ufeffx\x0by\u2028z\t1")
    )
    assert file.stories[0].title == "A bc\u00a0d"
    assert file.stories[0].description == "x\ny\nz\t1"
    assert file.notes == ()


def test_control_characters_are_left_out_and_it_is_told() -> None:
    file = read(row(1, Description="\x1b[31mred\x07"))
    assert file.stories[0].description == "[31mred"
    assert file.notes == (Finding(2, "control characters were left out of the description"),)


BAD = {
    "no summary": (export([row(1), row(2, Summary=" \u200b")]), "line 5: the summary is empty"),
    "a field too few": (
        export([row(1), row(2)[:-1]]),
        "line 5: has 17 fields; the header names 18",
    ),
    "a field too many": (
        export([[*row(1), ""]]),
        "line 2: has 19 fields; the header names 18",
    ),
    "a key too long": (
        export([row(1, **{"Issue key": "K" * 65})]),
        "line 2: the key has 65 characters; at most 64 are possible",
    ),
    "a NUL": (
        export([row(1), row(2, Description="\0")]),
        "line 5: holds a NUL character: the file is damaged, or in another encoding; "
        "save it as UTF-8",
    ),
    "a quote that is never closed": (
        export([row(1)]) + b'"',
        "line 5: is not CSV: unexpected end of data",
    ),
    "too many": (export(issues(1_001)), "it has 1,001 stories; a game has at most 1,000"),
    "no issues": (export([]), "it has a header and no stories"),
}


@pytest.mark.parametrize(("data", "expected"), BAD.values(), ids=BAD)
def test_a_bad_export_is_refused_naming_the_line(data: bytes, expected: str) -> None:
    with pytest.raises(BadStories) as caught:
        read_stories(data)
    assert [str(problem) for problem in caught.value.problems] == [expected]


def test_one_who_knows_the_format_can_say_so() -> None:
    both = export([["Title", "Summary"]], header=("Custom field (X)", "Summary"))
    assert read_stories(both, kind="jira").stories[0].title == "Summary"
    with pytest.raises(BadStories, match="line 1: has unknown columns: 'custom field"):
        read_stories(both, kind="csv")
    with pytest.raises(BadStories, match="line 1: has no column 'Summary'"):
        read_stories(b"title\nA\n", kind="jira")
