"""The line that is being typed: what keys do to it, apart from any terminal."""

import re
from typing import Final

_MAX: Final = 4_500
"""Room for the longest title and comment; more is not taken."""
_ESCAPES: Final = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
_ENTER: Final = "\r\n"
_BACKSPACE: Final = "\x7f\x08"
_CLEAR: Final = "\x15"  # Ctrl-U
_WORD: Final = "\x17"  # Ctrl-W
_END: Final = "\x04"  # Ctrl-D


class TypingLine:
    """Takes keys, gives finished lines."""

    def __init__(self) -> None:
        self.text = ""
        """What was typed since the last line."""
        self.ended = False
        """Whether there will be no more: Ctrl-D on an empty line."""

    def feed(self, keys: str) -> list[str]:
        """Take what the terminal sent at once; the lines that it finished."""
        finished = []
        # Arrows and function keys come as escape sequences; they do nothing here.
        for key in _ESCAPES.sub("", keys.replace("\r\n", "\n")):
            if key in _ENTER:
                finished.append(self.text)
                self.text = ""
            elif key in _BACKSPACE:
                self.text = self.text[:-1]
            elif key == _CLEAR:
                self.text = ""
            elif key == _WORD:
                self.text = re.sub(r"\S*\s*$", "", self.text)
            elif key == _END:
                self.ended = self.ended or not self.text
            elif key.isprintable() and len(self.text) < _MAX:
                self.text += key
        return finished
