"""A machine whose power can be cut, with the log that a server would open on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.settings import DatabaseSettings
from tests.powercut.disk import Disk, Write
from tests.powercut.driver import connections_through
from tests.powercut.vfs import DiskVfs

_CHECKPOINT_PAGES: Final = (8, 40, 1_000)
"""After how many pages SQLite makes a checkpoint by itself; the last is its own default."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Its disk, and where the log is."""

    disk: Disk
    settings: DatabaseSettings

    def put(self, original: Path) -> None:
        """Let a copy of this file be the database, safe on the disk."""
        file = self.disk.create(self.settings.url.removeprefix("sqlite:///"))
        self.disk.change(file, Write(0, original.read_bytes()))
        self.disk.sync(file)
        self.disk.sync_folder()

    async def open(self) -> EventLog:
        """Open the log, as the server does. Raises LogUnavailable without power."""
        return await open_log(self.settings)


@contextmanager
def running(
    folder: Path, seed: object, rewritten: Mapping[str, str] | None = None
) -> Iterator[Machine]:
    """A machine with an empty disk, all that is random about it drawn from a seed.

    `rewritten` are statements of the log that run as others.
    """
    random = Random(f"machine {seed}")  # noqa: S311
    disk, name = Disk(random), f"powercut-{seed}"
    pages = random.choice(_CHECKPOINT_PAGES)
    url = f"sqlite:///{folder / f'log-{seed}.db'}"
    settings = DatabaseSettings(url, busy_timeout_ms=50, max_batch=8, max_waiting=10_000)
    vfs = DiskVfs(disk, name)
    try:
        with connections_through(name, rewritten or {}, f"PRAGMA wal_autocheckpoint = {pages}"):
            yield Machine(disk, settings)
    finally:
        vfs.unregister()
