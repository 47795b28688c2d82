"""Who follows one room: its subscribers, the seats they hold, and how they are told."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Final, NamedTuple, Protocol

from loguru import logger

import planningpoker.v1 as pb
from planning_poker_model.view import CRITICAL_EVENTS
from planning_poker_server.deliveries import Critical, Deliveries, Report, critical
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.metrics import Metrics
from planning_poker_server.outbox import Outbox
from planning_poker_server.presence import Leases
from planning_poker_server.requests import AttachRequest
from planning_poker_server.room import Answer, Room
from planning_poker_server.seats import proves
from planning_poker_server.session import Session
from planning_poker_server.settings import RoomSettings

# Up to this many subscribers are told at once; more are told in ticks, so that
# events share frames. Writing to a thousand at the rate at which each stream
# takes it had a p99 of 1,035 ms at 100 events/s; in ticks, 157 ms.
_UNPACED_SUBSCRIBERS: Final = 50
_TICK_MS_PER_SUBSCRIBER: Final = 0.1
_MAX_TICK_MS: Final = 100

# Who becomes an observer takes back the card.
_OF_A_CARD: Final = frozenset({"vote_submitted", "vote_retracted", "player_updated"})
_FAREWELLS: Final = {
    "player_left": "You left the game.",
    "player_removed": "You were removed from the game.",
    "seat_reset": "The seat got a new secret: attach with that.",
}
_OF_WHO_IS_GONE: Final = frozenset({"player_left", "player_removed"})
_OF_WHO_IS_THERE: Final = frozenset(
    {"game_created", "player_joined", "player_updated", "player_left", "player_removed"}
)
_OF_ONE_SEAT: Final = _OF_A_CARD | _FAREWELLS.keys()


class Stream(Protocol):
    """What rooms need of a stream."""

    session: Session

    def wake(self) -> None:
        """Something may be there to write."""


class Asker(Protocol):
    """Who gives a command: the session of a stream, or a call without one."""

    @property
    def session_id(self) -> str:
        """Names it in logs."""
        ...

    @property
    def principal(self) -> str:
        """Who the server takes it for; empty without authentication."""
        ...

    @property
    def authority(self) -> str:
        """Who manages what it creates without a seat."""
        ...

    def answer(
        self, serial: int, result: pb.CommandResult, events_through: int, now_ms: int, /
    ) -> None:
        """Take the answer to the command of this serial."""


class Origin(NamedTuple):
    """Where a ticket's answer goes."""

    asker: Asker
    serial: int
    stream: Stream | None = None
    """What the command came on; None: on nothing that could follow a game."""
    attach: bool = False


