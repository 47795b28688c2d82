"""What a stream, or a call without one, asks of the rooms. Pure values."""

from typing import NamedTuple, TypeAlias

import planningpoker.v1 as pb


class CommandRequest(NamedTuple):
    """A command to be decided; the answer goes to its asker under `serial`."""

    serial: int
    command: pb.Command
    correlation_id: str
    seat_hash: bytes
    digest: bytes
    attach: bool

    def __repr__(self) -> str:
        """Without the command, which may hold a card or a secret."""
        return f"<CommandRequest {self.correlation_id}>"


class AttachRequest(NamedTuple):
    """A game to be followed; the answer goes to `Session.attached` or `attach_refused`."""

    attach: pb.Attach
    correlation_id: str

    def __repr__(self) -> str:
        """Without the seats, which hold secrets."""
        return f"<AttachRequest {self.correlation_id!r}>"


class DetachRequest(NamedTuple):
    """A game that is followed no longer."""

    game_id: str


class Acknowledged(NamedTuple):
    """What a game's room waits for was acknowledged."""

    game_id: str


Request: TypeAlias = CommandRequest | AttachRequest | DetachRequest | Acknowledged
