"""Cursors of the feed: opaque to those who keep them, and bound to one log."""


def encode_cursor(epoch: str, position: int) -> str:
    """Behind the record at this position."""
    return f"{epoch}-{position}"


def decode_cursor(epoch: str, cursor: str, last: int) -> int:
    """The position behind which to go on; 0 for the empty cursor, before all records.

    Raises ValueError for another log's cursor, and for one beyond the `last`
    position: that record was lost when an older copy of the log was restored.
    """
    if not cursor:
        return 0
    name, _, digits = cursor.rpartition("-")
    if name != epoch or not digits.isdecimal() or not digits.isascii() or len(digits) > 18:
        raise ValueError("the cursor is not of this log")
    position = int(digits)
    if position > last:
        raise ValueError("the cursor is ahead of this log")
    return position
