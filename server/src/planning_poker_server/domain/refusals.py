"""One table from the reason of a refusal to its code, and the way to make one."""

from collections.abc import Iterable
from typing import Final

from google.rpc import code_pb2

import planningpoker.v1 as pb

_INVALID = code_pb2.INVALID_ARGUMENT
_STATE = code_pb2.FAILED_PRECONDITION
_MISSING = code_pb2.NOT_FOUND
_DENIED = code_pb2.PERMISSION_DENIED
_EXHAUSTED = code_pb2.RESOURCE_EXHAUSTED
_UNAVAILABLE = code_pb2.UNAVAILABLE

CODES: Final[dict[pb.Reason.ValueType, int]] = {
    pb.REASON_MALFORMED: _INVALID,
    pb.REASON_MESSAGE_TYPE_MISMATCH: _INVALID,
    pb.REASON_INVALID_CORRELATION_ID: _INVALID,
    pb.REASON_INVALID_TEXT: _INVALID,
    pb.REASON_INVALID_ID: _INVALID,
    pb.REASON_INVALID_VALUE: _INVALID,
    pb.REASON_UNKNOWN_COMMAND: code_pb2.UNIMPLEMENTED,
    pb.REASON_MESSAGE_TOO_LARGE: _EXHAUSTED,
    pb.REASON_CORRELATION_ID_REUSED: code_pb2.ALREADY_EXISTS,
    pb.REASON_HELLO_EXPECTED: _STATE,
    pb.REASON_HELLO_REPEATED: _STATE,
    pb.REASON_HELLO_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
    pb.REASON_UNSUPPORTED_VERSION: _STATE,
    pb.REASON_ACK_AHEAD: _INVALID,
    pb.REASON_NOT_ATTACHED: _STATE,
    pb.REASON_GAME_NOT_FOUND: _MISSING,
    pb.REASON_PLAYER_NOT_FOUND: _MISSING,
    pb.REASON_STORY_NOT_FOUND: _MISSING,
    pb.REASON_UNAUTHENTICATED: code_pb2.UNAUTHENTICATED,
    pb.REASON_SEAT_NOT_HELD: _DENIED,
    pb.REASON_SEAT_SECRET_WRONG: _DENIED,
    pb.REASON_NOT_A_FACILITATOR: _DENIED,
    pb.REASON_OBSERVER_CANNOT_VOTE: _DENIED,
    pb.REASON_NOT_PERMITTED: _DENIED,
    pb.REASON_PASSCODE_WRONG: _DENIED,
    pb.REASON_CLAIM_NOT_OPEN: _STATE,
    pb.REASON_GAME_ENDED: _STATE,
    pb.REASON_ROUND_CLOSED: _STATE,
    pb.REASON_ROUND_OPEN: _STATE,
    pb.REASON_ROUND_NOT_REVEALED: _STATE,
    pb.REASON_NO_VOTES: _STATE,
    pb.REASON_NOT_ALL_PLAYERS_VOTED: _STATE,
    pb.REASON_NO_COUNTDOWN: _STATE,
    pb.REASON_NAME_TAKEN: code_pb2.ALREADY_EXISTS,
    pb.REASON_EXTERNAL_ID_TAKEN: code_pb2.ALREADY_EXISTS,
    pb.REASON_LAST_FACILITATOR: _STATE,
    pb.REASON_STORY_IN_ROUND: _STATE,
    pb.REASON_VERSION_CONFLICT: code_pb2.ABORTED,
    pb.REASON_CARD_NOT_IN_DECK: _INVALID,
    pb.REASON_VERSION_NOT_THERE: code_pb2.OUT_OF_RANGE,
    pb.REASON_CURSOR_UNKNOWN: code_pb2.OUT_OF_RANGE,
    pb.REASON_TOO_MANY_PLAYERS: _EXHAUSTED,
    pb.REASON_TOO_MANY_STORIES: _EXHAUSTED,
    pb.REASON_TOO_MUCH_TEXT: _EXHAUSTED,
    pb.REASON_TOO_MANY_COMMANDS: _EXHAUSTED,
    pb.REASON_TOO_MANY_UNANSWERED: _EXHAUSTED,
    pb.REASON_TOO_MANY_ATTEMPTS: _EXHAUSTED,
    pb.REASON_TOO_MANY_CONNECTIONS: _EXHAUSTED,
    pb.REASON_TOO_MANY_SUBSCRIPTIONS: _EXHAUSTED,
    pb.REASON_HISTORY_FULL: _EXHAUSTED,
    pb.REASON_LOG_UNAVAILABLE: _UNAVAILABLE,
    pb.REASON_GAME_CORRUPT: code_pb2.DATA_LOSS,
    pb.REASON_TIMEOUT: code_pb2.DEADLINE_EXCEEDED,
    pb.REASON_DRAINING: _UNAVAILABLE,
    pb.REASON_INTERNAL: code_pb2.INTERNAL,
}

RETRYABLE: Final = frozenset(
    {
        pb.REASON_TOO_MANY_COMMANDS,
        pb.REASON_TOO_MANY_UNANSWERED,
        pb.REASON_TOO_MANY_ATTEMPTS,
        pb.REASON_TOO_MANY_CONNECTIONS,
        pb.REASON_LOG_UNAVAILABLE,
        pb.REASON_TIMEOUT,
        pb.REASON_DRAINING,
    }
)


def refuse(
    reason: pb.Reason.ValueType,
    message: str,
    *,
    player_ids: Iterable[str] = (),
    retry_ms: int = 0,
    definite: bool = True,
    current_version: int = 0,
    **details: str,
) -> pb.Refusal:
    """A refusal of `reason`, with the code that the table gives it."""
    refusal = pb.Refusal(
        reason=reason,
        code=CODES[reason],
        message=message,
        retryable=reason in RETRYABLE,
        definite=definite,
        details=details,
        player_ids=list(player_ids)[:100],
        current_version=current_version,
    )
    if retry_ms:
        refusal.retry_delay.FromMilliseconds(retry_ms)
    return refusal
