"""Messages and notices as a line of a transcript.

Fields have the contract's names. What differs from run to run (ids of games,
times, sessions) and what nobody may read (secrets) is left out.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt, Resynced
from planning_poker_client.errors import CommandRefused, GameDetached, PokerError
from planning_poker_client.notices import Ended, Notice, Resuming, Settled, StateChanged, Told
from planning_poker_client.states import Reconnecting

_LEFT_OUT: Final = frozenset(
    {"after_correlation_id", "head_correlation_id", "snapshot_correlation_id"}
    | {"code", "connected_player_ids", "game_id", "message"}
)
_GAME_ID: Final = re.compile(r"[0-9a-f]{32}")
_WHOM: Final = ("player_id", "player.player_id", "round_id", "round.round_id", "story_id")

Label = Callable[[str], str]


def payload(envelope: pb.ClientEnvelope | pb.ServerEnvelope, label: Label) -> str:
    """What an envelope says."""
    name = envelope.WhichOneof("payload") or ""
    body = getattr(envelope, name)
    words = [envelope.message_type or name, label(envelope.correlation_id)]
    if isinstance(body, pb.Command):
        words += [body.player_id and f"by {body.player_id}"]
        words += fields(getattr(body, body.WhichOneof("body") or ""))
    elif isinstance(body, pb.EventBatch):
        words += _batch(body)
    elif not isinstance(body, pb.Hello | pb.Welcome):
        words += fields(body)
    return " ".join(word for word in words if word)


def _batch(batch: pb.EventBatch) -> Iterator[str]:
    if batch.HasField("snapshot"):
        yield f"snapshot at {batch.snapshot.version}"
    elif batch.events:
        versions = sorted({batch.events[0].version, batch.events[-1].version})
        yield "..".join(map(str, versions))
    if batch.attempt > 1:
        yield f"attempt={batch.attempt}"
    if batch.replay:
        yield "replay"
    if batch.events:
        yield "| " + ", ".join(map(_event, batch.events))


def _event(event: pb.GameEvent) -> str:
    name = event.WhichOneof("event") or "unknown"
    body = getattr(event, name, None)
    if isinstance(body, pb.VotesRevealed):
        return " ".join([name, *(f"{vote.player_id}={vote.card}" for vote in body.round.votes)])
    return " ".join([name, *_whom(body)][:2])


def _whom(body: Any) -> Iterator[str]:
    for path in _WHOM:
        found = body
        for part in path.split("."):
            found = getattr(found, part, None)
        if found:
            yield str(found)


def fields(message: Message) -> list[str]:
    """The fields that are set, each as name=value."""
    return [
        f"{field.name}={text}" if text else field.name
        for field, value in message.ListFields()
        if field.name not in _LEFT_OUT and field.type != FieldDescriptor.TYPE_BYTES
        for text in [_value(field, value)]
        if text is not None
    ]


def _value(field: FieldDescriptor, value: Any) -> str | None:
    """None: not to be shown; empty: the name says it."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        known = {key: each for key, each in sorted(value.items()) if not _GAME_ID.fullmatch(key)}
        if len(known) < len(value):
            return ",".join(str(each) for each in value.values())
        return "{" + " ".join(f"{key}={each}" for key, each in known.items()) + "}"
    if field.is_repeated:
        return ",".join(str(_value_of(field, each)) for each in value)
    return _value_of(field, value)


def _value_of(field: FieldDescriptor, value: Any) -> str | None:
    if isinstance(value, bool):
        return "" if value else "false"
    if isinstance(value, Duration):
        return _ms(value.ToMilliseconds())
    if isinstance(value, pb.Game):
        return f"(version={value.version})"
    if isinstance(value, Message):
        return f"({' '.join(fields(value))})"
    if field.enum_type is not None:
        return short(field.enum_type, value)
    return str(value)


def short(enum: Any, number: int) -> str:
    """An enum's value without the name of the enum before it."""
    names = [value.name for value in enum.values]
    prefix = len(names[0].removesuffix("UNSPECIFIED"))
    return str(enum.values_by_number[number].name[prefix:])


def _ms(ms: int) -> str:
    return f"{ms / 1_000:g} s" if ms >= 1_000 else f"{ms} ms"


def notice(told: Notice, label: Label) -> Iterator[str]:
    """What the client's program is told, where the messages do not say it."""
    match told:
        case StateChanged(state=Reconnecting(attempt=attempt, backoff=backoff)):
            yield f"reconnecting, attempt {attempt} in {_ms(round(backoff * 1_000))}"
        case StateChanged(state=state):
            yield type(state).__name__.lower()
        case Settled(correlation_id=correlation_id, outcome=outcome):
            name = label(correlation_id)
            if name or not isinstance(outcome, Receipt):
                yield f"{name} {_outcome(outcome)}".strip()
        case Told(items=items):
            moves = [each for each in items if isinstance(each, Resynced)]
            yield from (f"resynced from {each.from_version} to {each.to_version}" for each in moves)
        case Resuming(reason=reason):
            yield f"resumes: {reason}"
        case Ended(error=error):
            yield f"follows the game no longer: {_outcome(error)}"


def _outcome(outcome: Receipt | PokerError) -> str:
    match outcome:
        case Receipt(version=version, duplicate=duplicate):
            return f"accepted at {version}" + (", as before" if duplicate else "")
        case CommandRefused(reason=reason):
            return f"refused: {reason}"
        case GameDetached(reason=reason):
            return reason
        case _:
            return type(outcome).__name__
