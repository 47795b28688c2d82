"""What can be wrong with a connection, and the words to ask for it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Direction: TypeAlias = Literal["to_server", "to_client"]
BOTH: Final[tuple[Direction, ...]] = ("to_server", "to_client")


@dataclass(frozen=True, slots=True)
class Faults:
    """How one direction behaves. The default is a good line."""

    delay: float = 0.0
    """Seconds that everything is late …"""
    jitter: float = 0.0
    """… and at most so many more, at random; bytes never overtake each other."""
    bytes_per_second: float | None = None
    """None: as fast as it goes."""
    held: bool = False
    """Nothing gets through: no byte, and no word that the other side is gone."""


class Faulty(ABC):
    """What faults can be put on: one connection, or all of them.

    Faults add up until `restore`. TCP loses nothing, so neither do they: what
    was held or late arrives when it may, unless the connection was cut.
    All methods may be called from any thread.
    """

    @abstractmethod
    def change(self, *directions: Direction, **faults: Any) -> None:
        """Set these fields of `Faults` in these directions."""

    def delay(self, seconds: float, jitter: float = 0.0) -> None:
        """Everything is late by `seconds`, and by up to `jitter` more, each way."""
        self.change(*BOTH, delay=seconds, jitter=jitter)

    def throttle(self, bytes_per_second: float, direction: Direction = "to_client") -> None:
        """One side reads, but slowly: by default the client."""
        if bytes_per_second <= 0:
            raise ValueError("a reader that reads nothing is stop_reading()")
        self.change(direction, bytes_per_second=bytes_per_second)

    def stop_reading(self, side: Literal["client", "server"] = "client") -> None:
        """That side reads nothing any more; what it says still gets through."""
        self.change("to_client" if side == "client" else "to_server", held=True)

    def half_open(self, dead: Direction) -> None:
        """One direction is dead, and neither side is told."""
        self.change(dead, held=True)

    def black_hole(self) -> None:
        """Both directions are dead, and neither side is told; connecting still works."""
        self.change(*BOTH, held=True)

    def restore(self) -> None:
        """A good line again; what waited arrives."""
        self.change(*BOTH, delay=0.0, jitter=0.0, bytes_per_second=None, held=False)
