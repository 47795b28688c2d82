"""One game as this client follows it: events applied once and in order, and acknowledged. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_client.changes import Change, Item, Resynced
from planning_poker_client.pending import Pending, ShownView
from planning_poker_client.reports import Reports
from planning_poker_model.view import CRITICAL_EVENTS


class AckPace(NamedTuple):
    """When an acknowledgement is due."""

    every_events: int = 50
    within: float = 0.2
    """Seconds after the first event that is not acknowledged."""


class Received(NamedTuple):
    """What a batch came to."""

    items: Sequence[Item] = ()
    gap: bool = False
    """True: something is missing or does not fit; the game is to be attached again."""


class HeldSeat(NamedTuple):
    """A seat that this client can prove."""

    secret: bytes
    since: int
    """Version at which the server took the proof."""

    def __repr__(self) -> str:
        return f"HeldSeat(since={self.since})"


# Events after which a secret proves its seat no longer.
_UNSEATING: Final = frozenset({"player_left", "player_removed", "seat_reset"})


class Inbox:
    """The view of one game, what is known beside it, and what is still to be acknowledged.

    A snapshot replaces the view, so take it from `view` each time.
    """

    def __init__(self, snapshot: pb.Game) -> None:
        self.view = ShownView.from_game(snapshot)
        """What is confirmed; `pending` has what goes on top of it."""
        self.pending = Pending()
        self.reports = Reports()
        self.seats: dict[str, HeldSeat] = {}
        """The seats held here, by player id."""
        self.lost_seats: dict[str, str] = {}
        """Those that were, by player id: the event that took them."""
        self.passcode = ""
        """What the game was attached with without a seat."""
        self.seat_states: dict[str, pb.SeatState] = {}
        self.present: set[str] = set()
        """Ids of those who are connected, as far as it was told."""
        self.ack_due: float | None = None
        """When to acknowledge; None: nothing is to be."""
        self.last_round_id = ""
        """The open round's, or that of the last one known; empty before the first."""
        self._last_correlation_id = ""
        self._unacknowledged = 0
        self._sent_through = 0
        self._told_head = 0
        self._fresh_from: int | None = None
        self._note_round()

    # What the server says

    def attached(
        self, attached: pb.Attached, after_version: int, now: float, pace: AckPace
    ) -> Sequence[Item]:
        """Begin or go on from here; a snapshot replaces the view.

        `after_version` is what the Attach asked for.
        """
        self.present = set(attached.connected_player_ids)
        self._told_head = 0
        self._sent_through = after_version
        items: Sequence[Item] = ()
        if attached.HasField("snapshot"):
            cause = attached.head_correlation_id
            items = self._replace(attached.snapshot, cause, now, pace)
        self._fresh_from = attached.head_version
        self._note_stale()
        return items

    def lapse(self) -> None:
        """Nothing more comes until it is attached again: the view may be old."""
        self._fresh_from = None
        self._note_stale()

    def _note_stale(self) -> None:
        self.view.stale = self._fresh_from is None or self.view.version < self._fresh_from

    def receive(self, batch: pb.EventBatch, now: float, pace: AckPace) -> Received:
        """Apply what is new of a batch; what is known already is dropped."""
        if batch.HasField("snapshot"):
            if batch.snapshot.version > self.view.version:
                cause = batch.snapshot_correlation_id
                return Received(self._replace(batch.snapshot, cause, now, pace))
            self._acknowledge(batch.snapshot.version, now + pace.within)
            return Received()
        items: list[Item] = []
        for event in batch.events:
            if event.version > self.view.version + 1:
                return Received(items, gap=True)
            if event.version <= self.view.version:
                self._acknowledge(event.version, now + pace.within)
                continue
            try:
                items.append(self._apply(event, now, pace))
            except Exception:  # whatever it was, only a snapshot makes the view right again
                self.distrust()
                return Received(items, gap=True)
        return Received(items)

    def told_head(self, head: int) -> bool:
        """A Pong named this head. True: what an earlier one named has not come, so it is lost."""
        lost = self._told_head > self.view.version
        self._told_head = 0 if lost else head
        return lost

    def seat_state(self, state: pb.SeatState) -> None:
        """What the holder of a seat knows of it; the latest wins."""
        known = self.seat_states.get(state.player_id)
        if known is None or known.at_version <= state.at_version:
            self.seat_states[state.player_id] = state

    def seat(self, player_id: str) -> pb.SeatState:
        """What this seat knows of itself in the round at hand; a card of an earlier one is gone."""
        round_id = self.view.round.round_id if self.view.round is not None else ""
        known = self.seat_states.get(player_id)
        if known is None or known.round_id != round_id:
            known = pb.SeatState(game_id=self.view.game_id, player_id=player_id)
        return self.pending.seat(player_id, known, self.view)

    def presence(self, delta: pb.PresenceDelta) -> None:
        """Who came and who went."""
        for player_id, presence in delta.players.items():
            if presence == pb.PRESENCE_CONNECTED:
                self.present.add(player_id)
            else:
                self.present.discard(player_id)

    @property
    def players_present(self) -> frozenset[str]:
        """The players who are connected: nobody says of who left or was removed that they went."""
        return frozenset(self.present & self.view.players.keys())

    # What is said to the server

    def take_ack(self, now: float) -> pb.Ack | None:
        """The acknowledgement that is due, if any: everything up to it has been applied."""
        if self.ack_due is None or self.ack_due > now:
            return None
        self.ack_due = None
        self._unacknowledged = 0
        # To acknowledge what this subscription was not sent is a protocol error.
        version = min(self.view.version, self._sent_through)
        return pb.Ack(game_id=self.view.game_id, version=version)

    def resume(self, asked: Iterable[pb.Seat] = ()) -> pb.Attach:
        """The request that goes on from the view's version, with all seats held here.

        What is `asked` for is proven as given, even where the seat is held with
        another proof. The version is acknowledged by it, too.
        """
        proofs = {player_id: seat.secret for player_id, seat in self.seats.items()}
        proofs |= {seat.player_id: seat.seat_secret for seat in asked}
        self.ack_due = None
        self._unacknowledged = 0
        # Without the cause of the event at its version, the view is not proven to be of this log.
        after = self.view.version if self._last_correlation_id else 0
        return pb.Attach(
            game_id=self.view.game_id,
            after_version=after,
            after_correlation_id=self._last_correlation_id,
            passcode="" if self.seats else self.passcode,  # checking one is costly
            seats=[
                pb.Seat(player_id=player_id, seat_secret=secret)
                for player_id, secret in proofs.items()
            ],
        )

    def distrust(self) -> None:
        """The view's version means nothing: the next `resume` asks for a snapshot."""
        self._last_correlation_id = ""

    # The fold

    def _apply(self, event: pb.GameEvent, now: float, pace: AckPace) -> Change:
        self.view.apply(event)
        self.pending.applied(event)
        if self.view.stale:
            self._note_stale()
        self._note_round()
        self._last_correlation_id = event.correlation_id
        self._unacknowledged += 1
        name = event.WhichOneof("event") or ""
        if name in _UNSEATING:
            self._unseat(getattr(event, name).player_id, event.version, name)
        at_once = name in CRITICAL_EVENTS or self._unacknowledged >= pace.every_events
        self._acknowledge(event.version, now if at_once else now + pace.within)
        return Change(event.version, name, event)

    def _replace(self, snapshot: pb.Game, cause: str, now: float, pace: AckPace) -> Sequence[Item]:
        before = self.view.version
        self.view = ShownView.from_game(snapshot)
        self.pending.replaced()
        self._note_stale()
        self._note_round()
        self._last_correlation_id = cause
        self.seat_states.clear()
        self._acknowledge(snapshot.version, now + pace.within)
        return (Resynced(before, snapshot.version),) if before != snapshot.version else ()

    def _unseat(self, player_id: str, version: int, because: str) -> None:
        seat = self.seats.get(player_id)
        if seat is not None and seat.since < version:
            del self.seats[player_id]
            self.lost_seats[player_id] = because

    def _note_round(self) -> None:
        if self.view.round is not None:
            self.last_round_id = self.view.round.round_id

    def _acknowledge(self, version: int, due: float) -> None:
        """`version` was sent here, and is to be acknowledged by `due`."""
        self._sent_through = max(self._sent_through, version)
        self.ack_due = due if self.ack_due is None else min(self.ack_due, due)
