"""Drives one room: mailbox → propose → append → publish, its timers and who is there."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from loguru import logger

import planningpoker.v1 as pb
from planning_poker_model.view import CRITICAL_EVENTS
from planning_poker_server import ids
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Actor, FireTimer, Presence
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    EventLog,
    GameCorrupt,
    LogUnavailable,
    Proposal,
)
from planning_poker_server.outbox import Outbox
from planning_poker_server.presence import Leases
from planning_poker_server.room import Answer, Room, Ticket
from planning_poker_server.seats import proves
from planning_poker_server.session import AttachRequest, Session
from planning_poker_server.settings import RoomSettings

# Conflicts need another writer; with one node they mean an append in doubt
# that did commit. A room that loses this often in a row is being starved.
_MAX_CONFLICTS = 8
_RETRY_MS = 1_000
_MAX_JOIN_CODES = 20
# How long a room waits for the command that creates its game.
_CREATION_MS = 5_000
# Below this many subscribers each event is written at once; above, writes are
# paced so that events share frames (see docs/decisions).
_UNPACED_SUBSCRIBERS = 50
_TICK_MS_PER_SUBSCRIBER = 0.1
_MAX_TICK_MS = 100

_GONE = refuse(pb.REASON_GAME_NOT_FOUND, "There is no such game: check its id or join code.")


class Stream(Protocol):
    """What rooms need of a stream."""

    session: Session

    def wake(self) -> None:
        """Something may be there to write."""


class Origin(NamedTuple):
    """Where a ticket's answer goes."""

    stream: Stream
    serial: int
    attach: bool


