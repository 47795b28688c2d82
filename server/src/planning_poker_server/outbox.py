"""One subscriber of one game: a cursor over the room's tail, not a queue. Pure.

Attaching, resuming, going on and falling behind are all "move the cursor, ask
for the next frame"; what is sent and not acknowledged is the flow control
that HTTP/2 is not.
"""

from collections import deque
from collections.abc import Iterable, Mapping

import planningpoker.v1 as pb
from planning_poker_server import wire
from planning_poker_server.room import Attachment, Room
from planning_poker_server.settings import StreamSettings


class AckAhead(Exception):
    """An acknowledgement of what was never sent: a broken client."""


class Outbox:
    """What one stream still has to be told of one game."""

    def __init__(
        self,
        room: Room,
        seats: Mapping[str, bytes],
        begin: Attachment,
        limits: StreamSettings,
        replaced: "Outbox | None" = None,
    ) -> None:
        self.room = room
        self.seats = dict(seats)
        """Player id → hash of the secret that proved it."""
        self.sent = begin.after
        self.acknowledged = begin.after if begin.snapshot is None else 0
        self.slow = False
        """Set when the subscriber fell behind twice: it is to be detached."""
        # What the replaced subscription has sent may still be acknowledged.
        self._sent_before: int = max(replaced.sent, replaced._sent_before) if replaced else 0
        self._limits = limits
        self._replay_through = begin.head
        self._unacknowledged: deque[tuple[int, int]] = deque()
        self._unacknowledged_bytes = 0
        self._snapshot_version = begin.head if begin.snapshot is not None else 0
        self._seat_states: dict[str, None] = dict.fromkeys(seats)
        self._presence: dict[str, pb.Presence.ValueType] = {}

    @property
    def code(self) -> str:
        """The game's join code."""
        return self.room.state.view.join_code

    def next_frame(self, now_ms: int) -> bytes | None:
        """What to write next; None: nothing now."""
        if self.sent < self.room.head:
            frame = self._next_events(now_ms)
            if frame is not None:
                return frame
        if self._presence:
            delta = pb.PresenceDelta(game_id=self.room.game_id, players=self._presence)
            self._presence.clear()
            return wire.envelope(delta, now_ms)
        if self._seat_states and self.sent == self.room.head:
            player_id = next(iter(self._seat_states))
            del self._seat_states[player_id]
            return wire.envelope(self._seat_state(player_id), now_ms)
        return None

    def _next_events(self, now_ms: int) -> bytes | None:
        room = self.room
        events = self._limits.window_events - (self.sent - self._window_start())
        size = self._limits.window_bytes - self._unacknowledged_bytes
        held = events <= 0 or size <= 0
        if not room.reaches(self.sent) or self._overflows(held=held):
            if self._snapshot_version > self.acknowledged:
                self.slow = True
                return None
            return self._collapse(now_ms)
        if held:
            return None
        if self.sent < self._replay_through:
            events = min(events, self._replay_through - self.sent)
        last, frame = room.frame(self.sent, events, size, now_ms, self._replay_through)
        self._unacknowledged.append((last, len(frame)))
        self._unacknowledged_bytes += len(frame)
        self.sent = last
        return frame

    def _overflows(self, *, held: bool) -> bool:
        """Whether too much waits; what was missing at the beginning does not count."""
        since = max(self.sent, self._replay_through)
        if self.room.head - since > self._limits.max_outbox_frames:
            return True
        return held and self.room.waiting_bytes(since) > self._limits.max_outbox_bytes

    def _window_start(self) -> int:
        return max(self.acknowledged, self._snapshot_version)

    def _collapse(self, now_ms: int) -> bytes:
        """One snapshot instead of all that waits."""
        room = self.room
        self.sent = self._snapshot_version = room.head
        self._unacknowledged.clear()
        self._unacknowledged_bytes = 0
        # Which round a card belongs to cannot be followed over a snapshot.
        self._seat_states.update(dict.fromkeys(self.seats))
        return wire.snapshot(room.game_id, room.head, room.snapshot(), now_ms)

    def _seat_state(self, player_id: str) -> pb.SeatState:
        state = self.room.state
        card, comment = state.own_vote(player_id)
        return pb.SeatState(
            game_id=self.room.game_id,
            player_id=player_id,
            round_id=state.view.round.round_id if state.view.round else "",
            card=card,
            comment=comment,
            at_version=self.sent,
        )

    def acknowledge(self, version: int) -> None:
        """Everything up to `version` has been applied; backwards means nothing.

        Raises AckAhead above what was sent.
        """
        if version > max(self.sent, self._sent_before):
            raise AckAhead
        self.acknowledged = max(self.acknowledged, min(version, self.sent))
        while self._unacknowledged and self._unacknowledged[0][0] <= version:
            self._unacknowledged_bytes -= self._unacknowledged.popleft()[1]

    def tell_seats(self, player_ids: Iterable[str]) -> None:
        """The state of these seats changed; those held here are told, behind the events."""
        for player_id in player_ids:
            if player_id in self.seats:
                self._seat_states[player_id] = None

    def tell_presence(self, changes: Mapping[str, pb.Presence.ValueType]) -> None:
        """Who came and went; what was not sent yet is overwritten, so this stays bounded."""
        self._presence.update(changes)

    def drop_seat(self, player_id: str) -> None:
        """Nobody proves this seat here any longer."""
        self.seats.pop(player_id, None)
        self._seat_states.pop(player_id, None)
