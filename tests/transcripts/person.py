"""One client program: the SDK's pure connection, on a wire that can be cut, blocked and frozen."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import planningpoker.v1 as pb
from planning_poker_client.connection import Connection
from planning_poker_client.notices import Hangup, Loss, Notice, Settled
from planning_poker_client.options import ClientOptions
from tests.transcripts import render

_JITTER = 0.5


class Wire(Protocol):
    """One stream to the server."""

    @property
    def ended(self) -> bool:
        """The server ended it, and all that it said before has been read."""

    def send(self, envelope: pb.ClientEnvelope) -> None: ...

    def read(self) -> Sequence[pb.ServerEnvelope]:
        """What has arrived since the last time."""

    def cut(self) -> None:
        """Nothing passes any more, and the server notices."""


@dataclass
class Faults:
    """What is wrong with a person's program or its way to the server."""

    frozen: bool = False
    deaf: bool = False
    """What the server says is lost."""
    loses_events: bool = False
    """The next events are lost."""
    loses_acks: bool = False


@dataclass
class Person:
    name: str
    dial: Callable[[], Wire | None]
    """None while nobody answers."""
    label: render.Label
    left_out: Sequence[str] = ()
    """Names of messages that are not shown."""
    faults: Faults = field(default_factory=Faults)
    wire: Wire | None = None
    forgotten: Wire | None = None
    """A stream that the client has given up and the server has not."""
    player_id: str = ""
    game_id: str = ""
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        hello = pb.Hello(client_name="transcript", instance_id=self.name, versions=[1])
        self.connection = Connection(hello, "the server", ClientOptions(command_timeout=120.0))

    @property
    def secret(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()

    def due(self) -> float | None:
        """When there is something to do by itself."""
        if self.faults.frozen:
            return None
        connection = self.connection
        times = (connection.timer(), connection.wake(), connection.retry_at)
        return min((time for time in times if time is not None), default=None)

    # What is done about the wire

    def open(self, now: float) -> None:
        self._tell(self.connection.open(now), now)

    def lose(self, now: float, loss: Loss) -> None:
        """The client has no wire any more."""
        self.wire = None
        self.faults.deaf = False
        self._tell(self.connection.lost(loss, now, _JITTER), now)

    def cut(self, now: float) -> None:
        if self.wire is not None:
            self.wire.cut()
        self.lose(now, Loss("The wire was cut.", retryable=True))

    def quit(self, now: float) -> None:
        """Its user closes it without leaving the game."""
        if self.wire is not None:
            self.wire.cut()
            self.wire = None
        self._tell(self.connection.close(now), now)

    def cut_unseen(self, now: float) -> None:
        self.forgotten = self.wire
        self.lose(now, Loss("The wire was cut.", retryable=True))

    # What happens on it

    def pump(self, now: float) -> bool:
        """Take what has come and write what there is; False: there was nothing to do."""
        moved = self._overhear()
        if self.faults.frozen:
            return moved
        moved = self._dial(now) or moved
        if self.wire is None:
            return moved
        ended = self.wire.ended
        for envelope in self.wire.read():
            moved = True
            if self._arrives(envelope):
                self._see("<", envelope)
                self._tell(self.connection.receive(envelope, now), now)
        self._tell(self.connection.tick(now), now)
        moved = self._write(now) or moved
        if ended and self.wire is not None:
            self.lose(now, Loss("The server ended the stream.", retryable=True))
        return moved

    def _dial(self, now: float) -> bool:
        retry_at = self.connection.retry_at
        if self.wire is not None or retry_at is None or retry_at > now:
            return False
        self.wire = self.dial()
        if self.wire is None:
            self.lose(now, Loss("Nothing answers.", retryable=True))
            return False
        self.connection.opened(now)
        return True

    def _overhear(self) -> bool:
        """What the server says on the forgotten stream."""
        heard = self.forgotten.read() if self.forgotten is not None else ()
        for envelope in heard:
            self._see("'s old stream <", envelope)
        return bool(heard)

    def _arrives(self, envelope: pb.ServerEnvelope) -> bool:
        if self.faults.loses_events and envelope.HasField("event_batch"):
            self.faults.loses_events = False
            return False
        return not self.faults.deaf

    def _write(self, now: float) -> bool:
        said = self.connection.outgoing(now) if self.wire is not None else ()
        for envelope in said:
            lost = self.faults.loses_acks and envelope.HasField("ack")
            self._see("> (lost)" if lost else ">", envelope)
            if self.wire is not None and not lost:
                self.wire.send(envelope)
        return bool(said)

    def _tell(self, notices: Sequence[Notice], now: float) -> None:
        for notice in notices:
            self.seen += [f"{self.name} * {line}" for line in render.notice(notice, self.label)]
            if isinstance(notice, Settled) and not isinstance(notice.outcome, Exception):
                self._take_seat(notice.outcome.game_id, notice.outcome.player_id)
            elif isinstance(notice, Hangup) and self.wire is not None:
                self.wire.cut()
                self.lose(now, notice.loss)

    def _take_seat(self, game_id: str, player_id: str) -> None:
        if player_id:
            self.game_id, self.player_id = game_id, player_id
            self.connection.hold(game_id, player_id)

    def _see(self, way: str, envelope: pb.ClientEnvelope | pb.ServerEnvelope) -> None:
        if envelope.WhichOneof("payload") not in self.left_out:
            space = "" if way.startswith("'") else " "
            self.seen.append(f"{self.name}{space}{way} {render.payload(envelope, self.label)}")

    def view(self) -> Iterator[str]:
        """What the person sees of the game."""
        inbox = self.connection.games.get(self.game_id)
        if inbox is None:
            return
        view = inbox.view
        phase = pb.GamePhase.Name(view.phase).removeprefix("GAME_PHASE_")
        yield f"version {view.version}, {phase}"
        cards = [f"{player_id}={vote.card}" for player_id, vote in view.votes.items()]
        yield from [" ".join(cards)] if cards else []
