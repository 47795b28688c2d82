"""The client's half of a stream: handshake, requests, time-outs, pings, and coming back. Pure.

What happens goes in with the time it happened, notices for the driver come
out; `outgoing` gives what to write, `timer` and `wake` when to look again.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

import planningpoker.v1 as pb
from planning_poker_client.answers import error_of, receipt_of, refusal_of
from planning_poker_client.errors import ClientClosed, ConnectionLost, PokerError
from planning_poker_client.heartbeat import Heartbeat
from planning_poker_client.inbox import AckPace, Inbox
from planning_poker_client.inflight import InFlight, Request
from planning_poker_client.link import Link
from planning_poker_client.notices import Ended, Hangup, Loss, Notice, ServiceTold, Settled
from planning_poker_client.offline import OfflineVotes, replaced, too_late
from planning_poker_client.options import ClientOptions
from planning_poker_client.service import Service, ServiceState
from planning_poker_client.states import ConnectionState, Disconnected, Failed
from planning_poker_client.subscriptions import Subscriptions
from planning_poker_model import message_types

PROTOCOL_VERSION: Final = 1


class Connection:
    """One client: its requests, the games it follows, and one stream after another."""

    def __init__(self, hello: pb.Hello, server: str, options: ClientOptions) -> None:
        self._hello = hello
        self._server = server
        self._options = options
        self._link = Link(server, options)
        self._heartbeat = Heartbeat()
        self._requests = InFlight(options.max_waiting)
        self._games = Subscriptions(self._requests, hello.instance_id, options.command_timeout)
        self._service = Service(keeps_votes=options.offline_votes_for > 0)
        self._offline = OfflineVotes(
            self._requests, options.offline_votes_for, options.command_timeout
        )
        self._said: deque[pb.ClientEnvelope] = deque()
        self._log_epoch = ""
        self.principal: str | None = None
        """Whom the server took its last stream for; None before the first."""

    @property
    def state(self) -> ConnectionState:
        return self._link.state

    @property
    def service(self) -> ServiceState:
        """What works now."""
        return self._service.state(self.state, cached=bool(self.games))

    @property
    def retry_at(self) -> float | None:
        """When the driver is to open a stream; None: not."""
        return self._link.retry_at

    @property
    def games(self) -> Mapping[str, Inbox]:
        """The games that are followed, by id."""
        return self._games.games

    # The stream

    def open(self, now: float) -> Sequence[Notice]:
        """Its user wants it: within `connect_timeout` it is Connected or Failed."""
        return (self._link.open(now),)

    def opened(self, now: float) -> None:
        """There is a new stream; the first thing to be said on it is Hello."""
        self._link.opened(now)
        self._said.clear()
        self._say(hello=self._hello)

    def lost(self, loss: Loss, now: float, jitter: float) -> Sequence[Notice]:
        """The stream is gone, or could not be opened. `jitter` is random, from 0 to 1."""
        self._stream_lost()
        change = self._link.lost(loss, now, jitter)
        if change is None:
            return ()
        # Given up, the games stay: opened again, the connection resumes them.
        return (change, *(self._end_all(change.error, now) if change.error else ()))

    def hurry(self, now: float) -> None:
        """The next stream is to be opened now, if one is waited for."""
        self._link.hurry(now)

    def finish(self) -> None:
        """It is about to be closed: everything applied is acknowledged now."""
        for inbox in self.games.values():
            if inbox.ack_due is not None:
                inbox.ack_due = 0.0

    def close(self, now: float) -> Sequence[Notice]:
        """Its user wants it no more."""
        self._stream_lost()
        change = self._link.close()
        ended = self._end_all(ClientClosed("The client is closed."), now)
        self._games.clear()
        return (change, *ended)

    def _stream_lost(self) -> None:
        self._heartbeat.end()
        self._said.clear()
        self._requests.stream_lost()
        self._games.stream_lost()
        self._offline.away(hold=False)

    def _end_all(self, error: PokerError, now: float) -> Sequence[Notice]:
        notices: list[Notice] = []
        for request in self._requests:
            notices.extend(self._give_up(request, error, now))
        return [*notices, *(Ended(game_id, error) for game_id in self.games)]

    # What its user asks

    def send(
        self, command: pb.Command, correlation_id: str, now: float, timeout: float | None = None
    ) -> Sequence[Notice]:
        """Send a command; Settled follows. Raises PokerError where it cannot be sent."""
        request = Request(correlation_id, command, self._deadline(now, timeout))
        if not self._add(request):
            return ()
        self._games.asked(request)
        away = not (self._link.connected and self._service.takes_commands)
        earlier = self._offline.asked(request, now, away=away) if timeout is None else None
        return () if earlier is None else self._settle(earlier, replaced(earlier), now)

    def attach(
        self, attach: pb.Attach, correlation_id: str, now: float, timeout: float | None = None
    ) -> Sequence[Notice]:
        """Follow a game, with one seat at most; Settled follows. Raises like `send`."""
        attach.game_id = self._games.followed(attach.game_id)
        self._add(Request(correlation_id, attach, self._deadline(now, timeout)))
        return ()

    def follows(self, name: str) -> bool:
        """Whether a game, named by id or join code, is followed."""
        return self._games.followed(name) in self.games

    def hold(self, game_id: str, player_id: str) -> None:
        """One more follows this game, with this seat or none."""
        self._games.hold(game_id, player_id)

    def release(self, game_id: str, player_id: str, now: float) -> None:
        """One less does; with the last one the game is detached."""
        self._games.release(game_id, player_id, now)

    def tidy(self, game_id: str) -> None:
        """Detach this game if nobody holds it."""
        self._games.tidy(game_id)

    def forget(self, correlation_id: str, now: float) -> None:
        """Nobody waits for this answer any more."""
        request = self._requests.pop(correlation_id)
        if request is not None:
            self._games.failed(request, None)
            self._games.given_up(request, now)

    def _add(self, request: Request) -> bool:
        if isinstance(self.state, Failed):
            raise ConnectionLost(self.state.reason, retryable=self.state.retryable)
        if isinstance(self.state, Disconnected):
            raise ClientClosed("The client is not open: use it inside `async with`.")
        return self._requests.add(request)

    def _deadline(self, now: float, timeout: float | None) -> float:
        return now + (self._options.command_timeout if timeout is None else timeout)

    # What is written

    def outgoing(self, now: float) -> Sequence[pb.ClientEnvelope]:
        """What to write now, in order."""
        if self._link.connected:
            while self._games.detaches:
                self._say(detach=self._games.detaches.popleft())
            for request in self._requests.sendable(now):
                if isinstance(request.payload, pb.Command):
                    self._say(request.correlation_id, command=request.payload)
                else:
                    self._say(request.correlation_id, attach=self._games.prepare(request))
            for ack in self._games.acks(now):
                self._say(ack=ack)
            if self._heartbeat.take_ping(now):
                self._say(ping=pb.Ping())
        messages = tuple(self._said)
        self._said.clear()
        return messages

    def _say(self, correlation_id: str = "", **payload: Any) -> None:
        envelope = pb.ClientEnvelope(
            correlation_id=correlation_id, version=PROTOCOL_VERSION, **payload
        )
        envelope.message_type = message_types.of_client(envelope)
        self._said.append(envelope)

    # Time

    def timer(self) -> float | None:
        """When `tick` has something to do; None: nothing is timed."""
        silent_at = self._heartbeat.silent_at()
        return _first(self._requests.deadline(), self._link.welcome_by, silent_at)

    def wake(self, after: float = -inf) -> float | None:
        """When `outgoing` has more by itself; None: only after something happened.

        `after` is when it was looked at last: what was due by then waits for
        something else than time, and must hide nothing that becomes due later.
        """
        if not self._link.connected:
            return None
        times = (
            0.0 if self._games.detaches else None,
            self._requests.sendable_at(after),
            *self._games.acks_due(),
            self._heartbeat.ping_at(),
        )
        return _first(*(time for time in times if time is not None and time > after))

    def tick(self, now: float) -> Sequence[Notice]:
        """Give up what is due to be given up."""
        notices: list[Notice] = []
        for request in self._requests:
            if request.deadline <= now:
                notices.extend(self._timed_out(request, now))
        overdue = self._link.overdue(now)
        if overdue is not None:
            notices.append(Hangup(overdue))
        silent_at = self._heartbeat.silent_at()
        if silent_at is not None and silent_at <= now:
            self._heartbeat.end()
            notices.append(Hangup(Loss(f"{self._server} has fallen silent.", retryable=True)))
        return notices

    def _timed_out(self, request: Request, now: float) -> Sequence[Notice]:
        if request.resumes:
            self._requests.pop(request.correlation_id)
            return self._games.resume(request.game, now, "the server did not answer")
        return self._give_up(request, too_late(request), now)

    def _give_up(self, request: Request, error: PokerError, now: float) -> Sequence[Notice]:
        """Its outcome is `error`, unless the server may have it already."""
        return self._settle(request, error_of(request, error), now)

    def _settle(self, request: Request, error: PokerError, now: float) -> Sequence[Notice]:
        """It is in flight no more, and its outcome is `error`."""
        self._requests.pop(request.correlation_id)
        undone = self._games.failed(request, error)
        self._games.given_up(request, now)
        return (*undone, Settled(request.correlation_id, error))

    # What the server says

    def receive(self, envelope: pb.ServerEnvelope, now: float) -> Sequence[Notice]:
        """Take one message; what only a newer SDK knows is passed over."""
        self._heartbeat.heard(now)
        payload = envelope.WhichOneof("payload") or ""
        if payload == "goodbye":
            return self._goodbye(envelope.goodbye)
        if not self._link.connected:
            return self._welcome(envelope.welcome, now) if payload == "welcome" else ()
        return self._dispatch(payload, envelope, now)

    def _dispatch(self, payload: str, envelope: pb.ServerEnvelope, now: float) -> Sequence[Notice]:
        request = self._requests.find(envelope.correlation_id)
        match payload:
            case "command_result":
                return self._command_result(envelope.command_result, request, now)
            case "event_batch":
                return self._games.event_batch(envelope.event_batch, now)
            case "attached":
                return self._games.attached(envelope.attached, request, now)
            case "detached":
                return self._games.detached(envelope.detached, request, now)
            case "seat_state":
                return self._games.seat_state(envelope.seat_state)
            case "presence_delta":
                return self._games.presence_delta(envelope.presence_delta)
            case "delivery_report":
                report = envelope.delivery_report
                return self._games.delivery_report(report, envelope.correlation_id)
            case "service_status":
                return self._service_status(envelope.service_status, now)
            case "pong":
                return self._games.pong(envelope.pong, now)
            case _:
                return ()

    def _welcome(self, welcome: pb.Welcome, now: float) -> Sequence[Notice]:
        if welcome.version != PROTOCOL_VERSION:
            message = f"The server wants to speak protocol version {welcome.version}."
            return (Hangup(Loss(message, retryable=False)),)
        self.principal = welcome.principal
        limits = welcome.limits
        self._games.pace = AckPace(
            limits.ack_every_events or AckPace().every_events,
            limits.ack_within.ToTimedelta().total_seconds(),
        )
        self._heartbeat.begin(limits.ping_interval.ToTimedelta().total_seconds())
        self._requests.new_stream(limits, now)
        self._service.new_stream()
        self._offline.back(now)
        ended = self._games.resume_all(now, same_log=welcome.log_epoch == self._log_epoch)
        self._log_epoch = welcome.log_epoch
        return (self._link.welcomed(now), *ended)

    def _service_status(self, status: pb.ServiceStatus, now: float) -> Sequence[Notice]:
        self._service.tell(status)
        if self._service.takes_commands:
            self._offline.back(now)
        else:
            self._offline.away(hold=True)
        return (ServiceTold(),)

    def _goodbye(self, goodbye: pb.Goodbye) -> Sequence[Notice]:
        again = goodbye.next_step in (pb.NEXT_STEP_RESUME, pb.NEXT_STEP_REJOIN)
        message = goodbye.message or "The server ended the connection."
        retry_after = goodbye.retry_delay.ToTimedelta().total_seconds()
        return (Hangup(Loss(message, again, retry_after)),)

    def _command_result(
        self, result: pb.CommandResult, request: Request | None, now: float
    ) -> Sequence[Notice]:
        if request is None:
            return ()
        if not result.HasField("accepted"):
            return self._refused(result.refusal, request, now)
        self._requests.pop(request.correlation_id)
        receipt = receipt_of(request.correlation_id, result, request.name)
        self._games.accepted(request, receipt)
        return (Settled(request.correlation_id, receipt),)

    def _refused(self, refusal: pb.Refusal, request: Request, now: float) -> Sequence[Notice]:
        if self._offline.take_back(request, refusal, now):
            return ()
        if refusal.reason == pb.REASON_SEAT_NOT_HELD and self._games.is_coming_back(request):
            self._requests.again(request)  # it crossed a Detached on its way
            return ()
        self._requests.pop(request.correlation_id)
        if request.resumes:
            return self._games.resume(request.game, now, "the server refused it")
        error = refusal_of(request.correlation_id, refusal, in_doubt=request.in_doubt)
        undone = self._games.failed(request, error)
        self._games.refused(request, now)
        self._games.tidy(request.attached)
        return (*undone, Settled(request.correlation_id, error))


def _first(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)
