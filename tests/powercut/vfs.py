"""SQLite's files on a Disk; locks and the shared memory of readers stay the system's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import apsw

from tests.powercut.disk import Disk, File, PowerCut, Truncate, Write

_POWERSAFE_OVERWRITE: Final = 0x1000
"""What SQLite takes for granted of the disks it is used on: a write harms nothing beside it."""


@contextmanager
def _power() -> Iterator[None]:
    try:
        yield
    except PowerCut as error:
        raise apsw.IOError("there is no power") from error


class _Contents:
    """What both kinds of files do alike."""

    def __init__(self, disk: Disk, file: File, *, folder_too: bool) -> None:
        self._disk = disk
        self._file = file
        self._folder_too = folder_too
        """Whether the first sync is to make the file's entry safe as well."""

    def excepthook(self, *_error: object) -> bool:
        """Tell nobody: whatever fails without power was meant to."""
        return True

    def xRead(self, amount: int, offset: int) -> bytes:
        with _power():
            self._disk.check()
        return bytes(self._file.content[offset : offset + amount])

    def xWrite(self, data: Any, offset: int) -> None:
        with _power():
            self._disk.change(self._file, Write(offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        with _power():
            self._disk.change(self._file, Truncate(newsize))

    def xSync(self, _flags: int) -> None:
        with _power():
            self._disk.sync(self._file)
            if self._folder_too:
                self._disk.sync_folder()
                self._folder_too = False

    def xFileSize(self) -> int:
        return len(self._file.content)

    def xDeviceCharacteristics(self) -> int:
        return _POWERSAFE_OVERWRITE


class _Plain(_Contents):
    """A write-ahead log or a journal: only one program has it."""

    def xClose(self) -> None: ...

    def xLock(self, _level: int) -> None: ...

    def xUnlock(self, _level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4_096

    def xFileControl(self, _op: int, _pointer: int) -> bool:
        return False


class _Database(_Contents, apsw.VFSFile):
    """The database. An empty file in the real folder has the locks and the shared memory."""

    def __init__(
        self, disk: Disk, name: apsw.URIFilename | str, file: File, flags: list[int]
    ) -> None:
        _Contents.__init__(self, disk, file, folder_too=False)
        apsw.VFSFile.__init__(self, "", name, flags)


class DiskVfs(apsw.VFS):
    """Registered under `name` until `unregister`."""

    def __init__(self, disk: Disk, name: str) -> None:
        super().__init__(name, "")
        self._disk = disk

    def excepthook(self, *_error: object) -> bool:
        """Tell nobody: whatever fails without power was meant to."""
        return True

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> Any:
        if name is None:  # a temporary file, which no power cut concerns
            return apsw.VFSFile("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        with _power():
            file = self._disk.find(path)
            new = file is None
            file = file or self._disk.create(path)
            if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
                if new:  # The log makes this one itself, with its entry.
                    self._disk.sync_folder()
                return _Database(self._disk, name, file, flags)
        flags[1] = flags[0]
        # As on Unix: what syncs a journal for the first time syncs its folder.
        creating = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        return _Plain(self._disk, file, folder_too=creating)

    def xAccess(self, pathname: str, _flags: int) -> bool:
        with _power():
            return self._disk.find(pathname) is not None

    def xDelete(self, filename: str, syncdir: bool) -> None:
        with _power():
            if self._disk.find(filename) is None:
                error = apsw.IOError("there is no such file")
                setattr(error, "extendedresult", apsw.SQLITE_IOERR_DELETE_NOENT)  # noqa: B010  # unknown to its types
                raise error
            self._disk.delete(filename)
            if syncdir:
                self._disk.sync_folder()
