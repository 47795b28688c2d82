"""Where seats are kept across restarts of the process."""

import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import Final, Protocol

from planning_poker_client.errors import SeatStoreError
from planning_poker_client.seats.keys import plain_code
from planning_poker_model.limits import SEAT_SECRET_BYTES

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class StoredSeat:
    """A seat that was taken, or is being taken."""

    key: str
    """Names this entry for good, whatever becomes known of the seat."""
    seat_secret: bytes = field(repr=False)
    """Proves the seat: to be kept like a password."""
    game_id: str = ""
    """Empty while only its join code is known."""
    join_code: str = ""
    player_id: str = ""
    """Empty until it is known that the seat was taken."""
    display_name: str = ""
    external_id: str = ""
    request_id: str = ""
    """Correlation id of the command that took, or takes, the seat."""

    @property
    def game(self) -> str:
        """The game as it can be named: by its id where that is known, else by its code."""
        return self.game_id or self.join_code

    def is_in(self, game: str) -> bool:
        """Whether it is a seat of this game, named by its id or join code."""
        return game == self.game_id or (
            bool(self.join_code) and plain_code(game) == plain_code(self.join_code)
        )


class SeatStore(Protocol):
    """Keeps seats by their `key`; the user's own may keep them in a database."""

    async def load(self) -> Sequence[StoredSeat]:
        """All seats, in the order in which they were first saved."""
        ...

    async def save(self, seat: StoredSeat) -> None:
        """Keep a seat, instead of an earlier one with the same key; durable on return."""
        ...

    async def remove(self, seat: StoredSeat) -> None:
        """Keep nothing under this key any more; nothing may be there."""
        ...


class MemorySeatStore:
    """Keeps seats as long as the process lives."""

    def __init__(self) -> None:
        self._seats: dict[str, StoredSeat] = {}

    async def load(self) -> Sequence[StoredSeat]:
        return tuple(self._seats.values())

    async def save(self, seat: StoredSeat) -> None:
        self._seats[seat.key] = seat

    async def remove(self, seat: StoredSeat) -> None:
        self._seats.pop(seat.key, None)


class FileSeatStore:
    """Keeps seats in a JSON file that only its owner can read.

    Several processes may share it: each change is made under a lock, beside
    the file, on what the file holds then, and replaces the file as a whole.
    A file that cannot be read raises SeatStoreError and is left alone. It
    needs the locks of a POSIX system, and a file system that has them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    async def load(self) -> Sequence[StoredSeat]:
        return await asyncio.to_thread(lambda: tuple(self._read().values()))

    async def save(self, seat: StoredSeat) -> None:
        await asyncio.to_thread(self._change, lambda seats: seats.update({seat.key: seat}))

    async def remove(self, seat: StoredSeat) -> None:
        await asyncio.to_thread(self._change, lambda seats: seats.pop(seat.key, None))

    # In a thread: the disk may take its time

    def _change(self, change: Callable[[dict[str, StoredSeat]], object]) -> None:
        try:
            with self._locked():
                seats = self._read()
                change(seats)
                self._write(seats.values())
        except OSError as error:
            message = f"{self._path} cannot be written: {error.strerror or error}."
            raise SeatStoreError(message) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl  # here, since it is absent where there are no such locks

        lock = self._path.with_name(self._path.name + ".lock")
        # The lock is never removed: whoever waits for it holds the same file.
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> dict[str, StoredSeat]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except OSError as error:
            message = f"{self._path} cannot be read: {error.strerror or error}."
            raise SeatStoreError(message) from error
        except UnicodeDecodeError:
            raise SeatStoreError(_damaged(self._path)) from None  # which would show what it holds
        return {seat.key: seat for seat in _decoded(text, self._path)}

    def _write(self, seats: Iterable[StoredSeat]) -> None:
        """Replace the file; whatever happens, there is the old one or the new one, whole."""
        folder = self._path.parent
        handle, name = mkstemp(dir=folder, prefix=f".{self._path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_encoded(seats))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _encoded(seats: Iterable[StoredSeat]) -> str:
    entries = [asdict(seat) | {"seat_secret": seat.seat_secret.hex()} for seat in seats]
    return json.dumps({"format": _FORMAT, "seats": entries}, indent=1) + "\n"


def _decoded(text: str, path: Path) -> list[StoredSeat]:
    # Neither the text nor what is wrong with it may be told: it holds secrets.
    problem = _damaged(path)
    try:
        stored = json.loads(text)
        if stored["format"] != _FORMAT:
            problem = f"{path} was written by another version of this SDK."
            raise SeatStoreError(problem)
        seats = [
            StoredSeat(**entry | {"seat_secret": bytes.fromhex(entry["seat_secret"])})
            for entry in stored["seats"]
        ]
    except (ValueError, TypeError, LookupError):
        raise SeatStoreError(problem) from None
    if not all(_is_whole(seat) for seat in seats):
        raise SeatStoreError(problem)
    return seats


def _damaged(path: Path) -> str:
    return f"{path} holds no seats, or is damaged: restore it, or move it away to begin anew."


def _is_whole(seat: StoredSeat) -> bool:
    texts = (seat.key, seat.game_id, seat.join_code, seat.player_id)
    more = (seat.display_name, seat.external_id, seat.request_id)
    return all(isinstance(text, str) for text in texts + more) and (
        bool(seat.key and seat.game) and len(seat.seat_secret) == SEAT_SECRET_BYTES
    )
