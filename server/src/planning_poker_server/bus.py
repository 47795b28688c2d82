"""Wake-ups: that a game has changed, and never what. The log alone knows that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

Listener: TypeAlias = Callable[[], None]

ANY_GAME: Final = ""
PURGES: Final = "purges"
"""In place of a game: listens for games that go."""


class LocalBus:
    """Between the rooms of one process and those who wait for them."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Listener, None]] = {}

    @contextmanager
    def listening(self, listener: Listener, game_id: str = ANY_GAME) -> Iterator[None]:
        """Call `listener`, which never waits, after each change of a game, or of any."""
        self._listeners.setdefault(game_id, {})[listener] = None
        try:
            yield
        finally:
            listeners = self._listeners[game_id]
            del listeners[listener]
            if not listeners:
                del self._listeners[game_id]

    def announce(self, game_id: str, *, purged: bool = False) -> None:
        """The game has new events, or is gone."""
        for name in (PURGES, game_id, ANY_GAME) if purged else (game_id, ANY_GAME):
            for listener in tuple(self._listeners.get(name, ())):
                listener()
