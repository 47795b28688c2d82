"""Requests without an answer: which may go now, and when each is given up. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import planningpoker.v1 as pb
from planning_poker_client.errors import CommandRefused, NotSent
from planning_poker_client.pace import Pace

_CODE_ALREADY_EXISTS = 6
_CODE_RESOURCE_EXHAUSTED = 8
_HEADER_BYTES = 512  # at most what an envelope adds to its payload


@dataclass(slots=True, eq=False)
class Request:
    """A command or an Attach on its way to its answer."""

    correlation_id: str
    payload: pb.Command | pb.Attach = field(repr=False)
    """As it was asked for; `sent_as` is what was made of an Attach."""
    deadline: float
    resumes: bool = False
    """The connection's own Attach: nobody waits for its answer."""
    not_before: float = 0.0
    sent: bool = False
    """On the stream that is open now."""
    ever_sent: bool = False
    in_doubt: bool = False
    """An earlier attempt may have had its effect: its stream was lost before the answer came."""
    keep_until: float = 0.0
    """A vote that outlasts the lack of a connection until then; 0: it does not."""
    kept: bool = False
    """It did, or does, outlast one."""
    sent_as: pb.Attach | None = field(default=None, repr=False)
    attached: str = ""
    """The game that a command made this stream follow, while its result is still to come."""

    @property
    def game(self) -> str:
        """The game as the request names it; empty in CreateGame."""
        return self.payload.game_id

    @property
    def is_command(self) -> bool:
        return isinstance(self.payload, pb.Command)

    @property
    def name(self) -> str:
        """What is asked for: "submit_vote"; empty for an Attach."""
        if isinstance(self.payload, pb.Attach):
            return ""
        return self.payload.WhichOneof("body") or ""

    @property
    def actor(self) -> str:
        """The seat that gives a command; empty for an Attach."""
        return self.payload.player_id if isinstance(self.payload, pb.Command) else ""

    @property
    def vote(self) -> tuple[str, str, str] | None:
        """Game, seat and round of a vote or its retraction: of those the last one counts."""
        command = self.payload
        if isinstance(command, pb.Attach):
            return None
        if command.HasField("submit_vote"):
            return command.game_id, command.player_id, command.submit_vote.round_id
        if command.HasField("retract_vote"):
            return command.game_id, command.player_id, command.retract_vote.round_id
        return None

    @property
    def seat_secret(self) -> bytes:
        """Of the seat that creating or joining takes; else empty."""
        if isinstance(self.payload, pb.Attach):
            return b""
        if self.payload.HasField("create_game"):
            return self.payload.create_game.creator.seat_secret
        return self.payload.join_game.seat_secret

    @property
    def seat(self) -> str:
        """The seat that an Attach asks for; empty for a watcher."""
        if isinstance(self.payload, pb.Command) or not self.payload.seats:
            return ""
        return self.payload.seats[0].player_id


