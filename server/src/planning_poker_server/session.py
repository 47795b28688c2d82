"""One stream: the handshake, the seats it holds, its subscriptions and its answers. Pure.

`receive` takes an envelope and returns what others have to do for it;
`next_frame` gives what to write. A bad command gets a refusal, a broken
protocol ends the session.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from google.protobuf.message import Message

import planningpoker.v1 as pb
from planning_poker_server import ids, wire
from planning_poker_server.answers import Answers
from planning_poker_server.domain.digest import digest
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.envelopes import (
    authority_of,
    bad_attach,
    bad_command,
    bad_game_id,
    bad_header,
    bad_hello,
    echo,
    joining,
    no_handler,
    too_fast,
    too_many_unanswered,
    took_too_long,
)
from planning_poker_server.followed import Dropped, Followed
from planning_poker_server.outbox import AckAhead, Outbox
from planning_poker_server.ratelimit import Bucket
from planning_poker_server.requests import (
    Acknowledged,
    AttachRequest,
    CommandRequest,
    DetachRequest,
    Request,
)
from planning_poker_server.room import Attachment, Room
from planning_poker_server.seats import hash_of
from planning_poker_server.settings import StreamSettings
from planning_poker_server.unanswered import Unanswered, Waiting

_REQUESTED = pb.DETACH_REASON_REQUESTED
_FAILURES: Final = {
    pb.DETACH_REASON_SLOW: "The events were not acknowledged fast enough: "
    "resume from your version.",
    pb.DETACH_REASON_UNACKNOWLEDGED: "The events were not acknowledged: resume from your version.",
}

# While this many frames wait to be written, nothing more is read: a client
# that does not read its answers is slowed down by its own flow control.
_MAX_WAITING: Final = 128

# Fifty commands of the largest size take half a second to look at.
BYTES_PER_TOKEN: Final = 16 * 1024


class Session:
    """The server's half of one stream."""

    def __init__(
        self,
        session_id: str,
        principal: str,
        welcome: pb.Welcome,
        settings: StreamSettings,
        request_timeout_ms: int,
        now_ms: int,
    ) -> None:
        self.session_id = session_id
        self.principal = principal
        self.instance_id = ""
        self.ending: pb.Refusal | None = None
        """Why the stream ends, once it does."""
        self.gone = False
        """Set when there is no stream any more: nothing may begin to follow a game for it."""
        self.dropped: list[Dropped] = []
        """Games detached by themselves, whose rooms are to be told."""
        self._welcome = welcome
        self._settings = settings
        self._request_timeout_ms = request_timeout_ms
        self._hello_by_ms: int | None = now_ms + settings.hello_timeout_ms
        self._heard_ms = now_ms
        self._bucket = Bucket(settings.commands_per_second, settings.command_burst, now_ms)
        self._answers = Answers()
        self._followed = Followed()
        self._unanswered = Unanswered()
        self._draining: pb.Refusal | None = None
        self._welcomed = False
        self._status = pb.ServiceStatus(state=pb.SERVICE_STATE_AVAILABLE)
        self._told_state = self._status.state
        """As far as the client knows; who is told nothing takes the service as available."""
        self._handlers: dict[str, Callable[[pb.ClientEnvelope, int], Sequence[Request]]] = {
            "attach": self._attach,
            "detach": self._detach,
            "command": self._command,
            "ack": self._ack,
            "ping": self._ping,
        }

    @property
    def subscriptions(self) -> Mapping[str, Outbox]:
        """The games that this stream follows, by id."""
        return self._followed.outboxes

    @property
    def authority(self) -> str:
        """Who manages what this stream creates without a seat."""
        return authority_of(self.principal, self.instance_id)

    # What the client says

    def charge(self, size: int) -> None:
        """A message of so many bytes came, or a snapshot goes: large ones count as several."""
        self._bucket.charge(size // BYTES_PER_TOKEN)

    def receive(self, envelope: pb.ClientEnvelope, now_ms: int) -> Sequence[Request]:
        """Take one message; what it asks of others is returned, in order."""
        if self.ending is not None:
            return ()
        self._heard_ms = now_ms
        payload = envelope.WhichOneof("payload")
        if self._hello_by_ms is not None or payload == "hello":
            self._hello(envelope, now_ms)
            return ()
        bad = bad_header(envelope)
        if bad is not None:
            self._refuse(envelope, bad, now_ms)
            return ()
        handler = self._handlers.get(payload or "")
        if handler is None:
            self._refuse(envelope, no_handler(envelope, payload), now_ms)
            return ()
        return handler(envelope, now_ms)

    def _hello(self, envelope: pb.ClientEnvelope, now_ms: int) -> None:
        if self._hello_by_ms is None:
            self.end(refuse(pb.REASON_HELLO_REPEATED, "Hello is said once a stream."), now_ms)
            return
        if envelope.WhichOneof("payload") != "hello":
            message = "The first message of a stream is Hello."
            self.end(refuse(pb.REASON_HELLO_EXPECTED, message), now_ms)
            return
        hello = envelope.hello
        bad = bad_header(envelope) or bad_hello(hello)
        if bad is not None:
            self.end(bad, now_ms)
            return
        self._hello_by_ms = None
        self.instance_id = hello.instance_id
        self._say(self._welcome, now_ms, echo(envelope.correlation_id))

    def _attach(self, envelope: pb.ClientEnvelope, now_ms: int) -> Sequence[Request]:
        attach, correlation_id = envelope.attach, echo(envelope.correlation_id)
        wait_ms = self._bucket.take(now_ms)
        refusal = self._draining or (too_fast(wait_ms) if wait_ms else bad_attach(attach))
        if (
            refusal is None
            and self._is_full
            and self._named(attach.game_id) not in self.subscriptions
        ):
            refusal = self._too_many_games()
        if refusal is not None:
            self.attach_refused(attach.game_id, correlation_id, refusal, now_ms)
            return ()
        return (AttachRequest(attach, correlation_id),)

    def _detach(self, envelope: pb.ClientEnvelope, now_ms: int) -> Sequence[Request]:
        game_id = envelope.detach.game_id
        if game_id not in self.subscriptions:
            refusal = refuse(pb.REASON_NOT_ATTACHED, "This stream does not follow this game.")
            self._refuse(envelope, refusal, now_ms)
            return ()
        correlation_id = echo(envelope.correlation_id)
        self.detach(game_id, _REQUESTED, pb.NEXT_STEP_STOP, "As asked.", now_ms, correlation_id)
        return (DetachRequest(game_id),)

    def _ack(self, envelope: pb.ClientEnvelope, now_ms: int) -> Sequence[Request]:
        game_id, version = envelope.ack.game_id, envelope.ack.version
        outbox = self.subscriptions.get(game_id)
        if outbox is None:
            # It may have crossed a Detached on its way.
            return ()
        try:
            awaited = outbox.acknowledge(version, now_ms)
        except AckAhead:
            message = f"Version {version} was acknowledged, but {outbox.sent} is the last one sent."
            self.end(refuse(pb.REASON_ACK_AHEAD, message), now_ms)
            return ()
        if outbox.held:
            self.wake(game_id)  # else what waits, waits for its tick
        return (Acknowledged(game_id),) if awaited else ()

    def _ping(self, envelope: pb.ClientEnvelope, now_ms: int) -> Sequence[Request]:
        wait_ms = self._bucket.take(now_ms)
        if wait_ms:
            self._refuse(envelope, too_fast(wait_ms), now_ms)
            return ()
        heads = {game_id: outbox.room.head for game_id, outbox in self.subscriptions.items()}
        self._say(pb.Pong(head_versions=heads), now_ms, echo(envelope.correlation_id))
        return ()

    def _command(self, envelope: pb.ClientEnvelope, now_ms: int) -> Sequence[Request]:
        command = envelope.command
        correlation_id = ids.parse_correlation_id(envelope.correlation_id)
        game = self._game_of(command)
        refusal = self._bad_command(envelope, correlation_id, game, now_ms)
        if refusal is not None or correlation_id is None or game is None:
            self._refuse(envelope, refusal or bad_game_id(), now_ms)
            return ()
        if command.HasField("create_game"):
            game = ids.game_id_for(self.principal, correlation_id)
        command.game_id = game
        join = joining(command)
        seat_hash = hash_of(join.seat_secret)
        if command.player_id:
            seat_hash = self.subscriptions[game].seats[command.player_id]
        deadline_ms = now_ms + self._request_timeout_ms
        serial = self._unanswered.add(
            Waiting(envelope.correlation_id, game, join.attach, deadline_ms)
        )
        digested = digest(command)
        return (CommandRequest(serial, command, correlation_id, seat_hash, digested, join.attach),)

    def _game_of(self, command: pb.Command) -> str | None:
        """What the command concerns: a game that `_named` knows, or one to be created ("")."""
        if command.HasField("create_game"):
            return "" if not command.game_id else None
        return self._named(command.game_id)

    def _named(self, name: str) -> str | None:
        """The game's id where this stream follows it, else as the client named it."""
        parsed = ids.parse_game(name)
        if parsed is None:
            return None
        game_id, code = parsed
        return game_id or next(
            (g for g, box in self.subscriptions.items() if box.code == code), code
        )

    def _bad_command(
        self, envelope: pb.ClientEnvelope, correlation_id: str | None, game: str | None, now_ms: int
    ) -> pb.Refusal | None:
        command = envelope.command
        wait_ms = self._bucket.take(now_ms)
        if wait_ms:
            return too_fast(wait_ms)
        if self._draining is not None:
            return self._draining
        bad = bad_command(command, correlation_id, game)
        if bad is not None or game is None:
            return bad
        if self._has_too_many_unanswered(game):
            return too_many_unanswered()
        if joining(command).attach and self._is_full and game not in self.subscriptions:
            return self._too_many_games()
        if command.player_id:
            outbox = self.subscriptions.get(game)
            if outbox is None or command.player_id not in outbox.seats:
                message = "This stream does not hold this seat: attach with its secret first."
                return refuse(pb.REASON_SEAT_NOT_HELD, message)
        return None

    def _has_too_many_unanswered(self, game: str) -> bool:
        # An answer that is held behind its events counts too: who acknowledges
        # nothing could else have any number of them held.
        unanswered, answers = self._unanswered, self._answers
        of_game = answers.held_of(game) + unanswered.of_game(game)
        of_all = answers.held + len(unanswered)
        settings = self._settings
        return of_all >= settings.max_unanswered or of_game >= settings.max_unanswered_per_game

    @property
    def _is_full(self) -> bool:
        """Whether this stream follows, or is about to, as many games as it may."""
        coming = self._unanswered.attaching
        return len(self.subscriptions) + coming >= self._settings.max_subscriptions

    def _too_many_games(self) -> pb.Refusal:
        message = (
            f"A stream follows at most {self._settings.max_subscriptions} games: "
            "detach one, or open another stream."
        )
        return refuse(pb.REASON_TOO_MANY_SUBSCRIPTIONS, message)

    # What others answer

    def asked(self, serial: int) -> str:
        """The correlation id, as sent, of a command that still waits; empty if it timed out."""
        waiting = self._unanswered.find(serial)
        return waiting.correlation_id if waiting else ""

    def answer(
        self, serial: int, result: pb.CommandResult, events_through: int, now_ms: int
    ) -> None:
        """The answer to a command; waits behind the events up to `events_through`."""
        waiting = self._unanswered.pop(serial)
        if waiting is None:
            return  # timed out
        frame = wire.envelope(result, now_ms, waiting.correlation_id)
        outbox = self.subscriptions.get(result.game_id)
        if outbox is not None and outbox.sent < events_through:
            self._answers.hold(result.game_id, events_through, frame)
        else:
            self._answers.put(frame)
        self._end_drained(now_ms)

    def attached(
        self,
        room: Room,
        begin: Attachment,
        seats: Mapping[str, bytes],
        connected: Sequence[str],
        correlation_id: str,
        now_ms: int,
        last_report: pb.DeliveryReport | None = None,
    ) -> Outbox:
        """The stream follows this room from `begin` on."""
        replaced = self.subscriptions.get(room.game_id)
        outbox = Outbox(room, seats, begin, self._settings, now_ms, replaced)
        self._followed.add(outbox)
        self.charge(len(begin.snapshot or b""))
        answer = pb.Attached(
            game_id=room.game_id,
            outcome=begin.outcome,
            head_version=begin.head,
            player_ids=seats,
            last_report=last_report,
            connected_player_ids=connected,
            head_correlation_id=room.head_cause,
        )
        self._answers.put(wire.attached(answer, begin.snapshot, correlation_id, now_ms))
        self._answers.release(room.game_id, outbox.sent)
        return outbox

    def tell_status(self, status: pb.ServiceStatus) -> None:
        """How the service is: told behind Welcome, if the client does not know it yet.

        Of several changes only the last is told to a client that reads slowly.
        """
        self._status = status

    @property
    def _has_news(self) -> bool:
        known = self._status.state == self._told_state
        return self._welcomed and not known and self.ending is None

    def attach_refused(
        self, game: str, correlation_id: str, refusal: pb.Refusal, now_ms: int
    ) -> None:
        """The game cannot be followed; the stream goes on."""
        detached = pb.Detached(
            game_id=echo(game),
            reason=pb.DETACH_REASON_REFUSED,
            next_step=pb.NEXT_STEP_RESUME if refusal.retryable else pb.NEXT_STEP_STOP,
            message=refusal.message,
            refusal=refusal,
        )
        if refusal.HasField("retry_delay"):
            detached.retry_delay.CopyFrom(refusal.retry_delay)
        self._say(detached, now_ms, correlation_id)

    def detach(
        self,
        game_id: str,
        reason: pb.DetachReason.ValueType,
        next_step: pb.NextStep.ValueType,
        message: str,
        now_ms: int,
        correlation_id: str = "",
    ) -> None:
        """End one subscription; what waited behind its events follows at once."""
        self._followed.remove(game_id)
        detached = pb.Detached(game_id=game_id, reason=reason, next_step=next_step, message=message)
        self._say(detached, now_ms, correlation_id)
        # Not before it: who follows a game sees no answer before its events.
        self._answers.release(game_id)

    def _drop_failed(self, now_ms: int) -> None:
        """Let the subscriptions go that cannot go on."""
        failed, self._followed.failed = self._followed.failed, []
        for dropped in failed:
            message = _FAILURES[dropped.reason]
            self.detach(dropped.game_id, dropped.reason, pb.NEXT_STEP_RESUME, message, now_ms)
        self.dropped += failed

    def flush(self, game_id: str, now_ms: int) -> None:
        """Queue what a subscription still has to say, as far as its window allows."""
        outbox = self.subscriptions[game_id]
        outbox.release()
        while (frame := outbox.next_frame(now_ms)) is not None:
            self._answers.put(frame)
            self._answers.release(game_id, outbox.sent)

    def wake(self, game_id: str) -> None:
        """There may be something to send of this game."""
        self._followed.wake(game_id)

    # What is written

    def next_frame(self, now_ms: int) -> bytes | None:
        """What to write next; None: nothing now."""
        if self._has_news:
            self._told_state = self._status.state
            return wire.envelope(self._status, now_ms)
        answer = self._answers.take()
        if answer is not None:
            self._welcomed = True
            return answer
        if self.ending is not None:
            return None
        given = self._followed.next_frame(now_ms)
        if given is not None:
            outbox, frame = given
            self._answers.release(outbox.room.game_id, outbox.sent)
            return frame
        if self._followed.failed:
            self._drop_failed(now_ms)
        return self._answers.take()

    @property
    def has_output(self) -> bool:
        """Whether the writer has something to do."""
        waiting = self._answers.ready or self._followed.ready or self._has_news
        return bool(waiting or self.ending)

    @property
    def congested(self) -> bool:
        """So much waits to be written that nothing more is to be read."""
        answers = self._answers
        too_large = answers.ready_bytes > self._settings.max_outbox_bytes
        return too_large or answers.ready > _MAX_WAITING

    @property
    def idle(self) -> bool:
        """Nothing is asked that was not answered, and nothing waits to be written.

        Answers behind events that nobody acknowledges do not count: where this
        is asked, the client has said all it had to say.
        """
        return not (self._unanswered or self._answers.ready or self._followed.ready)

    def take_redelivered(self) -> int:
        """How often something was sent again since this was asked."""
        count, self._followed.redelivered = self._followed.redelivered, 0
        return count

    # Time

    def timer(self) -> int | None:
        """When `tick` is due, in ms; None: nothing is timed."""
        if self.ending is not None:
            return None
        if self._hello_by_ms is not None:
            return self._hello_by_ms
        times = self._unanswered.timer(), self._followed.timer()
        return min((time for time in times if time is not None), default=None)

    def tick(self, now_ms: int) -> None:
        """Do what is due."""
        if self._hello_by_ms is not None and now_ms >= self._hello_by_ms:
            late = refuse(pb.REASON_HELLO_TIMEOUT, "No Hello came in time.")
            # It may be on its way still, or this process have slept: another stream may do better.
            self.end(late, now_ms, next_step=pb.NEXT_STEP_RESUME)
            return
        self._followed.look(now_ms, self._heard_ms, quiet=not self.has_output)
        self._drop_failed(now_ms)
        for serial, waiting in self._unanswered.overdue(now_ms):
            result = pb.CommandResult(game_id=waiting.game, refusal=took_too_long())
            self.answer(serial, result, 0, now_ms)

    # The end

    def drain(self, refusal: pb.Refusal, now_ms: int) -> None:
        """Take nothing new; say goodbye as soon as all that was asked is answered."""
        self._draining = refusal
        self._end_drained(now_ms)

    def _end_drained(self, now_ms: int) -> None:
        if self._draining is None or self._unanswered:
            return
        for game_id in self.subscriptions:
            self.flush(game_id, now_ms)
        self.end(self._draining, now_ms, pb.GOODBYE_REASON_DRAINING, pb.NEXT_STEP_RESUME)

    def end(
        self,
        refusal: pb.Refusal,
        now_ms: int,
        reason: pb.GoodbyeReason.ValueType = pb.GOODBYE_REASON_PROTOCOL_ERROR,
        next_step: pb.NextStep.ValueType = pb.NEXT_STEP_STOP,
    ) -> None:
        """Say goodbye; nothing is read any more, and `ending` is the status."""
        if self.ending is not None:
            return
        goodbye = pb.Goodbye(
            reason=reason, next_step=next_step, message=refusal.message, refusal=refusal
        )
        if refusal.HasField("retry_delay"):
            goodbye.retry_delay.CopyFrom(refusal.retry_delay)
        self._say(goodbye, now_ms)
        self._answers.close()
        self.ending = refusal

    def _refuse(self, envelope: pb.ClientEnvelope, refusal: pb.Refusal, now_ms: int) -> None:
        result = pb.CommandResult(game_id=echo(envelope.command.game_id), refusal=refusal)
        self._say(result, now_ms, echo(envelope.correlation_id))

    def _say(self, payload: Message, now_ms: int, correlation_id: str = "") -> None:
        self._answers.put(wire.envelope(payload, now_ms, correlation_id))
