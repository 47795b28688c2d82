"""One database belongs to one server: what a second one appends, nobody at the first is told."""

import fcntl
import os
from typing import Self

from planning_poker_server.eventlog.port import LogError, LogUnavailable
from planning_poker_server.eventlog.sqlite import SqliteFile


class Claim:
    """Held while a server uses its log. It ends with the process, however that ends."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def on(cls, url: str) -> Self:
        """Claim the database at this URL; nothing needs claiming in memory.

        Raises LogError where another server has it, and for a URL that names no
        file of SQLite.
        """
        if url == "memory:":
            return cls(None)
        try:
            # A file of its own: whoever closes the database's loses SQLite its locks on it.
            path = f"{SqliteFile.at(url).path}-lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LogUnavailable("The database file cannot be opened", definite=True) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise LogError("another server uses it") from error
            raise LogUnavailable("The database cannot be locked here", definite=True) from error
        return cls(descriptor)

    def release(self) -> None:
        """Let another server have it. The file stays: somebody may be about to lock it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
