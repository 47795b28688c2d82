"""What was answered to each command, folded from the events it caused."""

import hashlib
from typing import NamedTuple

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_server.domain.permissions import WITHOUT_SEAT
from planning_poker_server.domain.types import Actor


class Receipt(NamedTuple):
    """The acceptance of one command, to be repeated whenever the command comes again."""

    digest: bytes
    """Of the command's body: another one under the same correlation id is refused."""
    version: int
    """Of the command's last event; what followed from it by itself does not count."""
    player_id: str = ""
    story_ids: tuple[str, ...] = ()
    round_id: str = ""

    def __repr__(self) -> str:
        """Without the digest: whoever has a vote's can find its card by trying them all."""
        return f"<Receipt of version {self.version}>"

    def accepted(self) -> pb.Accepted:
        return pb.Accepted(
            version=self.version,
            player_id=self.player_id,
            story_ids=self.story_ids,
            round_id=self.round_id,
        )


class Receipts:
    """All receipts of a game, by sender and correlation id. They last as long as its log."""

    __slots__ = ("_receipts",)

    def __init__(self) -> None:
        self._receipts: dict[tuple[str, str], Receipt] = {}

    def fold(self, event: pb.GameEvent, sealed: storage.Sealed) -> None:
        """Take in the next event. The server's own events leave no receipt."""
        sender = sender_key(sealed.sender_hash) if sealed.sender_hash else event.actor_id
        if not sender:
            return
        key = (sender, event.correlation_id)
        receipt = self._receipts.get(key, _EMPTY)._replace(
            digest=sealed.digest, version=event.version
        )
        self._receipts[key] = _with_what_was_made(receipt, event)

    def find(self, sender: str, correlation_id: str) -> Receipt | None:
        """The receipt of what `sender` sent under this correlation id."""
        return self._receipts.get((sender, correlation_id))


_EMPTY = Receipt(b"", 0)


def _with_what_was_made(receipt: Receipt, event: pb.GameEvent) -> Receipt:
    """Adds what the event brought into being and its command's sender asks to know."""
    match event.WhichOneof("event"):
        case "player_joined":
            return receipt._replace(player_id=event.player_joined.player.player_id)
        case "stories_added":
            ids = tuple(story.story_id for story in event.stories_added.stories)
            return receipt._replace(story_ids=ids)
        case "round_started":
            return receipt._replace(round_id=event.round_started.round.round_id)
    return receipt


def sender_key(sender_hash: bytes) -> str:
    """The key of a sender without a seat; no player id looks like it."""
    return f"~{sender_hash.hex()}"


def sender_of(actor: Actor, command: pb.Command) -> tuple[str, bytes]:
    """By what the sender's receipts are found, and the hash to be sealed with its events.

    Who acts for a seat is that seat, and nothing needs sealing. Who asks for
    one is whoever knows its secret; the owner without a seat is its principal.
    """
    if command.player_id:
        return command.player_id, b""
    create = command.WhichOneof("body") == "create_game"
    if command.WhichOneof("body") in WITHOUT_SEAT and not (
        create and not command.create_game.HasField("creator")
    ):
        return sender_key(actor.seat_hash), actor.seat_hash
    sender_hash = hashlib.sha256(f"principal:{actor.principal}".encode()).digest()
    return sender_key(sender_hash), sender_hash
