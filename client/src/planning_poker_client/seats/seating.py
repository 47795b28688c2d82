"""How seats are asked for: what users say, and the commands that the contract makes of it."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import uuid4

import planningpoker.v1 as pb
from planning_poker_client.exchange import CallOptions
from planning_poker_client.ids import correlation_id
from planning_poker_client.values import (
    Role,
    Seconds,
    check_names,
    to_duration,
    to_role,
    to_settings,
)
from planning_poker_model.limits import SEAT_SECRET_BYTES


class JoinOptions(CallOptions, total=False):
    """What joining takes beside the game and the name."""

    role: Role
    """"voter", unless "observer"."""
    passcode: str
    """Where the game asks for one."""
    external_id: str
    """Your own id of this person."""
    proxied: bool
    """Whether a bot takes the seat for a person: that person never counts as connected."""
    seat_secret: bytes | None
    """The 32 bytes that prove the seat; derived, remembered or random unless given."""


class CreateOptions(CallOptions, total=False):
    """What creating takes beside the game's name."""

    player: str
    """Whose seat is taken with it; without one, the game is managed without a seat."""
    role: Role
    """Of that player."""
    external_id: str
    """Your own id of that player."""
    seat_secret: bytes | None
    """As in joining."""
    deck: str | pb.Deck | None
    """Names a built-in one ("fibonacci", …) or is one of your own; goes before `settings`."""
    auto_reveal: bool
    """Reveal by itself once everybody who is there has voted."""
    settings: pb.GameSettings | None
    """All that can be set."""
    passcode: str
    """Asked of whoever joins, or watches."""
    labels: Mapping[str, str] | None
    """Your own, to find the game by."""
    lifetime: Seconds | None
    """The game ends by itself after this long."""


class Wanted(NamedTuple):
    """A seat that is about to be taken."""

    command: pb.Command
    """Without the seat's secret yet."""
    correlation_id: str
    game_id: str
    """Empty while only its join code is known."""
    join_code: str
    given: bytes | None
    """The secret that the user chose."""

    @property
    def join(self) -> pb.JoinGame:
        """The part of the command that takes the seat."""
        create = self.command.HasField("create_game")
        return self.command.create_game.creator if create else self.command.join_game

    def __repr__(self) -> str:
        """Without the secret."""
        return f"<Wanted seat in {self.game_id or self.join_code}>"


def creation(name: str, options: CreateOptions) -> pb.Command:
    """The command that opens a game, without the secret of its creator's seat."""
    check_names(options, CreateOptions)
    create = pb.CreateGame(
        display_name=name,
        settings=to_settings(
            options.get("settings"), options.get("deck"), options.get("auto_reveal", False)
        ),
        passcode=options.get("passcode", ""),
        labels=options.get("labels"),
    )
    lifetime = options.get("lifetime")
    if lifetime is not None:
        create.ttl.CopyFrom(to_duration(lifetime))
    player = options.get("player", "")
    if player:
        create.creator.display_name = player
        create.creator.role = to_role(options.get("role", "voter"))
        create.creator.external_id = options.get("external_id", "")
    return pb.Command(create_game=create)


def joining(game: str, name: str, options: JoinOptions) -> pb.Command:
    """The command that takes a seat, without its secret."""
    check_names(options, JoinOptions)
    join = pb.JoinGame(
        display_name=name,
        role=to_role(options.get("role", "voter")),
        passcode=options.get("passcode", ""),
        external_id=options.get("external_id", ""),
        proxied=options.get("proxied", False),
    )
    return pb.Command(game_id=game, join_game=join)


def wanted(command: pb.Command, id_: str, game_id: str, given: bytes | None) -> Wanted:
    """The seat that this command takes; raises ValueError for a secret that is none."""
    if given is not None and len(given) != SEAT_SECRET_BYTES:
        raise ValueError(f"a seat secret has {SEAT_SECRET_BYTES} bytes, not {len(given)}")
    return Wanted(command, id_, game_id, "" if game_id else command.game_id, given)


def id_of(command: pb.Command, request_id: str | None) -> str:
    """The correlation id of a command: a new one, unless it is the same request again."""
    if request_id is None:
        return str(uuid4())
    body = command.WhichOneof("body") or ""
    return correlation_id(request_id, command.game_id, command.player_id, body)


def call_options(options: CallOptions, id_: str | None = None) -> CallOptions:
    """What every command takes, out of what this one does; under this id where one is given."""
    taken = CallOptions()
    if "request_id" in options or id_ is not None:
        taken["request_id"] = id_ if id_ is not None else options["request_id"]
    if "timeout" in options:
        taken["timeout"] = options["timeout"]
    if "expected_version" in options:
        taken["expected_version"] = options["expected_version"]
    return taken
