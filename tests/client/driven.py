"""A Connection and a clock, driven by hand."""

from typing import Any, TypeVar

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.connection import Connection
from planning_poker_client.errors import PokerError
from planning_poker_client.inbox import Inbox
from planning_poker_client.notices import Loss, Notice, Settled
from planning_poker_client.options import ClientOptions
from planning_poker_client.pending import ShownView
from planning_poker_client.states import ConnectionState
from tests.client import said

N = TypeVar("N", bound=Notice)
SECRET = b"s" * 32
LOST = Loss("The wire was cut.", retryable=True)


class Driven:
    """Whoever drives a connection, without a network."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_000.0
        self.notices: list[Notice] = []
        hello = pb.Hello(client_name="test", instance_id="instance", versions=[1])
        self.connection = Connection(hello, "poker.test:50051", ClientOptions(**options))

    def state(self) -> ConnectionState:
        return self.connection.state

    def connect(self, **welcome: Any) -> "Driven":
        """Open, and be welcomed."""
        self.note(self.connection.open(self.now))
        self.stream(**welcome)
        return self

    def stream(self, **welcome: Any) -> None:
        """A new stream, welcomed."""
        self.connection.opened(self.now)
        assert [m.WhichOneof("payload") for m in self.connection.outgoing(self.now)] == ["hello"]
        self.hear(said.welcome(**welcome))

    def lose(self, loss: Loss = LOST, jitter: float = 0.5) -> None:
        self.note(self.connection.lost(loss, self.now, jitter))

    def note(self, notices: Any) -> None:
        self.notices.extend(notices)

    def hear(self, *envelopes: pb.ServerEnvelope) -> None:
        for envelope in envelopes:
            self.note(self.connection.receive(envelope, self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.note(self.connection.tick(self.now))

    def written(self) -> list[pb.ClientEnvelope]:
        """What is written now."""
        return list(self.connection.outgoing(self.now))

    def payloads(self) -> list[str]:
        """The names of what is written now."""
        return [message.message_type for message in self.written()]

    def told(self, kind: type[N]) -> list[N]:
        """The notices of a kind since the last look."""
        found: list[N] = [notice for notice in self.notices if isinstance(notice, kind)]
        self.notices = [notice for notice in self.notices if not isinstance(notice, kind)]
        return found

    # Games

    def ask(self, correlation_id: str, timeout: float | None = None, **body: Any) -> None:
        """Send a command of Ada's."""
        command = pb.Command(game_id=said.GAME, player_id="p1", **body)
        self.note(self.connection.send(command, correlation_id, self.now, timeout))

    def join(self, correlation_id: str = "join", version: int = 3) -> Inbox:
        """Join as Ada; everything about it is written and acknowledged."""
        join = pb.JoinGame(display_name="Ada", seat_secret=SECRET, attach=True)
        command = pb.Command(game_id=said.CODE, join_game=join)
        self.connection.send(command, correlation_id, self.now)
        assert self.payloads() == ["command.join_game"]
        self.hear(
            said.attached(correlation_id, said.game(version), "p1"),
            said.accepted(correlation_id, version, player_id="p1"),
        )
        self.connection.hold(said.GAME, "p1")
        self.wait(0.2)
        assert self.payloads() == ["ack"]
        self.notices.clear()
        return self.connection.games[said.GAME]

    def vote(self, correlation_id: str, card: str = "8", round_id: str = "r1") -> None:
        """Put a card face down, as Ada."""
        self.ask(correlation_id, submit_vote=pb.SubmitVote(round_id=round_id, card=card))

    def retract(self, correlation_id: str, round_id: str = "r1") -> None:
        self.ask(correlation_id, retract_vote=pb.RetractVote(round_id=round_id))

    def outcomes(self) -> dict[str, Receipt | PokerError]:
        """What became of the commands that were settled since the last look, by id."""
        return {settled.correlation_id: settled.outcome for settled in self.told(Settled)}

    def view(self, player_id: str = "p1") -> ShownView:
        """What this seat sees."""
        inbox = self.connection.games[said.GAME]
        return inbox.pending.view(player_id, inbox.view)

    def card(self, player_id: str = "p1") -> str:
        """What this seat knows of its own card."""
        return self.connection.games[said.GAME].seat(player_id).card

    def pending(self, player_id: str = "p1") -> list[str]:
        """The ids of this seat's commands that are not confirmed."""
        commands = self.connection.games[said.GAME].pending.of(player_id)
        return [command.correlation_id for command in commands]

    def attach(self, correlation_id: str, player_id: str = "") -> None:
        """Ask to follow the game, as a watcher or with a seat."""
        attach = pb.Attach(game_id=said.GAME)
        if player_id:
            attach.seats.append(pb.Seat(player_id=player_id, seat_secret=SECRET))
        self.connection.attach(attach, correlation_id, self.now)
