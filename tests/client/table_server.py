"""A script for the fake server: it takes whoever comes and accepts every command."""

import asyncio

import planningpoker.v1 as pb
from tests.client import said
from tests.client.fake_server import Stream


class TableServer:
    """One game whose events are numbered as they come; it keeps what it heard of commands."""

    def __init__(self, version: int = 2) -> None:
        self.version = version
        self.commands: list[pb.ClientEnvelope] = []
        self.stream: Stream | None = None
        self.settled = asyncio.Event()
        """Set when the client has closed its side."""

    async def __call__(self, stream: Stream) -> None:
        self.stream = stream
        await stream.expect("hello")
        await stream.say(said.welcome())
        while (message := await stream.next()) is not None:
            await self._answer(stream, message)
        self.settled.set()

    async def _answer(self, stream: Stream, message: pb.ClientEnvelope) -> None:
        id_ = message.correlation_id
        match message.WhichOneof("payload"):
            case "attach":
                seats = [seat.player_id for seat in message.attach.seats]
                await stream.say(said.attached(id_, said.game(self.version), *seats))
            case "command":
                self.commands.append(message)
                await self._accept(stream, message)

    async def _accept(self, stream: Stream, message: pb.ClientEnvelope) -> None:
        id_, command = message.correlation_id, message.command
        seat = "p1" if command.HasField("create_game") else "p2"
        join = command.create_game.creator if seat == "p1" else command.join_game
        if join.attach:
            await stream.say(said.attached(id_, said.game(self.version), seat))
            await stream.say(said.accepted(id_, self.version, player_id=seat))
            return
        self.version += 1
        event = _event(self.version, command)
        event.correlation_id = id_
        await stream.say(said.batch(event))
        await stream.say(
            said.accepted(id_, self.version, story_ids=["s1"], round_id=f"r{self.version}")
        )

    async def tell(self, *events: pb.GameEvent) -> None:
        """Something happens by another's hand."""
        assert self.stream is not None
        self.version = events[-1].version
        await self.stream.say(said.batch(*events))


def _event(version: int, command: pb.Command) -> pb.GameEvent:
    match command.WhichOneof("body"):
        case "start_round":
            return said.round_started(version, f"r{version}", command.start_round.story_id)
        case "submit_vote":
            return said.voted(version, command.player_id, command.submit_vote.round_id)
        case "end_game":
            return said.ended(version)
        case _:
            return said.event(version)
