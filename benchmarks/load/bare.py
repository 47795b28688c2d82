"""Tables at the bare peer: the same frames in the same rhythm."""

from collections.abc import Sequence

from benchmarks.load.counts import Counts
from benchmarks.load.lap import Step
from benchmarks.load.player import Player
from benchmarks.load.table import Table
from benchmarks.peers.bare import ACK, ID_BYTES, JOIN, METHOD, STEP

# As long as the Ack of our contract.
_ACK = ACK.ljust(41, b".")


class BareTable(Table):
    """A group of streams that are told what one of them brings."""

    def __init__(self, counts: Counts, lap: Sequence[Step]) -> None:
        super().__init__(counts)
        self._heads = [STEP + bytes([number]) for number in range(len(lap))]
        self._paddings = [bytes(max(0, step.command_bytes - 2 - ID_BYTES)) for step in lap]

    async def open(self, address: str, name: str, players: int) -> None:
        """Have everyone join the group."""
        for _ in range(players):
            player = Player(address, METHOD, lambda _version: _ACK, self._counts, self.due)
            self.players.append(player)
            await player.ask(JOIN + name.encode(), "welcome")

    def command(self, number: int, _player: int, correlation_id: str, /) -> bytes:
        return self._heads[number] + correlation_id.encode() + self._paddings[number]
