"""One game in this process: what is confirmed, what is proposed, what can be sent.

Pure. A proposal cannot be published: `publish` takes a Commit, and only a log
makes one. Nothing is answered before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf.message import DecodeError

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server import ids, wire
from planning_poker_server.domain.consequences import consequences
from planning_poker_server.domain.decide import decide
from planning_poker_server.domain.receipts import Receipt, Receipts, sender_of
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Actor, Command, Draft, Presence
from planning_poker_server.eventlog.port import (
    Commit,
    GameCorrupt,
    Proposal,
    Record,
    Summary,
)
from planning_poker_server.tail import Tail, TailEvent

# Each consequence can have one of its own (a countdown is cancelled, then set
# anew); a longer chain would be a cycle in the rules.
_MAX_CONSEQUENCE_ROUNDS = 4


@dataclass(frozen=True, slots=True, repr=False)
class Ticket:
    """A command on its way through a room; without a repr, since it may hold a card."""

    command: Command
    actor: Actor
    correlation_id: str
    digest: bytes = b""
    origin: object = None
    """Whoever waits for the answer; the room only hands it back."""


class Answer(NamedTuple):
    """What became of a ticket."""

    ticket: Ticket
    result: pb.CommandResult
    events_through: int
    """The answer must not overtake the events up to this version."""


class Attachment(NamedTuple):
    """How a subscription begins."""

    outcome: pb.AttachOutcome.ValueType
    head: int
    after: int
    """What the subscriber has; events behind it are to be sent."""
    snapshot: bytes | None


class Publication(NamedTuple):
    """What became public by a commit."""

    events: Sequence[pb.GameEvent]
    answers: Sequence[Answer]


class _Drafted(NamedTuple):
    event: pb.GameEvent
    sealed: storage.Sealed
    record: Record

    def __repr__(self) -> str:
        return f"<_Drafted {self.record.version}>"


class _Frame(NamedTuple):
    """The run of events that was encoded last, which subscribers in step share."""

    after: int
    last: int
    replay: bool
    attempt: int
    encoded: bytes

    def serves(
        self, after: int, max_events: int, max_bytes: int, replay_through: int, attempt: int
    ) -> bool:
        """Whether it is just what a subscriber at `after` may be given."""
        return (
            self.after == after
            and self.last - after == max_events
            and len(self.encoded) <= max_bytes
            and self.attempt == attempt
            and self.replay == (self.last <= replay_through)
        )


@dataclass(slots=True, repr=False)
class _Batch:
    """A trial: what the game becomes if the log takes the proposal."""

    state: GameState
    presence: Presence
    now_ms: int
    limits: GameLimits
    events: list[_Drafted] = field(default_factory=list)
    receipts: Receipts = field(default_factory=Receipts)
    answers: list[Answer] = field(default_factory=list)
    settled: bool = False
    """Nothing more follows by itself."""

    def record(self, draft: Draft, correlation_id: str, stamp: "_Stamp") -> None:
        event, sealed = draft.event, draft.sealed
        event.version = self.state.version + 1
        event.event_time.FromMilliseconds(max(self.now_ms, self.state.last_event_ms))
        event.correlation_id = correlation_id
        if not draft.by_server:
            event.actor_id = stamp.actor_id or _joined(event)
            sealed.digest = stamp.digest
            sealed.sender_hash = stamp.sender_hash
        # Deterministic: the order of labels is chance otherwise, and an exported game that is
        # imported again shall have the same bytes.
        stored = event.SerializeToString(deterministic=True)
        encoded = Record(event.version, stored, sealed.SerializeToString(deterministic=True))
        self.state.evolve(event, sealed)
        self.receipts.fold(event, sealed)
        self.events.append(_Drafted(event, sealed, encoded))

    def settle(self, correlation_id: str) -> None:
        """Add what follows by itself from what was decided, or from who is there."""
        self.settled = True
        if self.state.version == 0:
            return
        for _ in range(_MAX_CONSEQUENCE_ROUNDS):
            drafts = consequences(self.state, self.presence, self.now_ms, self.limits)
            if not drafts:
                return
            for draft in drafts:
                self.record(draft, correlation_id, _BY_SERVER)
        raise AssertionError("consequences do not come to an end")


class _Stamp(NamedTuple):
    actor_id: str
    digest: bytes
    sender_hash: bytes

    def __repr__(self) -> str:
        """Without the digest: whoever has a vote's can find its card by trying them all."""
        return f"<_Stamp of {self.actor_id or 'no seat'}>"


_BY_SERVER = _Stamp("", b"", b"")


def _joined(event: pb.GameEvent) -> str:
    """Joining is the new player's own act."""
    return event.player_joined.player.player_id if event.HasField("player_joined") else ""


