"""Cursors of the feed: opaque to those who keep them, and bound to the events of one log."""

from hashlib import blake2b
from typing import Final

_MARK_BYTES: Final = 6
_MAX_DIGITS: Final = 18


class Cursors:
    """Makes and reads the cursors of one log.

    A cursor names a position and has a mark of the event there. Where a copy of
    the log was restored and went on otherwise, another event is there.
    """

    def __init__(self, epoch: str, key: bytes) -> None:
        """`key` is secret: marks may reach who may not know the events."""
        self._epoch = epoch
        self._keyed = blake2b(digest_size=_MARK_BYTES, key=key)

    def behind(self, position: int, event: bytes) -> str:
        """Behind the record at this position, by its public half."""
        mark = self._keyed.copy()
        mark.update(event)
        return f"{self._epoch}-{position}-{mark.hexdigest()}"

    def behind_none(self, position: int) -> str:
        """Behind a position whose record was purged, or before all records."""
        return f"{self._epoch}-{position}-"

    def check(self, cursor: str, position: int, event: bytes) -> None:
        """Raise ValueError unless this event is the one that the cursor is behind.

        To be called where there is a record at the cursor's position: one that
        was purged since leaves a place from which going on is right.
        """
        if cursor != self.behind(position, event):
            raise ValueError("the log was restored from a copy, and went on otherwise")

    def position(self, cursor: str, last: int) -> int:
        """Where to go on; 0 for the empty cursor, before all records.

        Raises ValueError for another log's cursor, and for one beyond the `last`
        position: that record was lost when an older copy of the log was restored.
        """
        if not cursor:
            return 0
        epoch, _, place = cursor.partition("-")
        digits, found, _ = place.partition("-")
        if epoch != self._epoch or not found or not _is_number(digits):
            raise ValueError("the cursor is not of this log")
        position = int(digits)
        if position > last:
            raise ValueError("the cursor is ahead of this log")
        return position


def _is_number(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS
