"""What users may write, and what the contract makes of it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

import planningpoker.v1 as pb

Seconds: TypeAlias = float | timedelta
Role: TypeAlias = Literal["voter", "observer"] | pb.PlayerRole.ValueType
Phase: TypeAlias = Literal["lobby", "voting", "revealed", "ended"] | pb.GamePhase.ValueType

_ROLES: Final[dict[str, pb.PlayerRole.ValueType]] = {
    "voter": pb.PLAYER_ROLE_VOTER,
    "observer": pb.PLAYER_ROLE_OBSERVER,
}
_PHASES: Final[dict[str, pb.GamePhase.ValueType]] = {
    "lobby": pb.GAME_PHASE_LOBBY,
    "voting": pb.GAME_PHASE_VOTING,
    "revealed": pb.GAME_PHASE_REVEALED,
    "ended": pb.GAME_PHASE_ENDED,
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


def to_phase(phase: Phase) -> pb.GamePhase.ValueType:
    """The contract's phase; raises ValueError for a name that is none."""
    if not isinstance(phase, str):
        return phase
    if phase not in _PHASES:
        raise ValueError(f"a game is in one of the phases {', '.join(_PHASES)}, not {phase!r}")
    return _PHASES[phase]


def to_timestamp(time: datetime) -> Timestamp:
    """A moment; raises ValueError for one without a time zone, which would be anybody's."""
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone: give it one, such as datetime.UTC")
    result = Timestamp()
    result.FromDatetime(time)
    return result


def to_names(names: str | Iterable[str]) -> list[str]:
    """Names, where one that stands alone is not taken for its letters."""
    return [names] if isinstance(names, str) else list(names)


def check_names(options: Mapping[str, object], known: type) -> None:
    """Raises TypeError for an option that `known`, a TypedDict, does not have.

    A misspelt one that is passed over in silence would list, watch or vote for something else.
    """
    for name in options:
        if name not in known.__annotations__:
            possible = ", ".join(known.__annotations__)
            raise TypeError(f"there is no option {name!r}; possible are {possible}")


def to_access(passcode: str, player_id: str, seat_secret: bytes) -> pb.ReadAccess:
    """What proves that one may read a game with a passcode."""
    given = pb.ReadAccess(passcode=passcode)
    if player_id:
        given.seat.player_id, given.seat.seat_secret = player_id, seat_secret
    return given


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
