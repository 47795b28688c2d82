"""Drives one room: mailbox → propose → append → publish, and its timers."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from loguru import logger

import planningpoker.v1 as pb
from planning_poker_server import ids
from planning_poker_server.audience import Audience, Stream, answer_all
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.clock import Alarm, Clock
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Actor, FireTimer, Presence
from planning_poker_server.eventlog.port import (
    PURGED,
    Commit,
    Conflict,
    EventLog,
    GameCorrupt,
    LogUnavailable,
    Proposal,
)
from planning_poker_server.metrics import Metrics
from planning_poker_server.requests import AttachRequest
from planning_poker_server.room import Answer, Room, Ticket
from planning_poker_server.settings import RoomSettings

# Conflicts need another writer; with one node they mean an append in doubt
# that did commit. A room that loses this often in a row is being starved.
_MAX_CONFLICTS: Final = 8
_RETRY_MS: Final = 1_000
_MAX_JOIN_CODES: Final = 20
# A log that takes longer than this keeps decisions waiting, and nothing else.
_TELLING_MS: Final = 500
# How long a room waits for the command that creates its game.
_CREATION_MS: Final = 5_000


class RoomDriver:
    """One game's room and its one task."""

    def __init__(
        self,
        room: Room,
        log: EventLog,
        settings: RoomSettings,
        clock: Clock,
        started_ms: int,
        metrics: Metrics,
        availability: Availability,
        bus: LocalBus,
    ) -> None:
        self._bus = bus
        self.room = room
        self.closed = False
        self._audience = Audience(room, settings, clock.now_ms, self._presence_changes, metrics)
        self._log = log
        self._availability = availability
        self._settings = settings
        self._clock = clock
        self._now_ms = clock.now_ms
        self._started_ms = started_ms
        self._last_used_ms = clock.now_ms()
        # A game that is only being created has nobody to wait for.
        self._settled_from_ms = self._last_used_ms + (settings.settle_ms if room.head else 0)
        self._recheck_ms: int | None = self._settled_from_ms
        self._no_timers_before_ms = 0
        self._mailbox: deque[Ticket] = deque()
        self._wake = asyncio.Event()
        self._presence_changed = False
        self._in_doubt = False
        self._deciding = False
        self._telling: Alarm | None = None

    # What streams ask

    def submit(self, ticket: Ticket) -> None:
        """Queue a command; when too many wait it is refused at once."""
        if len(self._mailbox) >= self._settings.max_mailbox:
            message = "Too many commands wait for this game: try again in a moment."
            refusal = refuse(pb.REASON_TOO_MANY_COMMANDS, message, retry_ms=_RETRY_MS)
            self._answer(self.room.refuse([ticket], refusal))
            return
        self._mailbox.append(ticket)
        self._wake.set()

    def attach(self, stream: Stream, request: AttachRequest, proven_passcode: bytes) -> None:
        """Subscribe a stream from the version it asks for, with the seats it proves."""
        self._last_used_ms = self._now_ms()
        if not self.room.head:  # it is only being created, or was not
            stream.session.attach_refused(
                request.attach.game_id, request.correlation_id, gone(), self._last_used_ms
            )
            return
        self._audience.attach(stream, request, proven_passcode)
        self._wake.set()

    def unsubscribe(self, stream: Stream) -> None:
        """The stream follows this game no longer, or is gone."""
        self._last_used_ms = self._now_ms()
        self._audience.unsubscribe(stream)
        self._wake.set()

    @property
    def is_followed(self) -> bool:
        """Whether anybody follows the game, or is to be told of it."""
        return not self._audience.empty

    def purged(self) -> None:
        """The game is no more: whoever follows it is told so."""
        self._give_up((), pb.DETACH_REASON_PURGED, gone())

    def acknowledged(self, stream: Stream) -> None:
        """The stream acknowledged what this room waits for."""
        if self._audience.acknowledged(stream):
            self._wake.set()

    def _presence_changes(self) -> None:
        self._presence_changed = True
        self._wake.set()

    def stop(self, refusal: pb.Refusal) -> None:
        """Decide nothing new; what is being decided comes to its end."""
        self.closed = True
        waiting = list(self._mailbox)
        self._mailbox.clear()
        self._answer(self.room.refuse(waiting, refusal))
        self._wake.set()

    def _give_up(
        self, tickets: Iterable[Ticket], reason: pb.DetachReason.ValueType, refusal: pb.Refusal
    ) -> None:
        """Refuse everything and detach everyone: this room cannot go on."""
        self._answer(self.room.refuse(tickets, refusal))
        self._audience.close(reason, refusal.message)
        self.stop(refusal)

    # The task

    async def run(self) -> None:
        """Work until nothing is left to do for a while, or the room is closed."""
        try:
            await self._work()
        except Exception:
            # Nobody is to wait for a room that has stopped.
            logger.bind(game_id=self.room.game_id).exception("a room failed")
            self._give_up((), pb.DETACH_REASON_INTERNAL, failed())

    async def _work(self) -> None:
        while not self.closed:
            await self._wait()
            now_ms = self._now_ms()
            self._presence_changed |= self._recheck(now_ms)
            self._fire_timers(now_ms)
            self._tell(now_ms)
            if self._mailbox or self._presence_changed:
                await self._step()
            elif self._audience.empty and self._idle_from() <= now_ms:
                self.closed = True

    def _tell(self, now_ms: int) -> None:
        """Who came and went, and who has what."""
        self._presence_changed |= self._audience.expire(now_ms)
        self._audience.announce_presence(now_ms)
        self._audience.announce_reports(now_ms)

    def _tell_meanwhile(self) -> None:
        """Do so too as long as something is being decided."""
        # One alarm serves the steps that follow one another: keeping it is
        # cheaper than setting one for each.
        if self._telling is None:
            due_ms = self._now_ms() + _TELLING_MS
            self._telling = self._clock.call_at(due_ms, self._still_deciding)

    def _still_deciding(self) -> None:
        self._telling = None
        if self._deciding:
            self._tell_meanwhile()
            self._tell(self._now_ms())

    async def _wait(self) -> None:
        if self._mailbox or self._presence_changed or self.closed:
            return
        self._wake.clear()
        due_ms = self._next_due()
        alarm = None if due_ms is None else self._clock.call_at(due_ms, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    def _next_due(self) -> int | None:
        due = [self._due_ms(timer.due_ms) for timer in self.room.state.timers()]
        due += [ms for ms in (self._recheck_ms, self._audience.timer()) if ms is not None]
        if self._audience.empty:
            due.append(self._idle_from())
        return min(due, default=None)

    def _idle_from(self) -> int:
        """When this room may leave memory, if nobody comes before."""
        wait_ms = self._settings.idle_ms if self.room.head else _CREATION_MS
        return self._last_used_ms + wait_ms

    def _recheck(self, now_ms: int) -> bool:
        """Whether what follows by itself is to be looked at without a cause."""
        if self._recheck_ms is None or now_ms < self._recheck_ms:
            return False
        self._recheck_ms = None
        return True

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
                # Once more only if this one was not decided: the log may be unavailable.
                self._no_timers_before_ms = now_ms + _RETRY_MS

    # Deciding

    async def _step(self) -> None:
        self._presence_changed = False
        count = min(len(self._mailbox), self._settings.max_batch)
        tickets = [self._mailbox.popleft() for _ in range(count)]
        self._last_used_ms = self._now_ms()
        self._deciding = True
        self._tell_meanwhile()
        try:
            await self._decide(tickets)
        except GameCorrupt as error:
            logger.bind(game_id=self.room.game_id).error("the game's log is corrupt: {}", error)
            self._give_up(tickets, pb.DETACH_REASON_CORRUPT, corrupt())
        except Exception:
            # A bug must not leave its callers without an answer, nor the room
            # in a state that nobody has checked: it is loaded again from the log.
            logger.bind(game_id=self.room.game_id).exception("a decision failed")
            self._give_up(tickets, pb.DETACH_REASON_INTERNAL, failed())
        finally:
            self._deciding = False

    async def _decide(self, tickets: Sequence[Ticket]) -> None:
        doubted = False  # these tickets, even if the log has told meanwhile what became of them
        for _ in range(_MAX_CONFLICTS):
            try:
                if self._in_doubt:
                    await self._catch_up()
                tickets = await self._with_join_code(tickets)
                proposal = self.room.propose(tickets, self._presence(tickets), self._now_ms())
                if not tickets and not proposal.records:
                    return
                outcome = await self._append(proposal)
                doubted |= outcome is None
                if isinstance(outcome, Conflict):
                    if self._purged(outcome, proposal):
                        self._give_up(tickets, pb.DETACH_REASON_PURGED, gone())
                        return
                    await self._catch_up()
            except LogUnavailable as error:
                # Said once, however many games and commands it concerns.
                level = "ERROR" if self._availability.failed() else "DEBUG"
                definite = error.definite and not (self._in_doubt or doubted)
                self._refuse_unavailable(tickets, error, level, definite=definite)
                return
            if isinstance(outcome, Commit):
                self._publish(outcome)
                return
        starved = LogUnavailable("too many conflicts", definite=True)
        definite = not (self._in_doubt or doubted)
        self._refuse_unavailable(tickets, starved, "ERROR", definite=definite)

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

    @staticmethod
    def _purged(conflict: Conflict, proposal: Proposal) -> bool:
        return conflict.head == PURGED or (conflict.head == 0 and proposal.expected_head > 0)

    async def _catch_up(self) -> None:
        async for page in self._log.read(self.room.game_id, self.room.head):
            self._audience.announce(self.room.catch_up(page))
            self._bus.announce(self.room.game_id)
        self._in_doubt = False

    async def _with_join_code(self, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        """For the command that creates the game: a code that no game has."""
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

    def _presence(self, tickets: Iterable[Ticket]) -> Presence:
        away = self._audience.away_since() if any(map(_claims, tickets)) else {}
        settled = self._now_ms() >= self._settled_from_ms
        return Presence(self._audience.connected(), away, settled)

    # Answering

    def _publish(self, commit: Commit) -> None:
        if commit.proposal.records:
            self._availability.worked()
        publication = self.room.publish(commit)
        self._audience.announce(publication.events)
        self._answer(publication.answers)
        if publication.events:
            self._bus.announce(self.room.game_id)
            self._no_timers_before_ms = 0

    def _refuse_unavailable(
        self, tickets: Sequence[Ticket], error: LogUnavailable, level: str, *, definite: bool
    ) -> None:
        # What would follow by itself must not be forgotten.
        self._recheck_ms = self._now_ms() + _RETRY_MS
        bound = logger.bind(game_id=self.room.game_id)
        bound.log(level, "the log is unavailable: {}", error)
        message = "The server cannot store anything at the moment: try again soon."
        if not definite:
            message += " The same command with the same correlation id will tell its outcome."
        refusal = refuse(pb.REASON_LOG_UNAVAILABLE, message, definite=definite, retry_ms=_RETRY_MS)
        self._answer(self.room.refuse(tickets, refusal))

    def _answer(self, answers: Iterable[Answer]) -> None:
        answer_all(self._audience, answers, self._now_ms())


def _claims(ticket: Ticket) -> bool:
    command = ticket.command
    return isinstance(command, pb.Command) and command.HasField("claim_facilitation")


def corrupt() -> pb.Refusal:
    """The refusal of everything about a game whose log cannot be read."""
    message = "The log of this game is damaged: the operator has to look at it."
    return refuse(pb.REASON_GAME_CORRUPT, message)


def gone() -> pb.Refusal:
    """The refusal of everything about a game that is not there."""
    message = "There is no such game: check its id or join code."
    return refuse(pb.REASON_GAME_NOT_FOUND, message)


def failed() -> pb.Refusal:
    """The refusal of what met a bug."""
    message = "The server failed. The same command with the same correlation id will tell more."
    return refuse(pb.REASON_INTERNAL, message, definite=False)