class InFlight:
    """Requests by correlation id, and the server's limits on those without an answer."""

    def __init__(self, max_waiting: int) -> None:
        self.hold_votes = False
        """Whether kept votes are held back although there is a stream."""
        self._max_waiting = max_waiting
        self._requests: dict[str, Request] = {}
        self._waiting: dict[str, Request] = {}
        self._unanswered: Counter[str] = Counter()
        self._attaching: Counter[str] = Counter()
        self._limits = pb.Limits()
        self._pace = Pace(0, 0, 0)

    def __iter__(self) -> Iterator[Request]:
        return iter(tuple(self._requests.values()))

    def find(self, correlation_id: str) -> Request | None:
        return self._requests.get(correlation_id)

    def attaching(self, game: str) -> bool:
        """Whether an Attach of this game waits for its answer."""
        return self._attaching[game] > 0

    def new_stream(self, limits: pb.Limits, now: float) -> None:
        """A stream is open, with these limits."""
        self._limits = limits
        self._pace = Pace(limits.commands_per_second, limits.command_burst, now)

    def stream_lost(self) -> None:
        """All that has no answer is to be sent on the next stream."""
        self._unanswered.clear()
        self._attaching.clear()
        for request in self._requests.values():
            request.in_doubt |= request.sent and request.is_command
            request.sent = False
        self._waiting = dict(self._requests)

    def add(self, request: Request) -> bool:
        """Take a request that is to be sent; False: the same is in flight already.

        Raises NotSent when too many wait, CommandRefused for what the server would refuse.
        """
        known = self._requests.get(request.correlation_id)
        if known is not None:
            if known.payload != request.payload:
                raise CommandRefused(_reused())
            return False
        if len(self._requests) >= self._max_waiting and not request.resumes:
            message = f"{self._max_waiting} requests wait for their answers: wait for some of them."
            raise NotSent(message)
        largest = self._limits.max_message_bytes
        if largest and request.payload.ByteSize() + _HEADER_BYTES > largest:
            raise CommandRefused(_too_large(largest))
        self._requests[request.correlation_id] = request
        self._waiting[request.correlation_id] = request
        return True

    def pop(self, correlation_id: str) -> Request | None:
        """The request, which was answered or given up and is in flight no more."""
        request = self._requests.pop(correlation_id, None)
        if request is None:
            return None
        self._waiting.pop(correlation_id, None)
        self._answered(request)
        return request

    def again(self, request: Request) -> None:
        """Its answer did not count: it waits for being sent again, in its old place."""
        self._answered(request)
        request.sent = False
        waiting = self._waiting.keys() | {request.correlation_id}
        self._waiting = {id_: each for id_, each in self._requests.items() if id_ in waiting}

    def _answered(self, request: Request) -> None:
        if request.sent:
            counter = self._unanswered if request.is_command else self._attaching
            counter[request.game] -= 1
            if not counter[request.game]:
                del counter[request.game]

    def sendable(self, now: float) -> Iterator[Request]:
        """What goes now: attaches first, else in order. Each is marked as sent.

        Of a game one Attach is sent at a time, since each replaces the one
        before; commands wait for it, since it brings their seat.
        """
        waiting = sorted(self._waiting.values(), key=lambda request: request.is_command)
        blocked: set[str] = set()
        for request in waiting:
            if self._is_held(request, now):
                continue  # whatever waits behind it is no vote of this seat on this round
            if request.game in blocked or request.not_before > now or not self._room_for(request):
                blocked.add(request.game)  # its later ones must not overtake it
                continue
            if not self._pace.take(now):
                return
            del self._waiting[request.correlation_id]
            request.sent = request.ever_sent = True
            if request.is_command:
                self._unanswered[request.game] += 1
            else:
                self._attaching[request.game] += 1
            yield request

    def _is_held(self, request: Request, now: float) -> bool:
        return request.kept and (self.hold_votes or request.not_before > now)

    def _room_for(self, request: Request) -> bool:
        if self.attaching(request.game):
            return False
        total = self._limits.max_unanswered_commands
        per_game = self._limits.max_unanswered_commands_per_game
        return not request.is_command or (
            (not total or self._unanswered.total() < total)
            and (not per_game or self._unanswered[request.game] < per_game)
        )

    def sendable_at(self, after: float) -> float | None:
        """When, later than `after`, time alone may let more go; None: nothing waits for that."""
        ready = self._pace.ready()
        times = (
            max(ready, request.not_before)
            for request in self._waiting.values()
            if not (request.kept and self.hold_votes)
        )
        return min((time for time in times if time > after), default=None)

    def deadline(self) -> float | None:
        """When the first request is to be given up."""
        return min((request.deadline for request in self._requests.values()), default=None)


def _reused() -> pb.Refusal:
    return pb.Refusal(
        reason=pb.REASON_CORRELATION_ID_REUSED,
        code=_CODE_ALREADY_EXISTS,
        message="This request id is in use for another request: every new one needs a new id.",
        definite=True,
    )


def _too_large(largest: int) -> pb.Refusal:
    return pb.Refusal(
        reason=pb.REASON_MESSAGE_TOO_LARGE,
        code=_CODE_RESOURCE_EXHAUSTED,
        message=f"The server takes at most {largest} bytes at once: split it into several.",
        definite=True,
        details={"limit": str(largest)},
    )
