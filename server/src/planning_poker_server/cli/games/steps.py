"""The keys of a replay: what each asks for, apart from any terminal."""

import re
from typing import Final

_KEY: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b|.", re.DOTALL)
NEXT: Final = "next"
BACK: Final = "back"
FIRST: Final = "first"
LAST: Final = "last"
PLAY: Final = "play"
QUIT: Final = "quit"
_ORDERS: Final = {
    "\x1b[C": NEXT,
    "\x1bOC": NEXT,
    "n": NEXT,
    " ": NEXT,
    "\x1b[D": BACK,
    "\x1bOD": BACK,
    "b": BACK,
    "p": BACK,
    "\x7f": BACK,
    "\x1b[H": FIRST,
    "g": FIRST,
    "\x1b[F": LAST,
    "G": LAST,
    "a": PLAY,
    "q": QUIT,
    "\x04": QUIT,
}
_DIGITS: Final = 9


class StepKeys:
    """Takes keys, gives orders; a number and Enter is the version to go to."""

    def __init__(self) -> None:
        self.number = ""
        """What was typed of one."""
        self.ended = False

    def feed(self, keys: str, /) -> list[str]:
        """Take what the terminal sent at once; the orders in it."""
        orders = []
        for key in _KEY.findall(keys):
            if key.isdecimal() and key.isascii():
                self.number = (self.number + key)[:_DIGITS]
                continue
            if key in "\r\n" and self.number:
                orders.append(self.number)
            elif key in _ORDERS:
                orders.append(_ORDERS[key])
            self.number = ""
        return orders