class RoomDriver:
    """One game's room, its subscribers and its one task."""

    def __init__(
        self,
        room: Room,
        log: EventLog,
        settings: RoomSettings,
        now_ms: Callable[[], int],
        started_ms: int,
    ) -> None:
        self.room = room
        self.closed = False
        self._log = log
        self._settings = settings
        self._now_ms = now_ms
        self._started_ms = started_ms
        self._loaded_ms = self._last_used_ms = now_ms()
        # A game that is only being created has nobody to wait for.
        self._settled_from_ms = self._loaded_ms + (settings.settle_ms if room.head else 0)
        self._recheck_ms: int | None = self._settled_from_ms
        self._mailbox: deque[Ticket] = deque()
        self._wake = asyncio.Event()
        self._presence_changed = False
        self._in_doubt = False
        self._no_timers_before_ms = 0
        self._subscribers: dict[Stream, Outbox] = {}
        self._holders: dict[str, dict[Stream, None]] = {}
        self._leases = Leases(settings.presence_grace_ms, settings.presence_interval_ms)
        self._flush: asyncio.TimerHandle | None = None

    # What streams ask

    def submit(self, ticket: Ticket) -> None:
        """Queue a command; when too many wait it is refused at once."""
        if len(self._mailbox) >= self._settings.max_mailbox:
            message = "Too many commands wait for this game: try again in a moment."
            refusal = refuse(pb.REASON_TOO_MANY_COMMANDS, message, retry_ms=_RETRY_MS)
            self._answer_all(self.room.refuse([ticket], refusal))
            return
        self._mailbox.append(ticket)
        self._wake.set()

    def attach(self, stream: Stream, request: AttachRequest, proven_passcode: bytes) -> None:
        """Subscribe a stream from the version it asks for, with the seats it proves."""
        session, attach = stream.session, request.attach
        refusal = self._bad_attach(attach, proven_passcode)
        if refusal is not None:
            session.attach_refused(attach.game_id, request.correlation_id, refusal, self._now_ms())
            return
        hashes = {
            seat.player_id: self.room.state.seat_hash(seat.player_id) for seat in attach.seats
        }
        self._supersede(stream)
        self._subscribe(
            stream,
            hashes,
            attach.after_version,
            attach.after_correlation_id,
            request.correlation_id,
        )

    def _bad_attach(self, attach: pb.Attach, proven_passcode: bytes) -> pb.Refusal | None:
        state = self.room.state
        for seat in attach.seats:
            if not proves(seat.seat_secret, state.seat_hash(seat.player_id)):
                message = "This secret does not prove this seat: join, or ask for a reset."
                return refuse(pb.REASON_SEAT_SECRET_WRONG, message)
        passcode = state.passcode
        if not attach.seats and passcode is not None and proven_passcode != passcode.hash:
            message = "This game asks for its passcode."
            return refuse(pb.REASON_PASSCODE_WRONG, message)
        return None

    def _supersede(self, stream: Stream) -> None:
        mine = stream.session
        for other in list(self._subscribers):
            theirs = other.session
            if (
                other is not stream
                and mine.instance_id
                and (theirs.principal, theirs.instance_id) == (mine.principal, mine.instance_id)
            ):
                message = "The same client follows this game on another stream."
                self._detach(other, pb.DETACH_REASON_SUPERSEDED, pb.NEXT_STEP_STOP, message)

    def _subscribe(
        self,
        stream: Stream,
        hashes: dict[str, bytes],
        after_version: int,
        after_correlation_id: str,
        correlation_id: str,
    ) -> None:
        # The new leases are opened before the old ones are closed, so that
        # attaching again is never an absence.
        replaced = self._subscribers.get(stream)
        for player_id in hashes:
            self._holders.setdefault(player_id, {})[stream] = None
            self._presence_changed |= self._leases.open(player_id)
        for player_id in replaced.seats if replaced else ():
            self._release(stream, player_id, still_held=player_id in hashes)
        begin = self.room.attach(after_version, after_correlation_id)
        connected = sorted(self._connected())
        self._subscribers[stream] = stream.session.attached(
            self.room, begin, hashes, connected, correlation_id, self._now_ms()
        )
        self._last_used_ms = self._now_ms()
        stream.wake()
        self._wake.set()

    def _release(self, stream: Stream, player_id: str, *, still_held: bool = False) -> None:
        self._leases.close(player_id, self._now_ms())
        if not still_held:
            holders = self._holders.get(player_id, {})
            holders.pop(stream, None)
            if not holders:
                self._holders.pop(player_id, None)

    def unsubscribe(self, stream: Stream) -> None:
        """The stream follows this game no longer, or is gone: an absence, not a leave."""
        outbox = self._subscribers.pop(stream, None)
        if outbox is None:
            return
        for player_id in outbox.seats:
            self._release(stream, player_id)
        self._last_used_ms = self._now_ms()
        self._wake.set()

    def _detach(
        self,
        stream: Stream,
        reason: pb.DetachReason.ValueType,
        next_step: pb.NextStep.ValueType,
        message: str,
    ) -> None:
        self.unsubscribe(stream)
        stream.session.detach(self.room.game_id, reason, next_step, message, self._now_ms())
        stream.wake()

    def close(self, reason: pb.DetachReason.ValueType, message: str, refusal: pb.Refusal) -> None:
        """Detach everyone, refuse what waits, and take nothing any more."""
        for stream in list(self._subscribers):
            self._detach(stream, reason, pb.NEXT_STEP_STOP, message)
        self.stop(refusal)

    def stop(self, refusal: pb.Refusal) -> None:
        """Decide nothing new; what is being decided comes to its end."""
        self.closed = True
        waiting = list(self._mailbox)
        self._mailbox.clear()
        self._answer_all(self.room.refuse(waiting, refusal))
        self._wake.set()

    # The task

    async def run(self) -> None:
        """Work until nothing is left to do for a while, or the room is closed."""
        while not self.closed:
            await self._wait()
            now_ms = self._now_ms()
            self._presence_changed |= self._leases.expire(now_ms)
            if self._recheck_ms is not None and now_ms >= self._recheck_ms:
                self._recheck_ms = None
                self._presence_changed = True
            self._fire_timers(now_ms)
            self._announce_presence(now_ms)
            if self._mailbox or self._presence_changed:
                await self._step()
            elif self._idle_from() <= now_ms:
                self.closed = True

    async def _wait(self) -> None:
        if self._mailbox or self._presence_changed:
            return
        self._wake.clear()
        due_ms = self._next_due()
        delay = None if due_ms is None else max(0.0, (due_ms - self._now_ms()) / 1_000)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def _next_due(self) -> int | None:
        due = [self._due_ms(timer.due_ms) for timer in self.room.state.timers()]
        if self._recheck_ms is not None:
            due.append(self._recheck_ms)
        presence = self._leases.timer()
        if presence is not None:
            due.append(presence)
        if not self._subscribers:
            due.append(self._idle_from())
        return min(due, default=None)

    def _idle_from(self) -> int:
        """When this room may leave memory, if nothing happens before."""
        if self._subscribers:
            return self._now_ms() + self._settings.idle_ms
        if self.room.head == 0:
            return self._last_used_ms + _CREATION_MS
        return self._last_used_ms + self._settings.idle_ms

    def _due_ms(self, due_ms: int) -> int:
        """What fell due while no server ran waits until clients had time to come back."""
        if due_ms < self._started_ms:
            due_ms = self._started_ms + self._settings.settle_ms
        return max(due_ms, self._no_timers_before_ms)

    def _fire_timers(self, now_ms: int) -> None:
        for timer in self.room.state.timers():
            if self._due_ms(timer.due_ms) <= now_ms:
                fire = FireTimer(timer.kind, timer.round_id, timer.set_version)
                cause = ids.cause_of(self.room.game_id, *fire)
                self._mailbox.append(Ticket(fire, Actor(), cause))
                # Until it is decided, or once more if the log was unavailable.
                self._no_timers_before_ms = now_ms + _RETRY_MS

    def _announce_presence(self, now_ms: int) -> None:
        changes = self._leases.announce(now_ms)
        if not changes:
            return
        players = self.room.state.view.players
        told = {p: c for p, c in changes.items() if p in players and not players[p].proxied}
        for outbox in self._subscribers.values() if told else ():
            outbox.tell_presence(told)
        self._wake_subscribers()

    def _connected(self) -> Iterable[str]:
        players = self.room.state.view.players
        return (p for p in self._leases.connected if p in players and not players[p].proxied)

    def _presence(self, tickets: Iterable[Ticket]) -> Presence:
        away: dict[str, int] = {}
        if any(_claims(ticket) for ticket in tickets):
            seen = self._leases.last_seen
            away = {p: seen.get(p, self._loaded_ms) for p in self.room.state.view.players}
        settled = self._now_ms() >= self._settled_from_ms
        return Presence(frozenset(self._connected()), away, settled)

    # Deciding

    async def _step(self) -> None:
        self._presence_changed = False
        count = min(len(self._mailbox), self._settings.max_batch)
        tickets = [self._mailbox.popleft() for _ in range(count)]
        self._last_used_ms = self._now_ms()
        try:
            await self._decide(tickets)
        except GameCorrupt:
            self._give_up(tickets)
        except Exception:
            # A bug must not leave its callers without an answer, nor the room
            # in a state that nobody has checked: it is loaded again from the log.
            logger.bind(game_id=self.room.game_id).exception("a decision failed")
            message = "The server failed. Send the command again with the same correlation id."
            refusal = refuse(pb.REASON_INTERNAL, message, definite=False)
            self._answer_all(self.room.refuse(tickets, refusal))
            self.close(pb.DETACH_REASON_CORRUPT, message, refusal)

    async def _decide(self, tickets: Sequence[Ticket]) -> None:
        for _ in range(_MAX_CONFLICTS):
            try:
                if self._in_doubt:
                    await self._catch_up()
                tickets = await self._with_join_codes(tickets)
                presence = self._presence(tickets)
                proposal = self.room.propose(tickets, presence, self._now_ms())
                if not tickets and not proposal.records:
                    return
                outcome = await self._append(proposal)
            except LogUnavailable as error:
                self._refuse_unavailable(tickets, error)
                return
            if isinstance(outcome, Commit):
                self._publish(outcome)
                return
            if outcome is not None and await self._conflicted(outcome, proposal, tickets):
                return
        self._refuse_unavailable(tickets, LogUnavailable("too many conflicts", definite=True))

    async def _append(self, proposal: Proposal) -> Commit | Conflict | None:
        """None: it is in doubt whether the log took it; look there before deciding again."""
        try:
            return await self._log.append(proposal)
        except LogUnavailable as error:
            if error.definite:
                raise
            logger.bind(game_id=self.room.game_id).warning("an append is in doubt: {}", error)
            self._in_doubt = True
            return None

    async def _conflicted(
        self, conflict: Conflict, proposal: Proposal, tickets: Sequence[Ticket]
    ) -> bool:
        """Catch up with whoever was faster; True if the game is gone."""
        if conflict.head == 0 and proposal.expected_head > 0:
            self._answer_all(self.room.refuse(tickets, _GONE))
            self.close(pb.DETACH_REASON_PURGED, "The game was deleted.", _GONE)
            return True
        await self._catch_up()
        return False

    async def _catch_up(self) -> None:
        async for page in self._log.read(self.room.game_id, self.room.head):
            self._announce(self.room.catch_up(page))
        self._in_doubt = False

    async def _with_join_codes(self, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        if self.room.head or not tickets:
            return tickets
        for attempt in range(_MAX_JOIN_CODES):
            code = ids.join_code_for(self.room.game_id, attempt)
            if await self._log.resolve(code) is None:
                return [
                    replace(ticket, actor=ticket.actor._replace(join_code=code))
                    for ticket in tickets
                ]
        raise LogUnavailable("no join code is free", definite=True)

    def _refuse_unavailable(self, tickets: Sequence[Ticket], error: LogUnavailable) -> None:
        definite = error.definite and not self._in_doubt
        # What would follow by itself must not be forgotten.
        self._recheck_ms = self._now_ms() + _RETRY_MS
        logger.bind(game_id=self.room.game_id).error("the log is unavailable: {}", error)
        message = "The server cannot store anything at the moment: try again soon."
        if not definite:
            message += (
                " Send the same command with the same correlation id: that tells its outcome."
            )
        refusal = refuse(pb.REASON_LOG_UNAVAILABLE, message, definite=definite, retry_ms=_RETRY_MS)
        self._answer_all(self.room.refuse(tickets, refusal))

    def _give_up(self, tickets: Sequence[Ticket]) -> None:
        logger.bind(game_id=self.room.game_id).error("the game's log is corrupt")
        refusal = corrupt()
        self._answer_all(self.room.refuse(tickets, refusal))
        self.close(pb.DETACH_REASON_CORRUPT, refusal.message, refusal)

    # Publishing

    def _publish(self, commit: Commit) -> None:
        publication = self.room.publish(commit)
        self._announce(publication.events)
        self._answer_all(publication.answers)
        if publication.events:
            self._no_timers_before_ms = 0

    def _announce(self, events: Sequence[pb.GameEvent]) -> None:
        """Tell the subscribers what is public now."""
        if not events:
            return
        critical = False
        for event in events:
            name = event.WhichOneof("event") or ""
            critical = critical or name in CRITICAL_EVENTS
            if name in _OF_ONE_SEAT:
                self._seat_changed(name, getattr(event, name).player_id)
        if critical or len(self._subscribers) <= _UNPACED_SUBSCRIBERS:
            self._wake_subscribers()
        elif self._flush is None:
            tick_ms = min(_MAX_TICK_MS, _TICK_MS_PER_SUBSCRIBER * len(self._subscribers))
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(tick_ms / 1_000, self._wake_subscribers)

    def _seat_changed(self, name: str, player_id: str) -> None:
        holders = list(self._holders.get(player_id, ()))
        for stream in holders:
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
        stream.session.flush(self.room.game_id, self._now_ms())
        reason = pb.DETACH_REASON_REQUESTED if name == "player_left" else pb.DETACH_REASON_REMOVED
        self._detach(stream, reason, pb.NEXT_STEP_STOP, _FAREWELLS[name])

    def _wake_subscribers(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        for stream in self._subscribers:
            stream.session.wake(self.room.game_id)
            stream.wake()

    def _answer_all(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        origin = answer.ticket.origin
        if not isinstance(origin, Origin):
            return  # the server's own
        stream = origin.stream
        if origin.attach and answer.result.HasField("accepted"):
            self._attach_joined(stream, answer)
        now_ms = self._now_ms()
        stream.session.answer(origin.serial, answer.result, answer.events_through, now_ms)
        # The answer goes behind its events at once, whatever the others' pace.
        stream.session.wake(self.room.game_id)
        stream.wake()

    def _attach_joined(self, stream: Stream, answer: Answer) -> None:
        player_id = answer.result.accepted.player_id
        seat_hash = self.room.state.seat_hash(player_id)
        # A repeated answer is given to whoever proved to be its sender; the
        # seat may have got another secret since.
        if stream.session.ending or not seat_hash or seat_hash != answer.ticket.actor.seat_hash:
            return
        self._supersede(stream)
        outbox = self._subscribers.get(stream)
        hashes = {**(outbox.seats if outbox else {}), player_id: seat_hash}
        self._subscribe(stream, hashes, 0, "", answer.ticket.correlation_id)


_OF_A_CARD = frozenset({"vote_submitted", "vote_retracted"})
_FAREWELLS = {
    "player_left": "You left the game.",
    "player_removed": "You were removed from the game.",
    "seat_reset": "The seat got a new secret: attach with that.",
}
_OF_ONE_SEAT = _OF_A_CARD | _FAREWELLS.keys()


def _claims(ticket: Ticket) -> bool:
    command = ticket.command
    return isinstance(command, pb.Command) and command.HasField("claim_facilitation")


def corrupt() -> pb.Refusal:
    """The refusal of everything about a game whose log cannot be read."""
    message = "The log of this game is damaged: the operator has to look at it."
    return refuse(pb.REASON_GAME_CORRUPT, message)


def gone() -> pb.Refusal:
    """The refusal of everything about a game that is not there."""
    return _GONE