class Room:
    """The authority on one game, as far as the log has confirmed it."""

    def __init__(self, game_id: str, limits: GameLimits, tail_events: int) -> None:
        self.game_id = game_id
        self.state = GameState()
        self._limits = limits
        self._receipts = Receipts()
        # One more than can be resumed: its correlation id proves the resume point.
        self._tail = Tail(tail_events + 1)
        self._pending: tuple[Proposal, _Batch] | None = None
        self._doubted: Sequence[Ticket] = ()
        """What a proposal had accepted when the log was looked into instead."""
        self._snapshot: tuple[int, bytes] = (0, b"")
        self._frame = _Frame(-1, -1, replay=False, attempt=0, encoded=b"")

    @property
    def head(self) -> int:
        """Version of the last confirmed event."""
        return self.state.version

    @property
    def head_cause(self) -> str:
        """Correlation id of the last confirmed event, which proves where a subscriber is."""
        return self._tail.at(self.head).correlation_id if self._tail.holds(self.head) else ""

    # Deciding

    def propose(self, tickets: Iterable[Ticket], presence: Presence, now_ms: int) -> Proposal:
        """Decide on a trial copy; without tickets, only what follows by itself.

        Replaces an earlier proposal, which can no longer be published.
        """
        batch = _Batch(self.state.fork(), presence, now_ms, self._limits)
        for ticket in tickets:
            self._decide(ticket, batch)
        if not batch.settled:
            # What follows from who is there must not wait for a command that is accepted.
            batch.settle(ids.cause_of(self.game_id, "presence", self.head))
        proposal = Proposal(
            game_id=self.game_id,
            expected_head=self.head,
            records=tuple(drafted.record for drafted in batch.events),
            timers=batch.state.timers(),
            summary=summary(batch.state),
        )
        self._pending = proposal, batch
        return proposal

    def _decide(self, ticket: Ticket, batch: _Batch) -> None:
        stamp = _BY_SERVER
        if isinstance(ticket.command, pb.Command):
            sender, sender_hash = sender_of(ticket.actor, ticket.command)
            stamp = _Stamp(ticket.actor.player_id, ticket.digest, sender_hash)
            repeated = self._repeated(ticket, sender, batch)
            if repeated is not None:
                batch.answers.append(repeated)
                return
        decision = decide(
            batch.state, ticket.command, ticket.actor, batch.presence, batch.now_ms, self._limits
        )
        if isinstance(decision, pb.Refusal):
            decision.current_version = batch.state.version
            batch.answers.append(self._refused(ticket, decision))
            return
        for draft in decision:
            batch.record(draft, ticket.correlation_id, stamp)
        accepted = _accepted(ticket, batch, nothing=not decision)
        batch.settle(ticket.correlation_id)
        result = pb.CommandResult(game_id=self.game_id, accepted=accepted)
        batch.answers.append(Answer(ticket, result, batch.state.version))

    def _repeated(self, ticket: Ticket, sender: str, batch: _Batch) -> Answer | None:
        """The answer given before to the same command of the same sender."""
        # A receipt speaks of the seat; it is read to nobody who cannot prove
        # the seat now, even if the stream could when it was opened.
        actor = ticket.actor
        proved = any(ticket is doubted for doubted in self._doubted)  # and may be what took it
        if (
            not proved
            and actor.player_id
            and batch.state.player_with_secret(actor.seat_hash) != actor.player_id
        ):
            return None
        receipt = self._receipt(sender, ticket.correlation_id, batch)
        if receipt is None:
            return None
        if receipt.digest != ticket.digest:
            return self._refused(
                ticket,
                refuse(
                    pb.REASON_CORRELATION_ID_REUSED,
                    "This correlation id was used for another command: "
                    "every new command needs a new one.",
                    current_version=batch.state.version,
                ),
            )
        result = pb.CommandResult(game_id=self.game_id, duplicate=True, accepted=receipt.accepted())
        return Answer(ticket, result, receipt.version)

    def _receipt(self, sender: str, correlation_id: str, batch: _Batch) -> Receipt | None:
        return batch.receipts.find(sender, correlation_id) or self._receipts.find(
            sender, correlation_id
        )

    def _refused(self, ticket: Ticket, refusal: pb.Refusal) -> Answer:
        return Answer(ticket, pb.CommandResult(game_id=self.game_id, refusal=refusal), 0)

    def refuse(self, tickets: Iterable[Ticket], refusal: pb.Refusal) -> Sequence[Answer]:
        """The same refusal for all of `tickets`."""
        return [self._refused(ticket, refusal) for ticket in tickets]

    # What the log says

    def publish(self, commit: Commit) -> Publication:
        """Take over what was committed; only now may anything of it be answered or sent."""
        if self._pending is None or commit.proposal is not self._pending[0]:
            raise AssertionError("a commit of another proposal")
        batch, self._pending, self._doubted = self._pending[1], None, ()
        if batch.events:
            self.state = batch.state
        for event, sealed, record in batch.events:
            self._keep(event, sealed, record)
        return Publication([drafted.event for drafted in batch.events], batch.answers)

    def catch_up(self, records: Iterable[Record]) -> Sequence[pb.GameEvent]:
        """Apply what the log holds beyond the head: at loading, after a conflict, in doubt.

        Raises GameCorrupt where a record cannot be read or does not follow.
        """
        if self._pending is not None:
            answers, self._pending = self._pending[1].answers, None
            self._doubted = [each.ticket for each in answers if each.result.HasField("accepted")]
        applied = []
        for record in records:
            try:
                event, sealed = decoded(record)
                self.state.evolve(event, sealed)
            except (DecodeError, ValueError, LookupError) as error:
                raise GameCorrupt(f"record {record.version} cannot be applied") from error
            self._keep(event, sealed, record)
            applied.append(event)
        return applied

    def events_since(self, time_ms: int) -> Sequence[pb.GameEvent]:
        """The newest events that happened at or after `time_ms` and are held, in order."""
        found: list[pb.GameEvent] = []
        for held in reversed(self._tail):
            event = pb.GameEvent.FromString(held.encoded)
            if event.event_time.ToMilliseconds() < time_ms:
                break
            found.append(event)
        return found[::-1]

    def _keep(self, event: pb.GameEvent, sealed: storage.Sealed, record: Record) -> None:
        self._receipts.fold(event, sealed)
        self._tail.append(TailEvent(record.version, record.event, event.correlation_id))

    # What subscribers get

    def attach(self, after_version: int, after_correlation_id: str) -> Attachment:
        """Where a subscriber that has applied `after_version` begins."""
        head = self.head
        if after_version == 0:
            return Attachment(pb.ATTACH_OUTCOME_FRESH, head, head, self.snapshot())
        if self._can_resume(after_version, after_correlation_id):
            return Attachment(pb.ATTACH_OUTCOME_RESUMED, head, after_version, None)
        return Attachment(pb.ATTACH_OUTCOME_SNAPSHOT, head, head, self.snapshot())

    def _can_resume(self, version: int, correlation_id: str) -> bool:
        # Ahead of the head, too far behind, or not our event (the log was
        # restored): a partial tail would be a silent gap.
        tail = self._tail
        return tail.holds(version) and tail.at(version).correlation_id == correlation_id

    def snapshot(self) -> bytes:
        """The encoded public view at the head; encoded once per version."""
        if self._snapshot[0] != self.head:
            game = self.state.view.to_game()
            self._snapshot = self.head, game.SerializeToString(deterministic=True)
        return self._snapshot[1]

    def reaches(self, version: int) -> bool:
        """Whether a subscriber at `version` can go on with events."""
        return version == self.head or self._tail.holds(version + 1)

    def events_after(self, after: int, max_events: int, max_bytes: int) -> Sequence[TailEvent]:
        """The events behind `after` that are held, up to both limits; the room reaches it."""
        if after >= self.head:
            return ()
        return self._tail.after(after, max_events, max_bytes)

    def waiting_bytes(self, version: int) -> int:
        """Bytes of the events behind `version`, which the room reaches."""
        return self._tail.size_after(version)

    def frame(
        self,
        after: int,
        max_events: int,
        max_bytes: int,
        now_ms: int,
        replay_through: int,
        attempt: int = 1,
    ) -> tuple[int, bytes]:
        """(last version, envelope) of the run behind `after`; shared by subscribers in step."""
        frame, max_events = self._frame, min(max_events, self.head - after)
        if not frame.serves(after, max_events, max_bytes, replay_through, attempt):
            events = self._tail.after(after, max_events, max_bytes)
            frame = self._frame = self._framed(after, events, replay_through, attempt, now_ms)
        return frame.last, frame.encoded

    def _framed(
        self,
        after: int,
        events: Sequence[TailEvent],
        replay_through: int,
        attempt: int,
        now_ms: int,
    ) -> "_Frame":
        last = events[-1].version
        replay = last <= replay_through
        batch = pb.EventBatch(
            game_id=self.game_id, first_version=after + 1, attempt=attempt, replay=replay
        )
        encoded = wire.events(batch, (event.encoded for event in events), now_ms)
        return _Frame(after, last, replay, attempt, encoded)


