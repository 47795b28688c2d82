"""Settings, tickets and a room with a log made of a list, for the tests of the core."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import replace

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.digest import digest
from planning_poker_server.domain.types import Actor, FireTimer, Presence
from planning_poker_server.eventlog.port import Commit, Proposal, Record
from planning_poker_server.room import Publication, Room, Ticket
from planning_poker_server.seats import hash_of
from planning_poker_server.settings import RoomSettings, StreamSettings
from planning_poker_simulator.virtual_time import START_MS

GAME_ID = "0123456789abcdef0123456789abcdef"
CODE = "K7QF-3M"
PRINCIPAL = "anonymous"

_STREAM = StreamSettings(
    hello_timeout_ms=10_000,
    max_message_bytes=262_144,
    commands_per_second=50.0,
    command_burst=100,
    max_unanswered=64,
    max_unanswered_per_game=16,
    max_subscriptions=100,
    window_events=500,
    window_bytes=262_144,
    max_outbox_frames=512,
    max_outbox_bytes=1_048_576,
    ack_every_events=50,
    ack_within_ms=200,
    ping_interval_ms=25_000,
    keepalive_time_ms=8_000,
    keepalive_timeout_ms=5_000,
    handshake_timeout_ms=10_000,
    max_streams_per_connection=100,
    redelivery_ms=5_000,
    redeliveries=3,
    stall_ms=60_000,
)
_ROOM = RoomSettings(
    max_mailbox=1_000,
    max_batch=64,
    tail_events=1_000,
    idle_ms=60_000,
    presence_grace_ms=15_000,
    presence_interval_ms=1_000,
    settle_ms=30_000,
    passcode_attempts_per_minute=10,
    creates_per_minute=600,
    joins_per_minute=6_000,
    report_ms=3_000,
    report_end_ms=75_000,
    max_open_reports=16,
)


def stream_settings(**changes: float) -> StreamSettings:
    return replace(_STREAM, **changes)  # type: ignore[arg-type]


def room_settings(**changes: int) -> RoomSettings:
    return replace(_ROOM, **changes)


def secret_of(name: str) -> bytes:
    """The seat secret that a player of this name chose."""
    return hashlib.sha256(b"secret of " + name.encode()).digest()


def seat_of(name: str) -> bytes:
    """What the log keeps of it."""
    return hash_of(secret_of(name))


def cid(number: int) -> str:
    """A correlation id."""
    return str(uuid.UUID(int=number))


class _Fresh:
    """Correlation ids that no test names."""

    def __init__(self) -> None:
        self._number = 1 << 64

    def next(self) -> str:
        self._number += 1
        return cid(self._number)


_fresh = _Fresh()


def ticket(
    command: pb.Command,
    seat: str = "",
    correlation_id: str = "",
    *,
    principal: str = PRINCIPAL,
    origin: object = None,
) -> Ticket:
    """`command` as it comes from a stream that proved the seat of the player named `seat`."""
    join = command.create_game.creator if command.HasField("create_game") else command.join_game
    proven = secret_of(seat) if seat else join.seat_secret
    actor = Actor(
        principal=principal,
        player_id=command.player_id,
        seat_hash=hash_of(proven),
        join_code=CODE,
    )
    correlation_id = correlation_id or _fresh.next()
    return Ticket(command, actor, correlation_id, digest(command), origin)


def creation(
    settings: pb.GameSettings | None = None, creator: str = "Ada", correlation_id: str = ""
) -> Ticket:
    """The command that opens a game, by a player who becomes p1."""
    create = pb.CreateGame(display_name="Sprint 12", settings=settings)
    if creator:
        create.creator.CopyFrom(pb.JoinGame(display_name=creator, seat_secret=secret_of(creator)))
    return ticket(pb.Command(game_id=GAME_ID, create_game=create), "", correlation_id)


def joining(
    name: str,
    correlation_id: str = "",
    secret: bytes = b"",
    *,
    attach: bool = False,
    origin: object = None,
) -> Ticket:
    join = pb.JoinGame(display_name=name, seat_secret=secret or secret_of(name), attach=attach)
    return ticket(pb.Command(game_id=GAME_ID, join_game=join), "", correlation_id, origin=origin)


def starting(seat: str = "Ada", player_id: str = "p1", correlation_id: str = "") -> Ticket:
    command = pb.Command(game_id=GAME_ID, player_id=player_id, start_round=pb.StartRound())
    return ticket(command, seat, correlation_id)


def vote(
    seat: str,
    player_id: str,
    card: str,
    correlation_id: str = "",
    round_id: str = "r1",
    comment: str = "",
) -> Ticket:
    body = pb.SubmitVote(round_id=round_id, card=card, comment=comment)
    command = pb.Command(game_id=GAME_ID, player_id=player_id, submit_vote=body)
    return ticket(command, seat, correlation_id)


def retraction(seat: str, player_id: str, correlation_id: str = "") -> Ticket:
    body = pb.RetractVote(round_id="r1")
    command = pb.Command(game_id=GAME_ID, player_id=player_id, retract_vote=body)
    return ticket(command, seat, correlation_id)


def reveal(correlation_id: str = "", round_id: str = "r1", *, force: bool = False) -> Ticket:
    body = pb.RevealVotes(round_id=round_id, force=force)
    return ticket(
        pb.Command(game_id=GAME_ID, player_id="p1", reveal_votes=body), "Ada", correlation_id
    )


def story(title: str, description: str = "") -> Ticket:
    body = pb.AddStories(stories=[pb.NewStory(title=title, description=description)])
    return ticket(pb.Command(game_id=GAME_ID, player_id="p1", add_stories=body), "Ada")


def automatic(countdown_s: int = 0) -> pb.GameSettings:
    """Settings of a game that reveals by itself."""
    settings = pb.GameSettings(auto_reveal=True)
    settings.reveal_countdown.seconds = countdown_s
    return settings


class Bench:
    """A room, the rows that a log would hold of it, and what its decisions are given."""

    def __init__(self, limits: GameLimits | None = None, tail_events: int = 1_000) -> None:
        self.limits = limits or GameLimits()
        self.room = Room(GAME_ID, self.limits, tail_events)
        self.rows: list[Record] = []
        self.committed: list[Proposal] = []
        self.now_ms = START_MS
        self.connected: set[str] = set()
        self.settled = True

    @property
    def presence(self) -> Presence:
        return Presence(frozenset(self.connected), {}, self.settled)

    def propose(self, *tickets: Ticket) -> Proposal:
        return self.room.propose(tickets, self.presence, self.now_ms)

    def commit(self, proposal: Proposal) -> Publication:
        """What a log does with a proposal, and the room with the commit."""
        assert proposal.expected_head == len(self.rows)
        self.rows.extend(proposal.records)
        self.committed.append(proposal)
        return self.room.publish(Commit(proposal))

    def run(self, *tickets: Ticket) -> list[pb.CommandResult]:
        """The answers to a batch."""
        return [answer.result for answer in self.commit(self.propose(*tickets)).answers]

    def say(self, asked: Ticket) -> pb.CommandResult:
        (result,) = self.run(asked)
        return result

    def do(self, *tickets: Ticket) -> pb.Accepted:
        """Each in a batch of its own; all must be accepted. The last acceptance."""
        accepted = pb.Accepted()
        for asked in tickets:
            result = self.say(asked)
            assert result.HasField("accepted"), result
            accepted = result.accepted
        return accepted

    def fire(self, kind: str) -> Publication:
        """Let the timer of this kind fire as it is set."""
        timer = next(timer for timer in self.room.state.timers() if timer.kind == kind)
        fired = FireTimer(timer.kind, timer.round_id, timer.set_version)
        return self.commit(self.propose(Ticket(fired, Actor(), cid(99))))

    def reloaded(self, *, at: int | None = None) -> "Bench":
        """Another process that reads the same log, up to version `at`."""
        other = Bench(self.limits)
        other.rows = self.rows[:at]
        other.now_ms = self.now_ms
        other.connected = set(self.connected)
        other.room.catch_up(other.rows)
        return other

    @property
    def kinds(self) -> list[str]:
        """Names of the events in the log."""
        return [kind_of(record) for record in self.rows]


def kind_of(record: Record) -> str:
    return pb.GameEvent.FromString(record.event).WhichOneof("event") or ""


def game(*names: str, settings: pb.GameSettings | None = None, voting: bool = False) -> Bench:
    """A game of Ada (p1, facilitator) and `names`, who are p2, p3 … and connected."""
    bench = Bench()
    bench.do(creation(settings), *(joining(name) for name in names))
    bench.connected = {f"p{number}" for number in range(1, len(names) + 2)}
    if voting:
        bench.do(starting())
    return bench


def reason(result: pb.CommandResult) -> str:
    """Name of the reason of a refusal."""
    assert result.HasField("refusal"), result
    return pb.Reason.Name(result.refusal.reason).removeprefix("REASON_")


def decoded(frames: Sequence[bytes]) -> list[pb.ServerEnvelope]:
    return [pb.ServerEnvelope.FromString(frame) for frame in frames]
