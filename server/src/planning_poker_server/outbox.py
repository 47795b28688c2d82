"""One subscriber of one game: a cursor over the room's tail, not a queue. Pure.

Attaching, resuming, going on, sending again and falling behind are all "move
the cursor, ask for the next frame"; what is sent and not acknowledged is the
flow control that HTTP/2 is not.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import planningpoker.v1 as pb
from planning_poker_server import wire
from planning_poker_server.redelivery import Ladder, Step
from planning_poker_server.room import Attachment, Room
from planning_poker_server.settings import StreamSettings

_Run: TypeAlias = tuple[int, bytes]
"""The version of the last event, and the frame."""


# Reports that wait for a peer that reads slowly: the newest are of use.
_MAX_REPORTS: Final = 16

# What begins here can only be sent as a snapshot.
_BEFORE_ALL: Final = -1


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
        now_ms: int,
        replaced: "Outbox | None" = None,
    ) -> None:
        self.room = room
        self.seats = dict(seats)
        """Player id → hash of the secret that proved it."""
        self.sent = begin.after
        self.acknowledged = begin.after if begin.snapshot is None else 0
        self.slow = False
        """Set when the subscriber fell behind twice: it is to be detached."""
        self.given_up = False
        """Set when nothing was acknowledged however often it was sent: likewise."""
        self.held = False
        """Whether the window is what keeps events back: an acknowledgement lets them go."""
        self.awaited = 0
        """Whoever acknowledges this version is waited for; 0: nobody waits."""
        self._released = begin.head
        # What the replaced subscription has sent may still be acknowledged.
        self._sent_before: int = max(replaced.sent, replaced._sent_before) if replaced else 0
        self._limits = limits
        self._replay_through = begin.head
        self._unacknowledged: deque[tuple[int, int]] = deque()
        self._unacknowledged_bytes = 0
        self._snapshot_version = begin.head if begin.snapshot is not None else 0
        self._seat_states: dict[str, None] = dict.fromkeys(seats)
        self._told_next: dict[str, bytes] = {}
        """Seat states as they are at `sent`, to be written before the next event."""
        self._presence: dict[str, pb.Presence.ValueType] = {}
        self._reports: dict[int, tuple[pb.DeliveryReport, str]] = {}
        self._ladder = Ladder(limits.redelivery_ms, limits.redeliveries)
        self._sent_ms = now_ms
        self._again: int | None = None
        """The version behind which everything is to be sent again; None: nothing is."""
        if begin.snapshot is not None:
            self._ladder.sent(now_ms)

    @property
    def due_ms(self) -> int | None:
        """When `tick` has something to do; None: all that was sent is acknowledged."""
        return self._ladder.due_ms

    @property
    def code(self) -> str:
        """The game's join code."""
        return self.room.state.view.join_code

    def release(self) -> None:
        """All that has happened by now may be sent.

        What happens while that is written waits for the next release: else
        whoever is written to slowly would be given a frame for every event.
        """
        self._released = self.room.head

    def next_frame(self, now_ms: int) -> bytes | None:
        """What to write next; None: nothing now."""
        if self._told_next:
            return self._next_seat_state()
        if self._again is not None or self.sent < self._released:
            frame = self._next_events(now_ms)
            if frame is not None:
                self._sent_ms = now_ms
                self._ladder.sent(now_ms)
                self._look_at_seats(now_ms)
                return frame
        if self._reports and self.sent >= min(self._reports):
            return self._report(now_ms)
        if self._presence:
            delta = pb.PresenceDelta(game_id=self.room.game_id, players=self._presence)
            self._presence.clear()
            return wire.envelope(delta, now_ms)
        self._look_at_seats(now_ms)
        return self._next_seat_state()

    def _look_at_seats(self, now_ms: int) -> None:
        """Take down what the seats are to be told, as it is at this version.

        When the frame before it is written, the game may have gone on.
        """
        if self._seat_states and self.sent == self.room.head:
            for player_id in self._seat_states:
                self._told_next[player_id] = wire.envelope(self._seat_state(player_id), now_ms)
            self._seat_states.clear()

    def _next_seat_state(self) -> bytes | None:
        player_id = next(iter(self._told_next), None)
        return None if player_id is None else self._told_next.pop(player_id)

    def _next_events(self, now_ms: int) -> bytes | None:
        room = self.room
        if self._again is not None:
            return self._send_again(self._again, now_ms)
        events = self._limits.window_events - (self.sent - self._window_start())
        size = self._limits.window_bytes - self._unacknowledged_bytes
        held = events <= 0 or size <= 0
        if not room.reaches(self.sent) or self._overflows(held=held):
            if self._snapshot_version > self.acknowledged:
                self.slow = True
                return None
            return self._collapse(now_ms)
        self.held = held
        if held:
            return None
        if self._seat_states:
            self.release()  # they can only be told at the head
        events = min(events, self._released - self.sent)
        last, frame = self._run(self.sent, events, size, now_ms)
        self._unacknowledged.append((last, len(frame)))
        self._unacknowledged_bytes += len(frame)
        self.sent = last
        return frame

    def _run(self, after: int, events: int, size: int, now_ms: int, attempt: int = 1) -> _Run:
        """Events behind `after`; what happened before the beginning is kept apart."""
        if after < self._replay_through:
            events = min(events, self._replay_through - after)
        return self.room.frame(after, events, size, now_ms, self._replay_through, attempt)

    def _send_again(self, after: int, now_ms: int) -> bytes:
        if not self.room.reaches(after):
            return self._collapse(now_ms)
        limits, attempt = self._limits, self._ladder.attempt
        last, frame = self._run(after, self.sent - after, limits.window_bytes, now_ms, attempt)
        self._again = last if last < self.sent else None
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
        self._again = None
        self.held = False
        self._unacknowledged.clear()
        self._unacknowledged_bytes = 0
        # Which round a card belongs to cannot be followed over a snapshot.
        self._seat_states.update(dict.fromkeys(self.seats))
        batch = pb.EventBatch(
            game_id=room.game_id,
            first_version=room.head,
            attempt=self._ladder.attempt,
            snapshot_correlation_id=room.head_cause,
        )
        return wire.snapshot(batch, room.snapshot(), now_ms)

    def _report(self, now_ms: int) -> bytes:
        version = min(self._reports)
        report, correlation_id = self._reports.pop(version)
        return wire.envelope(report, now_ms, correlation_id)

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

    def acknowledge(self, version: int, now_ms: int) -> bool:
        """Everything up to `version` has been applied; backwards means nothing.

        True if somebody waited for that. Raises AckAhead above what was sent.
        """
        if version > max(self.sent, self._sent_before):
            raise AckAhead
        version = min(version, self.sent)
        if version <= self.acknowledged:
            return False
        self.acknowledged = version
        self._ladder.progressed(now_ms, complete=version >= self.sent)
        self._again = None  # it works
        while self._unacknowledged and self._unacknowledged[0][0] <= version:
            self._unacknowledged_bytes -= self._unacknowledged.popleft()[1]
        return 0 < self.awaited <= version

    def tick(self, now_ms: int, heard_ms: int, *, quiet: bool) -> bool:
        """Where `due_ms` has come, have what is not acknowledged sent again, or give up.

        True if there is something to send. `heard_ms`: when the peer last said
        anything; `quiet`: nothing waits to be written to it.
        """
        if self.due_ms is None or now_ms < self.due_ms:
            return False
        match self._ladder.step(now_ms, may_send=quiet and heard_ms > self._sent_ms):
            case Step.RESEND if self._snapshot_version <= self.acknowledged:
                self._again = self.acknowledged
            case Step.RESEND | Step.SNAPSHOT:
                self._again = _BEFORE_ALL
            case Step.GIVE_UP:
                self.given_up = True
                return False
            case Step.WAIT:
                return False
        return True

    def tell_seats(self, player_ids: Iterable[str]) -> None:
        """The state of these seats changed; those held here are told, behind the events."""
        for player_id in player_ids:
            if player_id in self.seats:
                self._seat_states[player_id] = None

    def tell_presence(self, changes: Mapping[str, pb.Presence.ValueType]) -> None:
        """Who came and went; what was not sent yet is overwritten, so this stays bounded."""
        self._presence.update(changes)

    def tell_report(self, report: pb.DeliveryReport, correlation_id: str) -> None:
        """Who has applied a critical event; the latest on each event wins."""
        self._reports[report.version] = report, correlation_id
        if len(self._reports) > _MAX_REPORTS:
            del self._reports[min(self._reports)]

    def drop_seat(self, player_id: str) -> None:
        """Nobody proves this seat here any longer."""
        self.seats.pop(player_id, None)
        self._seat_states.pop(player_id, None)
        self._told_next.pop(player_id, None)
