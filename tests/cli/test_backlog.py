from pathlib import Path

import pytest

from planning_poker_server.cli.backlog import (
    MAX_BYTES,
    BacklogError,
    Entry,
    parse_backlog,
    read_backlog,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "backlog.csv"


def refusal(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(BacklogError) as caught:
        parse_backlog(data)
    return str(caught.value)


def test_the_example_has_twelve_stories_with_everything() -> None:
    entries = read_backlog(EXAMPLE)
    assert len(entries) == 12
    assert all(entry.key and entry.description and entry.url for entry in entries)
    assert "\n" in entries[0].description


def test_columns_are_found_by_name_in_any_order() -> None:
    assert parse_backlog(b"title,Key\nLogin,A-1\n") == [Entry("Login", key="A-1")]
    assert parse_backlog(b" KEY , Title \r\nA-1, Login \r\n") == [Entry("Login", key="A-1")]


def test_only_a_title_is_needed() -> None:
    assert parse_backlog(b"title\nOne\nTwo") == [Entry("One"), Entry("Two")]


def test_a_byte_order_mark_is_accepted() -> None:
    assert parse_backlog("title\nÜber\n".encode("utf-8-sig")) == [Entry("Über")]


def test_a_quoted_description_keeps_its_lines_and_commas() -> None:
    (entry,) = parse_backlog(b'title,description\nA,"one,\r\ntwo ""three"""\n')
    assert entry.description == 'one,\ntwo "three"'


def test_empty_lines_are_passed_over() -> None:
    assert parse_backlog(b"\ntitle,key\n\nOne,\n,\nTwo,\n\n") == [Entry("One"), Entry("Two")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "line 1: there is no header"),
        ("title\n", "it has a header and no stories"),
        ("key,url\nA,B\n", "line 1: has no column 'title'"),
        ("title,titel\nA,B\n", "line 1: has unknown columns: 'titel'; possible are key, title"),
        ("title,title\nA,B\n", "line 1: names a column twice"),
        ("title;key\nA;B\n", "line 1: the columns are separated by semicolons"),
        ("title,key\nA\n", "line 2: has 1 fields; the header names 2"),
        ("title,key\nA,B,C\n", "line 2: has 3 fields; the header names 2"),
        ("title,key\n  ,A-1\n", "line 2: the title is empty"),
        ("title\nok\n" + "x" * 201, "line 3: the title has 201 characters; at most 200"),
        ("title,key\nA," + "x" * 65, "line 2: the key has 65 characters; at most 64"),
        ("title,description\nA," + "x" * 4001, "line 2: the description has 4,001 characters"),
        ("title,url\nA,ftp://x\n", "line 2: the url must begin with http:// or https://"),
        ("title,url\nA,http://" + "x" * 2000, "line 2: the url has 2,007 characters"),
        ("title\nA\x1b[31m\n", "line 2: the title holds a control character (U+001B)"),
        ('title\n"two\nlines"\n', "line 2: the title holds a line break"),
        ('title\n"never closed\n', "line 2: is not CSV"),
        ('title\n"a"b\n', "line 2: is not CSV"),
    ],
)
def test_a_bad_file_is_refused_naming_the_line(content: str, expected: str) -> None:
    assert expected in refusal(content)


def test_the_line_of_a_problem_is_where_its_record_begins() -> None:
    content = 'title,description\nA,"1\n2\n3"\n,"4\n5"\n'
    assert refusal(content) == "  line 5: the title is empty"


def test_another_encoding_is_refused_naming_the_line() -> None:
    assert refusal("title\nok\nÜber\n".encode("latin-1")) == (
        "  line 3: is not UTF-8; save the file as UTF-8"
    )
    assert "line 1: is not UTF-8" in refusal("title\nA\n".encode("utf-16"))


def test_every_bad_line_is_named_up_to_ten() -> None:
    lines = refusal("title,key\n" + ",A\n" * 12).splitlines()
    assert lines[0] == "  line 2: the title is empty"
    assert lines[9:] == ["  line 11: the title is empty", "  … and 2 more"]


def test_what_no_game_could_hold_is_refused() -> None:
    assert "1,001 stories; a game has at most 1,000" in refusal("title\n" + "A\n" * 1001)
    big = "title,description\n" + f"A,{'x' * 4000}\n" * 300
    assert "its text is over 1,048,576 bytes" in refusal(big)
    assert "larger than" in refusal(b"x" * (MAX_BYTES + 1))


def test_a_message_never_repeats_control_characters() -> None:
    assert "\x1b" not in refusal("title,\x1b[31m\nA,B\n")


def test_a_file_is_named_with_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("title,key\n,A\n")
    with pytest.raises(BacklogError) as caught:
        read_backlog(path)
    assert str(caught.value) == (
        f"{path} cannot be used as a backlog:\n  line 2: the title is empty"
    )
    with pytest.raises(BacklogError, match=r"cannot be read: No such file or directory\."):
        read_backlog(tmp_path / "none.csv")
    with pytest.raises(BacklogError, match="cannot be read"):
        read_backlog(tmp_path)
