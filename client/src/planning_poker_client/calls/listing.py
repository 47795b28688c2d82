"""The games there are: what may be asked of them, and what is told of each."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self, TypedDict

import planningpoker.v1 as pb
from planning_poker_client.values import Phase, check_names, to_phase, to_timestamp

_TIMES: Final = ("created_since", "created_before", "updated_since", "updated_before")


class ListOptions(TypedDict, total=False):
    """Which games are listed: those that are like all of what is given."""

    phases: Phase | Iterable[Phase]
    """In one of these: "lobby", "voting", "revealed", "ended"."""
    name: str
    """With this in their name, whatever the case."""
    labels: Mapping[str, str] | None
    """With all of these labels."""
    created_since: datetime | None
    """Created then or later; like all times here, with a time zone."""
    created_before: datetime | None
    """Created before."""
    updated_since: datetime | None
    """With something happening then or later."""
    updated_before: datetime | None
    """With nothing happening since."""
    page_size: int
    """How many are asked for at once, up to 1,000; 100 unless given."""


@dataclass(frozen=True, slots=True)
class GameSummary:
    """A game, as it was when it was listed."""

    game_id: str
    """Names it, for good."""
    display_name: str
    phase: pb.GamePhase.ValueType
    version: int
    """Of its last event."""
    create_time: datetime
    """Of its first event, in UTC."""
    update_time: datetime
    """Of its last event, in UTC."""
    join_code: str
    """The short code that people join with."""
    passcode_required: bool
    """Whether joining and reading ask for one."""
    labels: Mapping[str, str]
    """As given when it was created."""


class GameList:
    """Games, the newest first: an asynchronous iterator that fetches page after page."""

    def __init__(self, games: AsyncIterator[GameSummary]) -> None:
        self._games = games

    def __aiter__(self) -> Self:
        return self

    @property
    def waits(self) -> bool:
        """Whether the next step waits for more to come: it may, until the end."""
        return True

    async def __anext__(self) -> GameSummary:
        return await anext(self._games)


def list_request(options: ListOptions) -> pb.ListGamesRequest:
    """What asks for them; raises ValueError, and TypeError for an option that there is not."""
    check_names(options, ListOptions)
    phases = options.get("phases", ())
    request = pb.ListGamesRequest(
        page_size=options.get("page_size", 0),
        phases=map(to_phase, [phases] if isinstance(phases, str | int) else phases),
        name=options.get("name", ""),
        labels=options.get("labels"),
    )
    for field in _TIMES:
        time = options.get(field)
        if time is None:
            continue
        if not isinstance(time, datetime):
            raise TypeError(f"{field} must be a datetime, not {time!r}")
        getattr(request, field).CopyFrom(to_timestamp(time))
    return request


def summary_of(game: pb.GameSummary) -> GameSummary:
    """What the server listed, for a user."""
    return GameSummary(
        game_id=game.game_id,
        display_name=game.display_name,
        phase=game.phase,
        version=game.version,
        create_time=game.create_time.ToDatetime(tzinfo=UTC),
        update_time=game.update_time.ToDatetime(tzinfo=UTC),
        join_code=game.join_code,
        passcode_required=game.passcode_required,
        labels=dict(game.labels),
    )
