"""The attempts at one command without a stream: which come next, and what they come to. Pure."""

from typing import Final, NamedTuple

import planningpoker.v1 as pb
from planning_poker_client.answers import receipt_of, refusal_of
from planning_poker_client.calls.statuses import Status
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import (
    ClientClosed,
    CommandRefused,
    ConnectionFailed,
    OutcomeUnknown,
    PokerError,
)
from planning_poker_client.options import ClientOptions

# The call may have reached the server or not, or its answer was lost.
_AGAIN: Final = frozenset({"UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED"})
# The server had no time to look at it.
_OF_THE_MOMENT: Final = frozenset(
    {pb.REASON_TOO_MANY_COMMANDS, pb.REASON_TOO_MANY_UNANSWERED, pb.REASON_DRAINING}
)
_CLOSED: Final = "The client is closed."


class Pause(NamedTuple):
    """Try again after so many seconds."""

    seconds: float


class Tries:
    """One command, tried until it is answered or its time is over. Always under the same id."""

    def __init__(
        self, server: str, correlation_id: str, deadline: float, options: ClientOptions
    ) -> None:
        self.deadline = deadline
        self._server = server
        self._correlation_id = correlation_id
        self._options = options
        self._in_doubt = False
        """Whether an attempt may have had an effect that nobody told of."""
        self._failures = 0
        self._last: pb.Refusal | None = None

    def connect_by(self, now: float) -> float:
        """Until when to wait for a connection."""
        return min(self.deadline, now + self._options.connect_timeout)

    def answered(
        self, result: pb.CommandResult, now: float, jitter: float
    ) -> Receipt | PokerError | Pause:
        """The server answered: that counts, unless it had no time to look at the command.

        `jitter` is random, from 0 to 1.
        """
        if not result.HasField("refusal"):
            return receipt_of(self._correlation_id, result)
        if result.refusal.reason in _OF_THE_MOMENT:
            return self._again(result.refusal, now, jitter)
        return refusal_of(self._correlation_id, result.refusal, in_doubt=self._in_doubt)

    def failed(self, status: Status, now: float, jitter: float) -> PokerError | Pause:
        """The call failed. `jitter` is random, from 0 to 1."""
        ours = status.reason != pb.REASON_UNSPECIFIED
        if ours and status.code == "UNAVAILABLE":
            return self._again(status.refusal, now, jitter)
        if status.code in _AGAIN:
            self._in_doubt = True
            return self._unknown(status.message) if ours else self._again(None, now, jitter)
        if status.code == "DEADLINE_EXCEEDED":
            self._in_doubt = True
            return self.over()
        if status.code == "UNIMPLEMENTED" and not ours:
            message = f"What answers at {self._server} takes no commands without a stream."
            return ConnectionFailed(message, retryable=False)
        # What an earlier attempt did, this one may not even ask.
        unknown = self._in_doubt
        return self._unknown(status.message) if unknown else CommandRefused(_explained(status))

    def cut_off(self) -> None:
        """The call was ended from here, wherever it was."""
        self._in_doubt = True

    def closed(self) -> PokerError:
        """Its user closed the client."""
        return self._unknown(_CLOSED) if self._in_doubt else ClientClosed(_CLOSED)

    def over(self) -> PokerError:
        """There was no time, or no connection, for another attempt."""
        if self._in_doubt:
            return self._unknown("The server did not answer.")
        if self._last is not None:
            return CommandRefused(self._last)
        message = f"Nothing answers at {self._server}: is the server running?"
        return ConnectionFailed(message, retryable=True)

    def _again(self, refusal: pb.Refusal | None, now: float, jitter: float) -> PokerError | Pause:
        """Another attempt, if there is time for it; `refusal` is why this one had no effect."""
        self._last = refusal or self._last
        longest = self._options.backoff_first * 2.0 ** min(self._failures, 32)
        self._failures += 1
        pause = jitter * min(longest, self._options.backoff_longest)
        if refusal is not None:
            pause += refusal.retry_delay.ToTimedelta().total_seconds()
        return Pause(pause) if now + pause < self.deadline else self.over()

    def _unknown(self, what: str) -> OutcomeUnknown:
        message = f"{what} Whether the command had an effect is unknown."
        return OutcomeUnknown(message, self._correlation_id)


def _explained(status: Status) -> pb.Refusal:
    refusal = status.refusal
    if status.code == "RESOURCE_EXHAUSTED" and status.reason == pb.REASON_UNSPECIFIED:
        refusal.reason = pb.REASON_MESSAGE_TOO_LARGE
        refusal.message = "The server takes less than that at once: split it into several."
    elif status.code == "UNAUTHENTICATED":
        refusal.reason = pb.REASON_UNAUTHENTICATED
    return refusal
