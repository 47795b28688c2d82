"""Stories from CSV files: what is read, and which line is to blame where nothing is."""

import csv
import io
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import planningpoker.v1 as pb
from planning_poker_client import BadStories, Finding, read_stories
from planning_poker_client.stories.columns import COLUMNS
from planning_poker_client.stories.csv_records import MAX_BYTES
from planning_poker_model.text import problem, trim
from tests.workspace.tree import ROOT

EXAMPLE = ROOT / "examples" / "backlog.csv"


def stories(content: str | bytes) -> list[pb.NewStory]:
    return list(read_stories(content.encode() if isinstance(content, str) else content).stories)


def problems(content: str | bytes) -> list[str]:
    with pytest.raises(BadStories) as caught:
        stories(content)
    return [str(each) for each in caught.value.problems]


def story(title: str, **fields: str) -> pb.NewStory:
    return pb.NewStory(title=title, **fields)


def test_the_example_has_twelve_stories_with_everything() -> None:
    file = read_stories(EXAMPLE)
    assert (len(file.stories), file.format, file.encoding, file.notes) == (12, "csv", "utf-8", ())
    assert all(each.key and each.description and each.url for each in file.stories)
    assert "\n" in file.stories[0].description


def test_columns_are_found_by_name_in_any_order() -> None:
    assert stories("title,Key\nLogin,A-1\n") == [story("Login", key="A-1")]
    assert stories(" KEY , Title \r\nA-1, Login \r\n") == [story("Login", key="A-1")]


def test_only_a_title_is_needed() -> None:
    assert stories("title\nOne\nTwo; or three") == [story("One"), story("Two; or three")]


def test_a_quoted_description_keeps_its_lines_and_commas() -> None:
    (found,) = stories('title,description\nA,"one,\r\ntwo ""three"""\n')
    assert found.description == 'one,\ntwo "three"'


def test_empty_lines_are_passed_over() -> None:
    assert stories("\ntitle,key\n\nOne,\n,\nTwo,\n\n  \n") == [story("One"), story("Two")]


def test_columns_that_a_spreadsheet_left_empty_are_passed_over() -> None:
    assert stories("title;key;;\nA;B;;\n") == [story("A", key="B")]
    assert problems("title;key;;\nA;B;;C\n") == ["line 2: has text in a column without a name"]


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_kind_of_line_break_ends_a_line(break_: str) -> None:
    lines = ("title,description", 'A,"1', '2"', "B,", "", "")
    expected = [story("A", description="1\n2"), story("B")]
    assert stories(break_.join(lines)) == expected
    assert problems(break_.join((*lines[:3], ",x"))) == ["line 4: the title is empty"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "^"])
