"""What can be said of what a client sent without knowing any game. Pure."""

from typing import Final

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

import planningpoker.v1 as pb
from planning_poker_model import message_types
from planning_poker_model.limits import LABEL_VALUE, SEATS_PER_ATTACH
from planning_poker_server import ids, wire
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.seats import hash_of

RETRY_MS: Final = 1_000
"""How soon to try again what is wrong only for the moment."""
_MAX_NAME: Final = 64
_MAX_VERSIONS: Final = 16
_MAX_TRACE: Final = 256


def authority_of(principal: str, instance_id: str) -> str:
    """Who manages what is created without a seat; empty where nobody can prove it.

    As long as nobody has to say who they are, it is whoever knows the secret
    of the running client: all strangers together own nothing.
    """
    if principal or not instance_id:
        return principal
    return f"instance:{hash_of(instance_id.encode()).hex()}"


def bad_header(envelope: pb.ClientEnvelope) -> pb.Refusal | None:
    """Why the header cannot be taken; None if it can."""
    if envelope.version != wire.PROTOCOL_VERSION:
        message = f"The version of every envelope is {wire.PROTOCOL_VERSION}."
        return refuse(pb.REASON_UNSUPPORTED_VERSION, message)
    if envelope.traceparent and (refusal := _bad_trace(envelope.traceparent)):
        return refusal
    payload = envelope.WhichOneof("payload")
    if payload is None or not envelope.message_type:
        return None
    expected = message_types.of_client(envelope)
    if envelope.message_type != expected:
        message = f"The payload is {expected}, but message_type says otherwise."
        return refuse(pb.REASON_MESSAGE_TYPE_MISMATCH, message, expected=expected)
    return None


def bad_hello(hello: pb.Hello) -> pb.Refusal | None:
    """Why this Hello opens nothing; None if it does."""
    names = (hello.client_name, hello.client_version, hello.instance_id)
    if any(len(name) > _MAX_NAME for name in names):
        message = f"Names in Hello have at most {_MAX_NAME} characters."
        return refuse(pb.REASON_INVALID_VALUE, message)
    if len(hello.versions) > _MAX_VERSIONS:
        message = f"Hello names at most {_MAX_VERSIONS} versions."
        return refuse(pb.REASON_INVALID_VALUE, message)
    if wire.PROTOCOL_VERSION not in hello.versions:
        message = f"This server speaks protocol version {wire.PROTOCOL_VERSION}."
        return refuse(pb.REASON_UNSUPPORTED_VERSION, message)
    return None


def bad_attach(attach: pb.Attach) -> pb.Refusal | None:
    """Why this Attach means no game; None if it may."""
    if ids.parse_game(attach.game_id) is None:
        return bad_game_id()
    if len(attach.seats) > SEATS_PER_ATTACH:
        message = f"At most {SEATS_PER_ATTACH} seats can be attached at once."
        return refuse(pb.REASON_INVALID_VALUE, message, field="seats")
    if attach.after_version < 0:
        message = "A version is never negative."
        return refuse(pb.REASON_INVALID_VALUE, message, field="after_version")
    return None


def bad_command(
    command: pb.Command, correlation_id: str | None, game: str | None
) -> pb.Refusal | None:
    """Why this command can be taken by no game; None if it can.

    `correlation_id` and `game` are what was read of them: None where that is nothing.
    """
    if correlation_id is None:
        message = "A command needs a UUID as its correlation id."
        return refuse(pb.REASON_INVALID_CORRELATION_ID, message)
    if command.WhichOneof("body") is None:
        return unknown_or_missing(command, "a command's body")
    return bad_game_id() if game is None else None


def bad_execute(request: pb.ExecuteRequest) -> pb.Refusal | None:
    """Why what comes beside the command cannot be taken; None if it can."""
    if len(request.instance_id) > _MAX_NAME:
        message = f"An instance id has at most {_MAX_NAME} characters."
        return refuse(pb.REASON_INVALID_VALUE, message, field="instance_id")
    return _bad_trace(request.traceparent)


def _bad_trace(traceparent: str) -> pb.Refusal | None:
    if len(traceparent) <= _MAX_TRACE:
        return None
    message = f"A trace context has at most {_MAX_TRACE} characters."
    return refuse(pb.REASON_INVALID_VALUE, message, field="traceparent")


def game_named(command: pb.Command) -> str | None:
    """The game's id or join code; "" for one that is to be created; None for neither."""
    if command.HasField("create_game"):
        return "" if not command.game_id else None
    parsed = ids.parse_game(command.game_id)
    return None if parsed is None else parsed[0] or parsed[1]


def no_handler(envelope: pb.ClientEnvelope, payload: str | None) -> pb.Refusal:
    """The refusal of a payload that is missing, unknown or not taken."""
    if payload is None:
        return unknown_or_missing(envelope, "the envelope's payload")
    return refuse(pb.REASON_UNKNOWN_COMMAND, f"This server does not take {payload}.")


def unknown_or_missing(message: Message, what: str) -> pb.Refusal:
    """The refusal of an unset oneof: a newer field was sent, or nothing was."""
    if len(UnknownFieldSet(message)):
        return refuse(pb.REASON_UNKNOWN_COMMAND, f"This server does not know {what} as sent.")
    return refuse(pb.REASON_MALFORMED, f"There is nothing in {what}.")


def bad_game_id() -> pb.Refusal:
    """The refusal of what is neither an id nor a join code."""
    message = "A game is named by its id (32 hexadecimal digits) or its join code (K7QF-3M)."
    return refuse(pb.REASON_INVALID_ID, message, field="game_id")


def too_fast(wait_ms: int) -> pb.Refusal:
    """The refusal of what comes faster than the rate of a stream, or of a caller without one."""
    message = "Too many commands a second: wait a moment."
    return refuse(pb.REASON_TOO_MANY_COMMANDS, message, retry_ms=wait_ms)


def too_many_unanswered() -> pb.Refusal:
    """The refusal of what comes while too much waits for its answer."""
    message = "Too many commands wait for their answers: wait for some of them."
    return refuse(pb.REASON_TOO_MANY_UNANSWERED, message, retry_ms=100)


def draining(retry_ms: int = RETRY_MS) -> pb.Refusal:
    """The refusal of what comes while the server stops."""
    message = "The server is stopping: connect again in a moment."
    return refuse(pb.REASON_DRAINING, message, retry_ms=retry_ms)


def took_too_long() -> pb.Refusal:
    """What is answered when there is no answer in time; nobody knows yet what it will be."""
    message = (
        "The answer took too long. Whether the command had an effect is unknown: "
        "send it again with the same correlation id."
    )
    return refuse(pb.REASON_TIMEOUT, message, definite=False, retry_ms=RETRY_MS)


def joining(command: pb.Command) -> pb.JoinGame:
    """The part of a command that takes a seat; empty where it has none."""
    return command.create_game.creator if command.HasField("create_game") else command.join_game


def echo(text: str) -> str:
    """What a client sent, for its own eyes, but not at any length."""
    return text[:LABEL_VALUE]
