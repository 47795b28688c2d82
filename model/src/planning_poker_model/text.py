"""What text may hold: one rule for every name, title, comment and label.

Text is kept as it was sent, less the white space around it. It may hold any
visible character and the spaces between them. It may not hold what would
break a log line or a table (control characters, line breaks), change the
direction of the text around it (bidi marks, overrides, isolates), or let two
texts differ without looking different (zero-width characters and fillers).
Joiners and variation selectors stay where writing needs them: inside an emoji,
behind a virama, between Arabic letters, on a Han character. Tag characters,
which could carry hidden text, never do.
"""

import re
import unicodedata
from typing import Final

_CONTROLS = "\x00-\x1f\x7f-\x9f"
_LINE_ENDS = "\u2028\u2029"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_NO_CHARACTERS = "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
_SUSPECT: Final = re.compile(f"[{_CONTROLS}{_LINE_ENDS}{_BIDI}{_INVISIBLE}{_NO_CHARACTERS}]")
_IGNORED: Final = re.compile(f"[{_BIDI}{_INVISIBLE}]")
_AT_HOME_SOMEWHERE: Final = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_BREAK: Final = re.compile(f"\r\n|[\n\r\v\f\x85{_LINE_ENDS}]")
_LINK: Final = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)

_ZERO_WIDTH_NON_JOINER: Final = "\u200c"
_ZERO_WIDTH_JOINER: Final = "\u200d"
_EMOJI_STYLES: Final = "\ufe0e\ufe0f"
_STYLED_BY_HABIT: Final = "0123456789#*‼⁉〰"
_VIRAMA: Final = 9


def trim(text: str, *, multiline: bool = False) -> str:
    """The text as it is kept; in several lines, each line break is one line feed."""
    trimmed = text.strip()
    return trimmed.replace("\r\n", "\n") if multiline else trimmed


def problem(text: str, limit: int, *, multiline: bool = False) -> str | None:
    """Why `text`, already trimmed, cannot be kept; None where it can.

    Completes a sentence that begins with the name of the field. `limit` is in
    code points. Never repeats the text.
    """
    if len(text) > limit:
        return f"has {len(text):,} characters; at most {limit:,} are possible"
    for found in _SUSPECT.finditer(text):
        place = found.start()
        if not (multiline and text[place] in "\n\t") and not _at_home(text, place):
            return f"holds {_kind(text[place])} at position {place + 1}; leave it out"
    return None


def cleaned(text: str, *, multiline: bool = False) -> str:
    """`text`, trimmed, without what it may not hold: nothing but its length is a `problem` then.

    For text that nobody can be asked to write anew. Each line break becomes a
    line feed; in one line it becomes a space, as a tab does.
    """
    text = _BREAK.sub("\n" if multiline else " ", text)
    if not multiline:
        text = text.replace("\t", " ")
    allowed = "\n\t" if multiline else ""
    text = _SUSPECT.sub(
        lambda found: found[0] if found[0] in allowed or _AT_HOME_SOMEWHERE.match(found[0]) else "",
        text,
    )
    return (_without_homeless(text) if _AT_HOME_SOMEWHERE.search(text) else text).strip()


def is_link(text: str) -> bool:
    """Whether a browser opens it over http or https: a scheme, a host, no white space."""
    return _LINK.fullmatch(text) is not None


def fold_name(name: str) -> str:
    """What two names have in common that people would take for the same name."""
    visible = _IGNORED.sub("", unicodedata.normalize("NFKC", name))
    return unicodedata.normalize("NFKC", visible.casefold())


def _kind(character: str) -> str:
    point = f"(U+{ord(character):04X})"
    if character in "\r\n\x85\u2028\u2029":
        return f"a line break {point}"
    if unicodedata.category(character) == "Cc":
        return f"a control character {point}"
    if re.match(f"[{_BIDI}]", character):
        return f"a character that turns the direction of text {point}"
    if re.match(f"[{_INVISIBLE}]", character):
        return f"an invisible character {point}"
    return f"something that is no character {point}"


def _without_homeless(text: str) -> str:
    """Without joiners and variation selectors that do not stand where writing needs them."""
    kept: list[str] = []
    for place, character in enumerate(text):
        around = ("".join(kept[-1:]), character, text[place + 1 : place + 2])
        if not _AT_HOME_SOMEWHERE.match(character) or _at_home("".join(around), len(around[0])):
            kept.append(character)
    return "".join(kept)


def _at_home(text: str, place: int) -> bool:
    """Whether an invisible character does its proper work where it stands."""
    character, before, after = text[place], text[:place][-1:], text[place + 1 : place + 2]
    if character in _EMOJI_STYLES:
        return _is_symbol(before) or (before != "" and before in _STYLED_BY_HABIT)
    if "\ufe00" <= character <= "\ufe0d" or "\U000e0100" <= character <= "\U000e01ef":
        return _is_han(before)
    if character == _ZERO_WIDTH_JOINER:
        emoji = _is_symbol(before) or (before != "" and before in _EMOJI_STYLES)
        return (emoji and _is_symbol(after)) or _ends_in_virama(before)
    if character == _ZERO_WIDTH_NON_JOINER:
        return _ends_in_virama(before) or (_is_arabic(before) and _is_arabic(after))
    return False


def _is_symbol(character: str) -> bool:
    # The block of pictographs grows faster than Python's tables know.
    return character != "" and (
        unicodedata.category(character)[0] == "S" or "\U0001f000" <= character <= "\U0001faff"
    )


def _is_han(character: str) -> bool:
    return character != "" and unicodedata.name(character, "").startswith("CJK ")


def _is_arabic(character: str) -> bool:
    return character != "" and unicodedata.name(character, "").startswith("ARABIC LETTER")


def _ends_in_virama(character: str) -> bool:
    # As RFC 5892, appendix A.1 and A.2, has it for joiners in domain names.
    return character != "" and unicodedata.combining(character) == _VIRAMA