def _accepted(ticket: Ticket, batch: _Batch, *, nothing: bool) -> pb.Accepted:
    if not isinstance(ticket.command, pb.Command):
        return pb.Accepted(version=batch.state.version)
    if not nothing:
        sender, _ = sender_of(ticket.actor, ticket.command)
        receipt = batch.receipts.find(sender, ticket.correlation_id)
        if receipt is None:
            raise AssertionError("an accepted command without a receipt")
        return receipt.accepted()
    accepted = pb.Accepted(version=batch.state.version)
    if ticket.command.HasField("join_game"):
        accepted.player_id = batch.state.player_with_secret(ticket.actor.seat_hash)
    return accepted


def decoded(record: Record) -> tuple[pb.GameEvent, storage.Sealed]:
    """The event of a record and its sealed part.

    Raises DecodeError, and ValueError where the event has another version than its record.
    """
    event = pb.GameEvent.FromString(record.event)
    if event.version != record.version:
        raise ValueError("it holds the event of another version")
    return event, storage.Sealed.FromString(record.sealed)


def summary(state: GameState) -> Summary:
    """What the log keeps of a game beside its events."""
    view = state.view
    create_ms = view.create_time.ToMilliseconds() if view.create_time is not None else 0
    return Summary(
        view.join_code,
        view.display_name,
        view.phase,
        create_ms,
        state.last_event_ms,
        guarded=state.passcode is not None,
        labels=tuple(sorted(view.labels.items())),
    )