def test_the_separator_is_told_from_the_header(mark: str) -> None:
    content = f'title{mark}key\n"A, B; C|D^E"{mark}A-1\n'
    assert stories(content) == [story("A, B; C|D^E", key="A-1")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_programs_write_is_read(encoding: str) -> None:
    file = read_stories('title\tkey\r\n"Größe – für „alle“"\tÄ-1\r\n'.encode(encoding))
    assert list(file.stories) == [story("Größe – für „alle“", key="Ä-1")]
    assert file.encoding == encoding.removesuffix("-sig")


def test_both_orders_of_the_bytes_of_utf_16_are_read() -> None:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert stories(mark + "title\nÜber\n".encode(encoding)) == [story("Über")]


def test_whoever_saved_as_windows_1252_is_told_from_which_line_on() -> None:
    file = read_stories("title\nok\nÜber\n".encode("cp1252"))
    assert file.notes == (Finding(3, "is not UTF-8: the file was read as Windows-1252"),)


BAD_BYTES = {
    "UTF-8 with a broken byte": (
        "title\nÜber\r\nUnder".encode() + b"\xfc\n",
        "line 3: is damaged UTF-8; save the file as UTF-8",
    ),
    "UTF-8 by its mark alone": (
        b"\xef\xbb\xbftitle\n\xdcber\n",
        "line 2: is damaged UTF-8; save the file as UTF-8",
    ),
    "neither of both": (
        b"title\rA\r\x81\n",
        "line 3: is neither UTF-8 nor Windows-1252; save the file as UTF-8",
    ),
    "half of UTF-16": (
        "title\nA\nB".encode("utf-16") + b"\x00",
        "line 3: is not UTF-16, as the file begins",
    ),
    "UTF-16 without its mark": (
        "title\nA\n".encode("utf-16-le"),
        "line 1: holds a NUL character: the file is damaged, or in another encoding; "
        "save it as UTF-8",
    ),
    "a NUL": (
        b"title\nA\n\0\n",
        "line 3: holds a NUL character: the file is damaged, or in another encoding; "
        "save it as UTF-8",
    ),
}


@pytest.mark.parametrize(("data", "expected"), BAD_BYTES.values(), ids=BAD_BYTES)
def test_what_cannot_be_decoded_is_refused_naming_the_line(data: bytes, expected: str) -> None:
    assert problems(data) == [expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "line 1: there is no header"),
        ("title\n", "it has a header and no stories"),
        ("key,url\nA,B\n", "line 1: has no column 'title'"),
        ("title,titel\nA,B\n", "line 1: has unknown columns: 'titel'; possible are key, title"),
        ("title,summary\nA,B\n", "line 1: has unknown columns: 'summary'"),
        ("\n\ntitle,title\nA,B\n", "line 3: names a column twice"),
        ("title,key\nA\n", "line 2: has 1 fields; the header names 2"),
        ("title,key\nA,B,C\n", "line 2: has 3 fields; the header names 2"),
        ("title;key\nA,B\n", "line 2: has 1 fields; the header names 2"),
        ("title,key\n  ,A-1\n", "line 2: the title is empty"),
        ("title\nok\n" + "x" * 201, "line 3: the title has 201 characters; at most 200"),
        ("title,key\nA," + "x" * 65, "line 2: the key has 65 characters; at most 64"),
        ("title,description\nA," + "x" * 4001, "line 2: the description has 4,001 characters"),
        ("title,url\nA,ftp://x\n", "line 2: the url must begin with http:// or https://"),
        ("title,url\nA,http://\n", "line 2: the url must begin with http:// or https://"),
        ("title,url\nA,http://" + "x" * 2000, "line 2: the url has 2,007 characters"),
        ("title\nA\x1b[31m\n", "line 2: the title holds a control character (U+001B)"),
        ("title\nA\u200bB\n", "line 2: the title holds an invisible character (U+200B)"),
        ('title\n"two\nlines"\n', "line 2: the title holds a line break"),
        ('title\n"never closed\n', "line 2: is not CSV"),
        ('title\n"a"b\n', "line 2: is not CSV"),
        ('"title\nA\n', "line 1: is not CSV"),
        ("title\n" + "x" * 140_000, "line 2: is not CSV: field larger than field limit"),
    ],
)
def test_a_bad_file_is_refused_naming_the_line(content: str, expected: str) -> None:
    assert problems(content)[0].startswith(expected)


def test_the_line_of_a_problem_is_where_its_record_begins() -> None:
    assert problems('title,description\nA,"1\n2\n3"\n,"4\n5"\n') == ["line 5: the title is empty"]


def test_all_bad_lines_are_told_and_ten_are_shown() -> None:
    with pytest.raises(BadStories) as caught:
        stories("title,key\n" + ",A\n" * 12)
    assert [each.line for each in caught.value.problems] == list(range(2, 14))
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["The file cannot be used as a backlog:", "  line 2: the title is empty"]
    assert lines[10:] == ["  line 11: the title is empty", "  … and 2 more"]


def test_what_no_game_could_hold_is_refused() -> None:
    assert problems("title\n" + "A\n" * 1001) == ["it has 1,001 stories; a game has at most 1,000"]
    big = "title,description\n" + f"A,{'x' * 4000}\n" * 300
    assert problems(big)[0].startswith("its text is over 1,048,576 bytes")
    assert problems(b"x" * (MAX_BYTES + 1)) == ["it is larger than 33,554,432 bytes"]
    assert len(problems("title,key\n" + ",A\n" * 5000)) == 1000


