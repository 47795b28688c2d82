"""Who sits where, and which secret proves it."""

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.text import fold_name
from planning_poker_server.domain.ledger import Ledger

_DEAD = ""


def unprovable(version: int) -> storage.Sealed:
    """The sealed part of an event that gives a seat which no secret can prove.

    What stands for the hash is none of SHA-256's, by its length, and no two
    seats share it.
    """
    return storage.Sealed(seat=storage.SealedSeat(secret_hash=f"nobody {version}".encode()))


class Seats:
    """The seats of a game with the hashes of their secrets.

    A seat is live while its player is at the table, dormant after leaving, and
    gone after removal. Hashes are remembered for good: a dead one must never
    prove anything again.
    """

    __slots__ = ("_by_hash", "_hashes", "_taken", "last_number")

    def __init__(self) -> None:
        self._hashes: dict[str, bytes] = {}
        self._by_hash: Ledger[bytes, str] = Ledger()
        self._taken: dict[tuple[str, str], str] = {}
        self.last_number = 0
        """Of the player ids given out so far."""

    def fork(self) -> "Seats":
        other = Seats()
        other._hashes = self._hashes.copy()
        other._by_hash = self._by_hash.fork()
        other._taken = self._taken.copy()
        other.last_number = self.last_number
        return other

    def hash_of(self, player_id: str) -> bytes:
        """SHA-256 of the secret of a live seat; empty if there is none."""
        return self._hashes.get(player_id, b"")

    def holder(self, secret_hash: bytes) -> str:
        """Whose live or dormant seat this proves; empty for unknown and dead secrets."""
        return self._by_hash.get(secret_hash) or ""

    def knows(self, secret_hash: bytes) -> bool:
        """Whether this was ever the hash of a seat's secret, be it dead."""
        return self._by_hash.get(secret_hash) is not None

    def named(self, display_name: str) -> str:
        """Who at the table has this name, as people compare names; empty if nobody."""
        return self._taken.get(("name", fold_name(display_name)), "")

    def with_external_id(self, external_id: str) -> str:
        """Who at the table has this external id; empty if nobody."""
        return self._taken.get(("external id", external_id), "")

    def sit_down(self, player: pb.Player, seat: storage.SealedSeat) -> None:
        self.last_number = max(self.last_number, int(player.player_id[1:]))
        self._hashes[player.player_id] = seat.secret_hash
        self._by_hash[seat.secret_hash] = player.player_id
        self._take_names(player)

    def update(self, before: pb.Player, after: pb.Player) -> None:
        self._free_names(before)
        self._take_names(after)

    def get_up(self, player: pb.Player) -> None:
        """The seat is dormant: its secret brings the player back."""
        self._hashes.pop(player.player_id, None)
        self._free_names(player)

    def remove(self, player: pb.Player) -> None:
        """The seat is gone and its secret dead."""
        self._by_hash[self._hashes[player.player_id]] = _DEAD
        self.get_up(player)

    def reset(self, player_id: str, seat: storage.SealedSeat) -> None:
        """The old secret is dead, the new one proves the seat."""
        self._by_hash[self._hashes[player_id]] = _DEAD
        self._hashes[player_id] = seat.secret_hash
        self._by_hash[seat.secret_hash] = player_id

    def _take_names(self, player: pb.Player) -> None:
        self._taken["name", fold_name(player.display_name)] = player.player_id
        if player.external_id:
            self._taken["external id", player.external_id] = player.player_id

    def _free_names(self, player: pb.Player) -> None:
        self._taken.pop(("name", fold_name(player.display_name)), None)
        self._taken.pop(("external id", player.external_id), None)
