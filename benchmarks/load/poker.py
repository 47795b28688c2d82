"""Tables at our server, set up and played through the contract alone."""

import asyncio
import hashlib
import uuid
from typing import Any, Final

import planningpoker.v1 as pb
from benchmarks.load.counts import Counts
from benchmarks.load.lap import Step
from benchmarks.load.player import Player
from benchmarks.load.table import Table

METHOD: Final = "/planningpoker.v1.PlanningPokerService/Play"
CARDS: Final = ("3", "5", "8", "13")
# After an answer: all else that the command brings about has long come by then.
_QUIET_S: Final = 0.15


def envelope(correlation_id: str = "", **payload: Any) -> bytes:
    """A client's envelope."""
    return pb.ClientEnvelope(
        version=1, correlation_id=correlation_id, **payload
    ).SerializeToString()


class PokerTable(Table):
    """A game at our server."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(counts)
        self.game_id = ""
        self._rounds = 0

    async def open(self, address: str, name: str, players: int) -> None:
        """Create the game, seat everyone and add a story."""
        for number in range(players):
            player = Player(address, METHOD, self._ack, self._counts, self.due)
            self.players.append(player)
            hello = pb.Hello(client_name="benchmark", versions=[1])
            await player.ask(envelope(hello=hello), "welcome")
            seat = pb.JoinGame(
                display_name=f"Player {number + 1}",
                seat_secret=hashlib.sha256(f"{name}/{number}".encode()).digest(),
                attach=True,
            )
            await self._sit_down(player, name, seat)
        stories = pb.AddStories(stories=[pb.NewStory(title="Let people sign in with a link")])
        command = pb.Command(game_id=self.game_id, player_id="p1", add_stories=stories)
        await _accepted(self.players[0], command)

    async def _sit_down(self, player: Player, name: str, seat: pb.JoinGame) -> None:
        if self.game_id:
            command = pb.Command(game_id=self.game_id, join_game=seat)
        else:
            create = pb.CreateGame(display_name=name, creator=seat)
            create.settings.auto_reveal = True
            command = pb.Command(create_game=create)
        self.game_id = (await _accepted(player, command)).game_id

    def _ack(self, version: int) -> bytes:
        return envelope(ack=pb.Ack(game_id=self.game_id, version=version))

    def command(self, number: int, player: int, correlation_id: str, /) -> bytes:
        command = pb.Command(game_id=self.game_id, player_id=f"p{player + 1}")
        if number == 0:
            self._rounds += 1
            command.start_round.story_id = "s1"
        else:
            command.submit_vote.round_id = f"r{self._rounds}"
            command.submit_vote.card = CARDS[(player + self._rounds) % len(CARDS)]
        return envelope(correlation_id, command=command)

    async def record(self) -> list[Step]:
        """Play one round slowly; what each step brings about."""
        steps = []
        await asyncio.sleep(_QUIET_S)
        for number, player in enumerate([0, *range(len(self.players))]):
            sender, other = self.players[player], self.players[player - 1]
            own, others = _kept(sender), _kept(other)
            correlation_id = str(uuid.uuid4())
            command = self.command(number, player, correlation_id)
            sender.stream.send(command)
            await _answered(own)
            await asyncio.sleep(_QUIET_S)
            sender.on_frame = other.on_frame = None
            if not others:
                raise AssertionError("a step of the recorded round brought nothing about")
            answers = [frame for frame in own if frame not in others]
            steps.append(Step(correlation_id.encode(), len(command), others, answers))
        return steps


async def _answered(own: list[bytes]) -> None:
    """Wait until the answer is among what the sender was told."""
    async with asyncio.timeout(10):
        while not any(pb.ServerEnvelope.FromString(f).HasField("command_result") for f in own):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _kept(player: Player) -> list[bytes]:
    """What a player is told because of commands, from now on."""
    kept: list[bytes] = []

    def keep(envelope: pb.ServerEnvelope, frame: bytes) -> None:
        if not envelope.HasField("presence_delta"):
            kept.append(frame)

    player.on_frame = keep
    return kept


async def _accepted(player: Player, command: pb.Command) -> pb.CommandResult:
    message = envelope(str(uuid.uuid4()), command=command)
    result = (await player.ask(message, "command_result")).command_result
    if result.HasField("refusal"):
        raise AssertionError(result.refusal.message)
    return result