class Audience:
    """The subscribers of one room."""

    def __init__(
        self,
        room: Room,
        settings: RoomSettings,
        now_ms: Callable[[], int],
        on_change: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._room = room
        self._now_ms = now_ms
        self._on_change = on_change
        self._loaded_ms = now_ms()
        self._subscribers: dict[Stream, Outbox] = {}
        self._holders: dict[str, dict[Stream, None]] = {}
        self._leases = Leases(settings.presence_grace_ms, settings.presence_interval_ms)
        self._flush: asyncio.TimerHandle | None = None
        self._connected: Set[str] | None = None
        """As `connected` has it; None: it has to be looked at anew."""
        self._metrics = metrics
        self._deliveries = Deliveries(
            room.game_id, settings.report_ms, settings.report_end_ms, settings.max_open_reports
        )
        # A server that was started again goes on asking who has what happened just before.
        hold_ms = self._loaded_ms + settings.presence_grace_ms
        self._report_on(room.events_since(self._loaded_ms - settings.report_end_ms), hold_ms)

    @property
    def empty(self) -> bool:
        """Nobody follows the room, and nobody is to be told of it."""
        return not self._subscribers and not self._deliveries.open

    # Coming and going

    def attach(self, stream: Stream, request: AttachRequest, proven_passcode: bytes) -> None:
        """Subscribe a stream from the version it asks for, with the seats it proves."""
        if _is_over(stream.session):
            return
        attach = request.attach
        refusal = self._bad_attach(attach, proven_passcode)
        if refusal is not None:
            stream.session.attach_refused(
                attach.game_id, request.correlation_id, refusal, self._now_ms()
            )
            return
        state = self._room.state
        hashes = {seat.player_id: state.seat_hash(seat.player_id) for seat in attach.seats}
        resume = attach.after_version, attach.after_correlation_id
        self._subscribe(stream, hashes, resume, request.correlation_id)

    def _bad_attach(self, attach: pb.Attach, proven_passcode: bytes) -> pb.Refusal | None:
        state = self._room.state
        unproven = [
            seat.player_id
            for seat in attach.seats
            if not proves(seat.seat_secret, state.seat_hash(seat.player_id))
        ]
        if unproven:
            # Named, so that the other seats of a client need not go with them.
            message = "This secret does not prove this seat: join, or ask for a reset."
            return refuse(pb.REASON_SEAT_SECRET_WRONG, message, player_ids=unproven)
        passcode = state.passcode
        if not attach.seats and passcode is not None and proven_passcode != passcode.hash:
            return refuse(pb.REASON_PASSCODE_WRONG, "This game asks for its passcode.")
        return None

    def attach_joined(self, origin: Origin, answer: Answer) -> None:
        """Subscribe a stream with the seat that its accepted command took."""
        stream = origin.stream
        if stream is None:
            return
        player_id = answer.result.accepted.player_id
        seat_hash = self._room.state.seat_hash(player_id)
        # A repeated answer is given to whoever proved to be its sender; the
        # seat may have got another secret since.
        if _is_over(stream.session) or not seat_hash:
            return
        if seat_hash != answer.ticket.actor.seat_hash:
            return
        # Who was told that it took too long asks again, and is attached then.
        correlation_id = stream.session.asked(origin.serial)
        if not correlation_id:
            return
        outbox = self._subscribers.get(stream)
        hashes = {**(outbox.seats if outbox else {}), player_id: seat_hash}
        self._subscribe(stream, hashes, (0, ""), correlation_id)

    def _subscribe(
        self,
        stream: Stream,
        hashes: Mapping[str, bytes],
        resume: tuple[int, str],
        correlation_id: str,
    ) -> None:
        self._supersede(stream)
        # The new leases are opened before the old ones are closed, so that
        # attaching again is never an absence.
        replaced = self._subscribers.get(stream)
        for player_id in hashes:
            self._holders.setdefault(player_id, {})[stream] = None
            if self._leases.open(player_id):
                self._connected = None
                self._deliveries.presence_changed()
                self._on_change()
        for player_id in replaced.seats if replaced else ():
            self._release(stream, player_id, still_held=player_id in hashes)
        begin = self._room.attach(*resume)
        if begin.snapshot is None:
            self._deliveries.acknowledge(hashes, begin.after)  # a matching resume says so
        last = self._deliveries.last
        told = last is not None and self._concerns(last.event, stream.session, hashes)
        outbox = self._subscribers[stream] = stream.session.attached(
            self._room,
            begin,
            hashes,
            sorted(self.connected()),
            correlation_id,
            self._now_ms(),
            last.message if last is not None and told else None,
        )
        self._note_acknowledged(outbox)
        stream.wake()

    def _supersede(self, stream: Stream) -> None:
        mine = stream.session
        for other in list(self._subscribers) if mine.instance_id else ():
            theirs = other.session
            same = (theirs.principal, theirs.instance_id) == (mine.principal, mine.instance_id)
            if same and other is not stream:
                message = "The same client follows this game on another stream."
                self._detach(other, pb.DETACH_REASON_SUPERSEDED, message)

    def unsubscribe(self, stream: Stream) -> None:
        """The stream follows this game no longer, or is gone: an absence, not a leave."""
        outbox = self._subscribers.pop(stream, None)
        if outbox is None:
            return
        for player_id in outbox.seats:
            self._release(stream, player_id)

    def _release(self, stream: Stream, player_id: str, *, still_held: bool = False) -> None:
        self._leases.close(player_id, self._now_ms())
        if still_held:
            return
        holders = self._holders[player_id]
        del holders[stream]
        if not holders:
            del self._holders[player_id]

    def _detach(self, stream: Stream, reason: pb.DetachReason.ValueType, message: str) -> None:
        self.unsubscribe(stream)
        again = reason == pb.DETACH_REASON_INTERNAL
        next_step = pb.NEXT_STEP_RESUME if again else pb.NEXT_STEP_STOP
        stream.session.detach(self._room.game_id, reason, next_step, message, self._now_ms())
        stream.wake()

    def close(self, reason: pb.DetachReason.ValueType, message: str) -> None:
        """Detach everyone."""
        for stream in list(self._subscribers):
            self._detach(stream, reason, message)

    # Being told

    def announce(self, events: Sequence[pb.GameEvent]) -> None:
        """Tell the subscribers what is public now."""
        if not events:
            return
        urgent = False
        for event in events:
            name = event.WhichOneof("event") or ""
            urgent = urgent or name in CRITICAL_EVENTS
            if name in _OF_WHO_IS_THERE:
                self._connected = None
            if name in _OF_WHO_IS_GONE:
                self._deliveries.presence_changed()
            if name in _OF_ONE_SEAT:
                self._seat_changed(name, _concerned(event, name))
        if urgent or len(self._subscribers) <= _UNPACED_SUBSCRIBERS:
            self._wake_all()
        elif self._flush is None:
            tick_ms = min(_MAX_TICK_MS, _TICK_MS_PER_SUBSCRIBER * len(self._subscribers))
            self._flush = asyncio.get_running_loop().call_later(tick_ms / 1_000, self._wake_all)
        if urgent:
            self._report_on(events)

    def _seat_changed(self, name: str, player_id: str) -> None:
        for stream in list(self._holders.get(player_id, ())):
            outbox = self._subscribers[stream]
            if name in _OF_A_CARD:
                outbox.tell_seats((player_id,))
                continue
            outbox.drop_seat(player_id)
            self._release(stream, player_id)
            if not outbox.seats:
                self._farewell(stream, name)

    def _farewell(self, stream: Stream, name: str) -> None:
        """The last seat of a subscription is gone; it is told why, behind the event itself."""
        stream.session.flush(self._room.game_id, self._now_ms())
        left = name == "player_left"
        reason = pb.DETACH_REASON_REQUESTED if left else pb.DETACH_REASON_REMOVED
        self._detach(stream, reason, _FAREWELLS[name])

    def _wake_all(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        for stream in self._subscribers:
            self.wake(stream)

    def wake(self, stream: Stream) -> None:
        """Have one stream look for what there is, whatever the others' pace."""
        stream.session.wake(self._room.game_id)
        stream.wake()

    # Who has it

    def _report_on(self, events: Sequence[pb.GameEvent], hold_ms: int = 0) -> None:
        now_ms = self._now_ms()
        for event in critical(events):
            players = self._room.state.view.players
            self._tell_reports(self._deliveries.begin(event, players, now_ms, hold_ms))
        for outbox in self._subscribers.values():
            outbox.awaited = self._deliveries.awaited(outbox.acknowledged)

    def acknowledged(self, stream: Stream) -> bool:
        """The stream has what is reported on; True if there is something to report."""
        outbox = self._subscribers.get(stream)
        return outbox is not None and self._note_acknowledged(outbox)

    def _note_acknowledged(self, outbox: Outbox) -> bool:
        outbox.awaited = self._deliveries.awaited(outbox.acknowledged)
        return self._deliveries.acknowledge(outbox.seats, outbox.acknowledged)

    def announce_reports(self, now_ms: int) -> None:
        """Tell who has the critical events, where it is time to."""
        due_ms = self._deliveries.timer()
        if due_ms is None or now_ms < due_ms:
            return
        # Who is no player any more is not waited for until the lease is over.
        here = self._leases.connected & self._room.state.view.players.keys()
        self._tell_reports(self._deliveries.due(here, now_ms))

    def _tell_reports(self, reports: Iterable[Report]) -> None:
        for event, message in reports:
            if message.final:
                outcome = "incomplete" if message.pending_player_ids else "complete"
                self._metrics.reports.labels(outcome).inc()
            for stream, outbox in self._subscribers.items():
                if self._concerns(event, stream.session, outbox.seats):
                    outbox.tell_report(message, event.correlation_id)
                    self.wake(stream)

    def _concerns(self, event: Critical, session: Session, seats: Iterable[str]) -> bool:
        """Whether who holds these seats facilitates or manages the game, or caused the event."""
        state = self._room.state
        players = state.view.players
        return (bool(state.owner) and session.authority == state.owner) or any(
            seat == event.caused_by or (seat in players and players[seat].facilitator)
            for seat in seats
        )

    # Who is there

    def connected(self) -> Set[str]:
        """Players with a live lease, less those whose seat a bot holds."""
        if self._connected is None:
            players = self._room.state.view.players
            self._connected = frozenset(
                p for p in self._leases.connected if p in players and not players[p].proxied
            )
        return self._connected

    def away_since(self) -> Mapping[str, int]:
        """When each player was last seen, in ms; not before the room was loaded."""
        seen = self._leases.last_seen
        return {p: seen.get(p, self._loaded_ms) for p in self._room.state.view.players}

    def expire(self, now_ms: int) -> bool:
        """Let those go who were away for the grace; True if there was one."""
        gone = self._leases.expire(now_ms)
        if gone:
            self._connected = None
            self._deliveries.presence_changed()
        return gone

    def announce_presence(self, now_ms: int) -> None:
        """Tell the subscribers who came and went, if it is time to."""
        changes = self._leases.announce(now_ms)
        told = self._of_players(changes)
        if not told:
            return
        for outbox in self._subscribers.values():
            outbox.tell_presence(told)
        self._wake_all()

    def _of_players(
        self, changes: Mapping[str, pb.Presence.ValueType]
    ) -> Mapping[str, pb.Presence.ValueType]:
        players = self._room.state.view.players
        return {p: c for p, c in changes.items() if p in players and not players[p].proxied}

    def timer(self) -> int | None:
        """When there is something to expire or to announce, in ms; None: never."""
        times = self._leases.timer(), self._deliveries.timer()
        return min((time for time in times if time is not None), default=None)


def _concerned(event: pb.GameEvent, name: str) -> str:
    """Whose seat an event is about; empty if it changes nothing of what only its holder knows."""
    if name != "player_updated":
        return getattr(event, name).player_id  # type: ignore[no-any-return]
    player = event.player_updated.player
    return player.player_id if player.role != pb.PLAYER_ROLE_VOTER else ""


def _is_over(session: Session) -> bool:
    """Whether nobody would ever unsubscribe this session's stream again."""
    return session.gone or session.ending is not None


def answer_all(audience: Audience, answers: Iterable[Answer], now_ms: int) -> None:
    """Give answers to those who asked; a joined stream is attached first."""
    for answer in answers:
        origin = answer.ticket.origin
        if not isinstance(origin, Origin):
            continue  # the server's own
        if origin.attach and answer.result.HasField("accepted"):
            audience.attach_joined(origin, answer)
        origin.asker.answer(origin.serial, answer.result, answer.events_through, now_ms)
        if origin.stream is not None:
            audience.wake(origin.stream)
        _log(origin.asker, answer)


def _log(asker: Asker, answer: Answer) -> None:
    """One line a command, with what it takes to find it again; never what it said."""
    ticket, result = answer.ticket, answer.result
    command = ticket.command.WhichOneof("body") if isinstance(ticket.command, pb.Command) else ""
    outcome = f"accepted at version {result.accepted.version}"
    if result.HasField("refusal"):
        outcome = f"refused: {pb.Reason.Name(result.refusal.reason)}"
    logger.bind(
        session_id=asker.session_id,
        game_id=result.game_id,
        correlation_id=ticket.correlation_id,
    ).debug("{} {}", command, outcome)
