"""A session with what its client says and is told, for tests."""

from collections.abc import Sequence

import planningpoker.v1 as pb
from planning_poker_server.outbox import Outbox
from planning_poker_server.requests import CommandRequest, Request
from planning_poker_server.room import Room
from planning_poker_server.session import Session
from planning_poker_simulator.virtual_time import START_MS
from tests.server.core.parts import GAME_ID, PRINCIPAL, cid, seat_of, stream_settings


class Desk:
    """One stream without a transport."""

    def __init__(self, *, hello: bool = True, **settings: int) -> None:
        self.now_ms = START_MS
        self.session = Session(
            "session-1",
            PRINCIPAL,
            pb.Welcome(session_id="session-1"),
            stream_settings(**settings),
            30_000,
            self.now_ms,
        )
        if hello:
            self.hello()
            self.told()

    # What the client says

    def send(self, envelope: pb.ClientEnvelope) -> Sequence[Request]:
        envelope.version = envelope.version or 1
        return self.session.receive(envelope, self.now_ms)

    def hello(self, **fields: object) -> None:
        hello = pb.Hello(client_name="test", versions=[1])
        for name, value in fields.items():
            setattr(hello, name, value)
        assert self.send(pb.ClientEnvelope(hello=hello)) == ()

    def command(self, command: pb.Command, correlation_id: str = cid(1)) -> Sequence[Request]:
        return self.send(pb.ClientEnvelope(correlation_id=correlation_id, command=command))

    def ask(self, command: pb.Command, correlation_id: str = cid(1)) -> CommandRequest:
        """A command that the session takes."""
        (request,) = self.command(command, correlation_id)
        assert isinstance(request, CommandRequest)
        return request

    def ack(self, version: int, game_id: str = GAME_ID) -> Sequence[Request]:
        """What it asks of others: nothing, unless somebody waits for this."""
        return self.send(pb.ClientEnvelope(ack=pb.Ack(game_id=game_id, version=version)))

    # What others do

    def attached(self, room: Room, *names: str, after: int = 0, cause: str = "") -> Outbox:
        """Follow `room` with the seats of these players, who are p1, p2 …"""
        seats = {f"p{number}": seat_of(name) for number, name in enumerate(names, start=1)}
        return self.session.attached(
            room, room.attach(after, cause), seats, sorted(seats), cid(900), self.now_ms
        )

    def answer(self, request: CommandRequest, through: int = 0, **accepted: int) -> None:
        result = pb.CommandResult(
            game_id=request.command.game_id, accepted=pb.Accepted(version=through)
        )
        self.session.answer(request.serial, result, through, self.now_ms)

    # What the client is told

    def told(self) -> list[pb.ServerEnvelope]:
        """All that can be written now."""
        frames: list[pb.ServerEnvelope] = []
        while (frame := self.session.next_frame(self.now_ms)) is not None:
            frames.append(pb.ServerEnvelope.FromString(frame))
            assert len(frames) < 10_000
        return frames

    def told_names(self) -> list[str]:
        return [envelope.message_type for envelope in self.told()]

    def refusal(self) -> pb.Refusal:
        """The one thing told is a refusal: this one."""
        (envelope,) = self.told()
        payload = getattr(envelope, envelope.WhichOneof("payload") or "")
        assert payload.HasField("refusal"), envelope
        return payload.refusal  # type: ignore[no-any-return]

    def refused(self) -> str:
        return pb.Reason.Name(self.refusal().reason).removeprefix("REASON_")

    @property
    def ended(self) -> str:
        """Why the session ended; empty while it goes on."""
        ending = self.session.ending
        return pb.Reason.Name(ending.reason).removeprefix("REASON_") if ending else ""


def cast(card: str = "5", player_id: str = "p1", game_id: str = GAME_ID) -> pb.Command:
    return pb.Command(
        game_id=game_id,
        player_id=player_id,
        submit_vote=pb.SubmitVote(round_id="r1", card=card),
    )


def join(name: str, game_id: str = GAME_ID, *, attach: bool = False) -> pb.Command:
    body = pb.JoinGame(display_name=name, seat_secret=b"s" * 32, attach=attach)
    return pb.Command(game_id=game_id, join_game=body)
