"""What a history comes to: frames decoded, and what the log makes of each game."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.room import Room
from planning_poker_server.settings import Settings
from planning_poker_simulator.checking.history import Accepted, History, Stream, Written

_TAIL = 1
MAY_CHANGE_NOTHING: Final = frozenset(
    {
        "retract_vote",
        "update_player",
        "update_game",
        "update_story",
        "move_story",
        "set_deadline",
        "accept_estimate",
        "claim_facilitation",
    }
)
"""Commands that are accepted, too, where all is as they want it."""


class Message(NamedTuple):
    """A frame that the server wrote, decoded."""

    stream: Stream
    written: Written
    kind: str
    envelope: pb.ServerEnvelope


@dataclass
class Truth:
    """What the log says of one game, folded by nobody but the domain, from the beginning."""

    events: list[pb.GameEvent] = field(default_factory=list)
    """The event of version n is at n - 1."""
    committed_at: list[float] = field(default_factory=list)
    appends: list[int] = field(default_factory=list)
    """Which append each event came with."""
    ends: set[int] = field(default_factory=set)
    """Versions at the end of an append."""
    caused: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """By actor and correlation id: the versions of what a command caused."""
    cast: dict[int, tuple[str, str]] = field(default_factory=dict)
    """By version of a vote: its card and comment."""
    revealed: dict[str, int] = field(default_factory=dict)
    """Comments of votes, and the version by which everyone may know them."""
    views: dict[int, pb.Game] = field(default_factory=dict)
    """By version."""
    votes: dict[int, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By version: card and comment of each seat, as its holder may know them."""

    @property
    def head(self) -> int:
        """The last version."""
        return len(self.events)


class Evidence:
    """A history, and what follows from it."""

    def __init__(self, history: History, settings: Settings) -> None:
        self.history = history
        self.settings = settings

    @cached_property
    def messages(self) -> list[list[Message]]:
        """By stream, in the order they were written."""
        known: dict[bytes, tuple[str, pb.ServerEnvelope]] = {}

        def decoded(frame: bytes) -> tuple[str, pb.ServerEnvelope]:
            found = known.get(frame)
            if found is None:
                envelope = pb.ServerEnvelope.FromString(frame)
                found = known[frame] = envelope.WhichOneof("payload") or "", envelope
            return found

        return [
            [Message(stream, written, *decoded(written.frame)) for written in stream.written]
            for stream in self.history.streams
        ]

    def of_kind(self, *kinds: str) -> Iterator[Message]:
        """All messages of these kinds."""
        for messages in self.messages:
            for message in messages:
                if message.kind in kinds:
                    yield message

    @cached_property
    def truths(self) -> dict[str, Truth]:
        """By game."""
        truths: dict[str, Truth] = {}
        rooms: dict[str, Room] = {}
        wanted = self._wanted_versions()
        for number, append in enumerate(self.history.appends):
            game_id = append.game_id
            truth = truths.setdefault(game_id, Truth())
            room = rooms.setdefault(game_id, Room(game_id, GameLimits(), _TAIL))
            for record in append.records:
                (event,) = room.catch_up([record])
                truth.events.append(event)
                truth.committed_at.append(append.time)
                truth.appends.append(number)
                if event.actor_id:
                    cause = event.actor_id, event.correlation_id
                    truth.caused.setdefault(cause, []).append(event.version)
                if event.HasField("vote_submitted"):
                    player_id = event.vote_submitted.player_id
                    truth.cast[event.version] = room.state.sealed_vote(player_id)
                for vote in event.votes_revealed.round.votes:
                    truth.revealed.setdefault(vote.comment, event.version)
                if (game_id, event.version) in wanted:
                    _keep(truth, room)
            truth.ends.add(truth.head)
            if truth.head not in truth.views:
                _keep(truth, room)
        return truths

    @cached_property
    def feed(self) -> list[tuple[float, str, pb.GameEvent]]:
        """The events of all games in the order of the log, each with when it was committed."""
        return [
            (append.time, append.game_id, self.truths[append.game_id].events[record.version - 1])
            for append in self.history.appends
            for record in append.records
        ]

    @cached_property
    def first_told(self) -> dict[tuple[str, int], float]:
        """By game and version: when a follower was first sent the event."""
        told: dict[tuple[str, int], float] = {}
        for message in self.of_kind("event_batch"):
            game_id, time = message.envelope.event_batch.game_id, message.written.time
            for event in message.envelope.event_batch.events:
                key = game_id, event.version
                told[key] = min(time, told.get(key, time))
        return told

    def _wanted_versions(self) -> set[tuple[str, int]]:
        wanted = {(read.game_id, read.game.version) for read in self.history.reads}
        for asked in self.history.asked:
            # What of these changed nothing is judged by the view that they were answered with.
            if asked.name in MAY_CHANGE_NOTHING:
                accepted = (each for each in asked.outcomes if isinstance(each, Accepted))
                wanted.update((asked.game_id, each.version) for each in accepted)
        for message in self.of_kind("attached", "event_batch", "seat_state"):
            payload = getattr(message.envelope, message.kind)
            if message.kind == "seat_state":
                wanted.add((payload.game_id, payload.at_version))
            elif payload.HasField("snapshot"):
                wanted.add((payload.game_id, payload.snapshot.version))
        return wanted


def _keep(truth: Truth, room: Room) -> None:
    state = room.state
    truth.views[truth.head] = state.view.to_game()
    truth.votes[truth.head] = {player: state.own_vote(player) for player in state.view.players}