def test_a_file_with_millions_of_rows_is_refused_in_seconds() -> None:
    rows = 2_000_000
    start = time.process_time()
    assert problems(b"title\n" + b"A\n" * rows)[0].startswith("it has 2,000,000 stories")
    assert time.process_time() - start < 5


def test_a_header_without_an_end_is_named_as_what_is_wrong() -> None:
    columns = "Summary" + ",Comment" * 20_000
    assert problems(f"{columns}\n{columns}\n") == ["line 1: the header has over 131,072 characters"]


@pytest.mark.parametrize("begins", [b"PK\x03\x04\x14\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_whoever_gives_a_workbook_is_told_what_to_save(begins: bytes) -> None:
    assert problems(begins + bytes(range(256))) == [
        "it is a workbook of a spreadsheet; save it as CSV UTF-8"
    ]


def test_a_message_never_repeats_what_hides_or_moves_text() -> None:
    (said,) = problems("title,\x1b[31m\u202e\nA,B\n")
    assert said.isprintable()


def test_a_file_is_named_with_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("title,key\n,A\n")
    with pytest.raises(BadStories) as caught:
        read_stories(path)
    assert str(caught.value) == (
        f"{path} cannot be used as a backlog:\n  line 2: the title is empty"
    )
    with pytest.raises(BadStories, match="it cannot be read: No such file or directory"):
        read_stories(tmp_path / "none.csv")
    with pytest.raises(BadStories, match="it cannot be read"):
        read_stories(tmp_path)


def test_a_key_without_a_link_is_given_one() -> None:
    content = b"title,key,url\nA,PP-1,\nB,,\nC,PP-3,https://c.test\nD,a/b c,\n"
    urls = [each.url for each in read_stories(content, base_url="https://x.test/jira/").stories]
    assert urls == [
        "https://x.test/jira/browse/PP-1",
        "",
        "https://c.test",
        "https://x.test/jira/browse/a%2Fb%20c",
    ]
    for bad in ("x.test", "ftp://x.test", "https://", "https://x.test/a b"):
        with pytest.raises(ValueError, match="base_url"):
            read_stories(content, base_url=bad)


# Whatever Python's csv module writes


def _lines(limit: int, *, multiline: bool = False) -> st.SearchStrategy[str]:
    """Text that a story may hold, with what CSV has to quote."""
    special = st.sampled_from(",;\t\"'|^ " + ("\n" if multiline else ""))
    text = st.text(st.one_of(special, st.characters(exclude_categories=["Cs"])), max_size=limit)
    return text.map(lambda each: trim(each, multiline=multiline)).filter(
        lambda each: problem(each, limit, multiline=multiline) is None
    )


STORIES = st.lists(
    st.builds(
        pb.NewStory,
        title=_lines(30).filter(bool),
        description=_lines(60, multiline=True),
        key=_lines(10),
        url=st.sampled_from(["", "https://x.test/1,2;3"]),
    ),
    min_size=1,
    max_size=8,
)


# Few lines of any characters are text that a story may hold.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(
    STORIES,
    st.permutations(COLUMNS),
    st.sampled_from(["excel", "excel-tab", "unix"]),
    st.sampled_from([None, ",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_pythons_csv_writes_reads_back_the_same(
    written: list[pb.NewStory],
    columns: list[str],
    dialect: str,
    separator: str | None,
    quoting: int,
    line_break: str,
    encoding: str,
) -> None:
    # Python before 3.13 quotes no line break that is not its own, so that none can tell them apart.
    lines = any("\n" in each.description for each in written)
    assume(quoting == csv.QUOTE_ALL or "\n" in line_break or not lines)
    changes = {"delimiter": separator} if separator else {}
    file = io.StringIO(newline="")
    writer = csv.writer(
        file,
        dialect,
        quoting=quoting,  # type: ignore[arg-type]
        lineterminator=line_break,
        **changes,  # type: ignore[arg-type]
    )
    writer.writerow(columns)
    writer.writerows([[getattr(each, name) for name in columns] for each in written])
    assert stories(file.getvalue().encode(encoding)) == written
