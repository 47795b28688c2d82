"""A disk that loses power: what was not synced may be there afterwards, or not, or in part."""

import threading
from collections.abc import Iterable
from random import Random
from typing import Final, NamedTuple

SECTOR: Final = 512
"""Bytes that are written together or not at all."""
_FATES: Final = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Shares of the unsynced writes to a file that survive; one is drawn for each file and cut."""


class PowerCut(Exception):
    """There is no power: nothing can be read or written until it is back."""


class Write(NamedTuple):
    """Bytes given to the system, which has not promised yet that they stay."""

    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A new size, otherwise like Write."""

    size: int


class File:
    """What the system shows of a file, and what of it is on the platter."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._platter = bytearray()
        self._unsynced: list[Write | Truncate] = []

    def change(self, change: Write | Truncate) -> None:
        """Show a change; it is safe after the next `sync`."""
        _apply(self.content, change)
        self._unsynced.append(change)

    def sync(self) -> None:
        """Make safe all that was changed."""
        for change in self._unsynced:
            _apply(self._platter, change)
        self._unsynced.clear()

    def lose_power(self, random: Random) -> tuple[int, int]:
        """Keep what was synced and some of the rest; how much was lost, how much was torn."""
        share = random.choice(_FATES)
        lost = torn = 0
        for change in self._unsynced:
            if random.random() < share:
                _apply(self._platter, change)
            elif isinstance(change, Write) and random.random() < 0.5:
                _tear(self._platter, change, random)
                torn += 1
            else:
                lost += 1
        self._unsynced.clear()
        self.content = bytearray(self._platter)
        return lost, torn


class Disk:
    """Files by path. All that changes them counts as an operation; at one of them power fails."""

    def __init__(self, random: Random) -> None:
        self.cuts = 0
        self.operations = 0
        """Since power came back."""
        self.syncs = 0
        self.lost = 0
        """Changes that were lost in cuts."""
        self.torn = 0
        """Writes of which a cut left some sectors."""
        self._random = random
        self._fails_at: int | None = None
        self._is_off = False
        self._entries: dict[str, list[File | None]] = {}
        """By path: what the directory says on the platter, then what it was made to say since."""
        self._lock = threading.RLock()

    @property
    def is_off(self) -> bool:
        """Whether power has failed."""
        return self._is_off

    def fail_at(self, operation: int) -> None:
        """Let power fail in the middle of this operation, counted from now on."""
        self.operations = 0
        self._fails_at = operation

    def cut(self) -> None:
        """Let power fail now, if it has not."""
        self._is_off = True

    def restart(self) -> None:
        """Come back as after a crash of the program alone: the system lost nothing."""
        self._fails_at = None
        self._is_off = False

    def power_on(self) -> None:
        """Come back with what survived; nothing fails before the next `fail_at`."""
        with self._lock:
            self.cuts += 1
            for path, states in self._entries.items():
                self._entries[path] = [self._random.choice(states)]
            for file in self.files().values():
                lost, torn = file.lose_power(self._random)
                self.lost += lost
                self.torn += torn
            self.restart()

    def holds(self, mark: bytes) -> bool:
        """Whether these bytes are in any file."""
        return any(mark in file.content for file in self.files().values())

    def files(self) -> dict[str, File]:
        """All that the directory shows."""
        shown = ((path, states[-1]) for path, states in self._entries.items())
        return {path: file for path, file in shown if file is not None}

    def find(self, path: str) -> File | None:
        """The file at this path."""
        with self._lock:
            self.check()
            states = self._entries.get(path)
            return states[-1] if states else None

    def create(self, path: str) -> File:
        """A new file; its entry is safe after the next `sync_folder`."""
        with self._lock:
            self._step()
            file = File()
            self._entries.setdefault(path, [None]).append(file)
            return file

    def delete(self, path: str) -> None:
        """Remove an entry, for certain after the next `sync_folder`."""
        with self._lock:
            self._step()
            self._entries[path].append(None)

    def change(self, file: File, change: Write | Truncate) -> None:
        """Change a file; a change in which power fails may be there, like any before it."""
        with self._lock:
            self.check()
            file.change(change)
            self._step()

    def sync(self, file: File) -> None:
        """Return once what is in the file is safe."""
        with self._lock:
            self._step()
            self.syncs += 1
            file.sync()

    def sync_folder(self) -> None:
        """Return once it is safe which files there are."""
        with self._lock:
            self._step()
            for states in self._entries.values():
                del states[:-1]

    def check(self) -> None:
        """Raise PowerCut if there is no power."""
        if self._is_off:
            raise PowerCut

    def _step(self) -> None:
        self.check()
        self.operations += 1
        if self.operations == self._fails_at:
            self._is_off = True
            raise PowerCut


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Write):
        _reach(content, change.offset)
        content[change.offset : change.offset + len(change.data)] = change.data
    else:
        del content[change.size :]
        _reach(content, change.size)


def _reach(content: bytearray, size: int) -> None:
    if len(content) < size:
        content.extend(bytes(size - len(content)))


def _tear(content: bytearray, write: Write, random: Random) -> None:
    """Some sectors of a write. The file may have its new size, and anything there."""
    end = write.offset + len(write.data)
    grown = end - len(content)
    if grown > 0 and random.random() < 0.5:
        content.extend(bytes(grown) if random.random() < 0.5 else random.randbytes(grown))
    for begin, piece_end in _sectors(write.offset, end):
        if random.random() < 0.5:
            piece = write.data[begin - write.offset : piece_end - write.offset]
            _apply(content, Write(begin, piece))


def _sectors(begin: int, end: int) -> Iterable[tuple[int, int]]:
    while begin < end:
        piece_end = min(end, (begin // SECTOR + 1) * SECTOR)
        yield begin, piece_end
        begin = piece_end
