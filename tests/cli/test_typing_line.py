import pytest

from planning_poker_server.cli.typing_line import TypingLine


@pytest.mark.parametrize(
    ("keys", "lines", "text"),
    [
        ("vote 8\r", ["vote 8"], ""),
        ("vote 8\r\nreveal\n", ["vote 8", "reveal"], ""),
        ("vot", [], "vot"),
        ("votw\x7fe 8\r", ["vote 8"], ""),
        ("\x7f\x7fa", [], "a"),
        ("vote 8\x15retract", [], "retract"),
        ("start Login page\x17\x17x", [], "start x"),
        ("a\x1b[Ab\x1b[1;5Cc\x1bOPd\x1b", [], "abcd"),
        ("Zoë ½ ☕ 日本\r", ["Zoë ½ ☕ 日本"], ""),
        ("a\x00\x07\tb", [], "ab"),
    ],
)
def test_keys_make_lines(keys: str, lines: list[str], text: str) -> None:
    typing = TypingLine()
    assert typing.feed(keys) == lines
    assert typing.text == text


def test_keys_may_come_one_by_one() -> None:
    typing = TypingLine()
    assert [line for key in "vote 8\r" for line in typing.feed(key)] == ["vote 8"]


def test_control_d_ends_the_input_on_an_empty_line_only() -> None:
    typing = TypingLine()
    typing.feed("vote\x04")
    assert not typing.ended
    typing.feed("\r\x04")
    assert typing.ended


def test_an_endless_line_is_bounded() -> None:
    typing = TypingLine()
    typing.feed("x" * 100_000)
    assert len(typing.text) < 10_000
