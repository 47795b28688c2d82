"""The games of one stream: whose turn it is to be written, and which are given up. Pure."""

from typing import NamedTuple

import planningpoker.v1 as pb
from planning_poker_server.outbox import Outbox


class Dropped(NamedTuple):
    """A subscription that ended by itself, and what it never acknowledged."""

    game_id: str
    reason: pb.DetachReason.ValueType
    acknowledged: int
    sent: int


class Followed:
    """The subscriptions by game, served in turn."""

    def __init__(self) -> None:
        self.outboxes: dict[str, Outbox] = {}
        self.failed: list[Dropped] = []
        """Subscriptions to be detached, since they cannot go on."""
        self.redelivered = 0
        """How often something that was not acknowledged was sent again."""
        self._ready: dict[str, None] = {}
        self._look_ms: int | None = None
        """Not after the first subscription wants a tick; too early costs one look."""

    @property
    def ready(self) -> bool:
        """Whether there may be something to write."""
        return bool(self._ready)

    def add(self, outbox: Outbox) -> None:
        """Follow a game from here on, in place of an earlier subscription to it."""
        game_id = outbox.room.game_id
        self.outboxes[game_id] = outbox
        self._look_at(outbox)
        self._ready[game_id] = None

    def remove(self, game_id: str) -> None:
        """Follow this game no longer."""
        del self.outboxes[game_id]
        self._ready.pop(game_id, None)

    def wake(self, game_id: str) -> None:
        """There may be something to write of this game: all that has happened by now."""
        outbox = self.outboxes.get(game_id)
        if outbox is not None:
            outbox.release()
            self._ready[game_id] = None

    def next_frame(self, now_ms: int) -> tuple[Outbox, bytes] | None:
        """What to write next, and of which game; None: nothing now, or see `failed`."""
        while self._ready and not self.failed:
            game_id = next(iter(self._ready))
            del self._ready[game_id]
            outbox = self.outboxes[game_id]
            frame = outbox.next_frame(now_ms)
            if outbox.slow:
                self._fail(game_id, pb.DETACH_REASON_SLOW)
                return None
            self._look_at(outbox)
            if frame is not None:
                self._ready[game_id] = None  # behind the other games
                return outbox, frame
        return None

    # Time

    def timer(self) -> int | None:
        """When `look` is due, in ms; None: all that was sent is acknowledged."""
        return self._look_ms

    def look(self, now_ms: int, heard_ms: int, *, quiet: bool) -> None:
        """See which subscriptions have not acknowledged what they were sent.

        `heard_ms`: when the peer last said anything; `quiet`: nothing else
        waits to be written to it.
        """
        if self._look_ms is None or now_ms < self._look_ms:
            return
        self._look_ms = None
        quiet = quiet and not self._ready
        for game_id, outbox in self.outboxes.items():
            if outbox.tick(now_ms, heard_ms, quiet=quiet):
                self._ready[game_id] = None
                self.redelivered += 1
            elif outbox.given_up:
                self._fail(game_id, pb.DETACH_REASON_UNACKNOWLEDGED)
            self._look_at(outbox)

    def _look_at(self, outbox: Outbox) -> None:
        due_ms = outbox.due_ms
        if due_ms is not None and (self._look_ms is None or due_ms < self._look_ms):
            self._look_ms = due_ms

    def _fail(self, game_id: str, reason: pb.DetachReason.ValueType) -> None:
        outbox = self.outboxes[game_id]
        self.failed.append(Dropped(game_id, reason, outbox.acknowledged, outbox.sent))
