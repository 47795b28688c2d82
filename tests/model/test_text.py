"""What text may hold, and which names people would take for the same."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning_poker_model.text import cleaned, fold_name, is_link, problem, trim

VISIBLE = {
    "plain": "Ada Lovelace",
    "accents": "Zoë Ångström",
    "accents made of two characters": "Zoe\u0308",
    "Chinese": "登录页面",
    "Arabic": "صفحة تسجيل الدخول",
    "Persian with its non-joiner": "می\u200cخواهم",
    "Hindi with a joiner behind a virama": "क्\u200dष",
    "Japanese name with a variant of its character": "葛\U000e0100城",
    "Chinese with a standardised variant": "丸\ufe00子",
    "Han with the last of its variants": "葛\U000e01ef",
    "emoji": "🚀",
    "emoji in its colourful style": "❤\ufe0f",
    "coffee": "☕",
    "keycap": "1\ufe0f\u20e3",
    "family": "👨\u200d👩\u200d👧",
    "skin tone and profession": "👩🏽\u200d🚀",
    "style inside a sequence": "🏳\ufe0f\u200d🌈",
    "emoji of a later Unicode": "\U0001faff\u200d🚀",
    "flag": "🇳🇱",
    "half": "½",
    "no-break space": "10\u00a0000",
}
FORBIDDEN = {
    "escape": "\x1b[31mred",
    "bell": "a\x07b",
    "null": "a\x00b",
    "line feed": "a\nb",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "next line": "a\x85b",
    "C1 control sequence introducer": "a\x9bb",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "right-to-left override": "a\u202eb",
    "isolate": "a\u2066b",
    "left-to-right mark": "a\u200eb",
    "Arabic letter mark": "a\u061cb",
    "zero-width space": "a\u200bb",
    "joiner between letters": "a\u200db",
    "joiner at the end of an emoji": "👩\u200d",
    "non-joiner between Latin letters": "a\u200cb",
    "word joiner": "a\u2060b",
    "byte order mark": "a\ufeffb",
    "soft hyphen": "a\u00adb",
    "style of a letter": "a\ufe0fb",
    "variant of a Latin letter": "a\U000e0100b",
    "standardised variant of a Latin letter": "a\ufe00b",
    "style at the start": "\ufe0fa",
    "joiner at the start": "\u200d🚀",
    "joiner between a letter and an emoji": "a\u200d🚀",
    "joiners alone": "\u200d",
    "non-joiner at the start": "\u200cمی",
    "Hangul filler": "a\u3164b",
    "Braille blank": "a\u2800b",
    "Mongolian vowel separator": "a\u180eb",
    "hidden tag characters": "a\U000e0041\U000e0042b",
    "lone surrogate": "a\ud800b",
    "noncharacter": "a\uffffb",
}


@pytest.mark.parametrize("text", VISIBLE.values(), ids=VISIBLE.keys())
def test_text_that_people_write_is_fine(text: str) -> None:
    assert problem(text, 40) is None


@pytest.mark.parametrize("text", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_text_that_hides_or_breaks_something_is_refused(text: str) -> None:
    assert problem(text, 40) is not None


@pytest.mark.parametrize("text", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_problem_never_repeats_the_text(text: str) -> None:
    said = problem(text, 40)
    assert said is not None
    assert said.isprintable()


@pytest.mark.parametrize("text", ["one\ntwo", "\tindented\n\n- item"])
def test_line_feeds_and_tabs_are_fine_in_several_lines(text: str) -> None:
    assert problem(text, 40, multiline=True) is None


@pytest.mark.parametrize("text", ["one\rtwo", "one\x1b[2J", "one\u2028two", "one\x0btwo"])
def test_other_controls_are_refused_in_several_lines_too(text: str) -> None:
    assert problem(text, 40, multiline=True) is not None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ab\nc", "a line break (U+000A)"),
        ("ab\u2028c", "a line break (U+2028)"),
        ("ab\x1bc", "a control character (U+001B)"),
        ("ab\u202ec", "a character that turns the direction of text (U+202E)"),
        ("ab\u200bc", "an invisible character (U+200B)"),
        ("ab\ufdd0c", "something that is no character (U+FDD0)"),
    ],
)
def test_the_problem_says_what_is_wrong_and_where(text: str, kind: str) -> None:
    assert problem(text, 40) == f"holds {kind} at position 3; leave it out"


def test_white_space_around_is_trimmed_and_nothing_else_changed() -> None:
    assert trim(" \t\u00a0Ada  Lovelace \r\n") == "Ada  Lovelace"


def test_in_one_line_a_line_break_is_left_to_be_refused() -> None:
    assert trim("one\r\ntwo") == "one\r\ntwo"


def test_each_kind_of_line_break_becomes_a_line_feed() -> None:
    assert trim("one\r\ntwo\nthree\r\n", multiline=True) == "one\ntwo\nthree"


def test_length_counts_code_points() -> None:
    assert problem("é" * 40, 40) is None
    assert problem("𝔸" * 40, 40) is None


def test_too_long_text_is_told_its_length_and_the_limit() -> None:
    said = problem("x" * 10_000, 40)
    assert said == "has 10,000 characters; at most 40 are possible"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ada"),
        ("STRASSE", "straße"),
        ("Ａｄａ", "Ada"),
        ("Zoe\u0308", "Zoë"),
        ("ﬁona", "Fiona"),
        ("می\u200cخواهم", "میخواهم"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_names_that_look_the_same_are_the_same(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_names_that_look_different_are_different() -> None:
    assert len({fold_name(name) for name in ["Ada", "Adá", "Ad a", "Adaa"]}) == 4


ALPHABET = "".join(sorted({*"aZ1# ".join(VISIBLE.values()), *"".join(FORBIDDEN.values())}))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(ALPHABET, max_size=12))
def test_what_passes_is_one_line_whatever_its_characters(text: str) -> None:
    kept = trim(text)
    if problem(kept, 12) is None:
        assert len(kept.splitlines()) <= 1
        assert not {unicodedata.category(character) for character in kept} & {
            "Cc",
            "Zl",
            "Zp",
            "Cs",
        }


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.text(ALPHABET, max_size=12))
def test_folding_a_name_twice_changes_nothing_more(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)


@pytest.mark.parametrize("text", VISIBLE.values(), ids=VISIBLE.keys())
def test_cleaning_leaves_text_that_people_write_as_it_is(text: str) -> None:
    assert cleaned(text) == cleaned(text, multiline=True) == text


@pytest.mark.parametrize("text", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_cleaning_takes_out_what_is_refused(text: str) -> None:
    assert problem(cleaned(text), 40) is None


@given(st.text(st.one_of(st.characters(), st.sampled_from("\u200d\u200c\ufe0f\u2800🚀❤ا\u094d"))))
def test_what_was_cleaned_is_never_refused_and_cleaned_already(text: str) -> None:
    for multiline in (False, True):
        kept = cleaned(text, multiline=multiline)
        assert problem(kept, len(text), multiline=multiline) is None
        assert cleaned(kept, multiline=multiline) == kept == kept.strip()


def test_cleaning_keeps_words_apart() -> None:
    assert cleaned("one\r\ntwo\tthree\u2028four\x0bfive") == "one two three four five"
    assert cleaned("one\r\n\ttwo\rthree", multiline=True) == "one\n\ttwo\nthree"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x.test/a?b", True),
        ("HTTP://x", True),
        ("http://", False),
        ("ftp://x.test", False),
        ("https://x.test/a b", False),
        ("see https://x.test", False),
        ("", False),
    ],
)
def test_a_link_is_what_a_browser_opens(text: str, expected: bool) -> None:
    assert is_link(text) is expected
