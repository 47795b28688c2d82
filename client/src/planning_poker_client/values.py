"""What users may write, and what the contract makes of it. Pure."""

from datetime import timedelta
from typing import Final, Literal, TypeAlias

from google.protobuf.duration_pb2 import Duration

import planningpoker.v1 as pb

Seconds: TypeAlias = float | timedelta
Role: TypeAlias = Literal["voter", "observer"] | pb.PlayerRole.ValueType

_ROLES: Final[dict[str, pb.PlayerRole.ValueType]] = {
    "voter": pb.PLAYER_ROLE_VOTER,
    "observer": pb.PLAYER_ROLE_OBSERVER,
}


def to_duration(value: Seconds) -> Duration:
    """A duration, to the millisecond."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    result = Duration()
    result.FromMilliseconds(round(seconds * 1000))
    return result


def to_role(role: Role) -> pb.PlayerRole.ValueType:
    """The contract's role; raises ValueError for a name that is none."""
    if not isinstance(role, str):
        return role
    if role not in _ROLES:
        raise ValueError(f"a player is a voter or an observer, not {role!r}")
    return _ROLES[role]


def to_settings(
    settings: pb.GameSettings | None, deck: str | pb.Deck | None, auto_reveal: bool
) -> pb.GameSettings:
    """`settings` with the deck, where one is given, and with automatic reveals, if asked for."""
    result = pb.GameSettings()
    if settings is not None:
        result.CopyFrom(settings)
    if isinstance(deck, str):
        result.deck.CopyFrom(pb.Deck(name=deck))
    elif deck is not None:
        result.deck.CopyFrom(deck)
    if auto_reveal:
        result.auto_reveal = True
    return result
