"""What a stream has to write beside events: answers, none before what it follows from. Pure."""

from collections import deque


class Answers:
    """Frames ready to be written, and frames held until the events before them are sent."""

    def __init__(self) -> None:
        self._ready: deque[bytes] = deque()
        self._held: dict[str, deque[tuple[int, bytes]]] = {}
        self._closed = False
        self.ready_bytes = 0

    @property
    def ready(self) -> int:
        """How many frames can be written now."""
        return len(self._ready)

    @property
    def held(self) -> int:
        """How many wait behind events."""
        return sum(map(len, self._held.values()))

    def held_of(self, game_id: str) -> int:
        """How many wait behind events of this game."""
        return len(self._held.get(game_id, ()))

    def put(self, frame: bytes) -> None:
        """To be written next, behind what is ready."""
        if not self._closed:
            self._ready.append(frame)
            self.ready_bytes += len(frame)

    def hold(self, game_id: str, through: int, frame: bytes) -> None:
        """To be written when the game's events up to `through` are sent."""
        self._held.setdefault(game_id, deque()).append((through, frame))

    def release(self, game_id: str, sent: int | None = None) -> None:
        """The game's events up to `sent` are sent; None: no more of them will be."""
        held = self._held.get(game_id)
        if held is None:
            return
        while held and (sent is None or held[0][0] <= sent):
            self.put(held.popleft()[1])
        if not held:
            del self._held[game_id]

    def take(self) -> bytes | None:
        """The next frame to write."""
        if not self._ready:
            return None
        frame = self._ready.popleft()
        self.ready_bytes -= len(frame)
        return frame

    def close(self) -> None:
        """Take no more: the last frame was put."""
        self._closed = True
