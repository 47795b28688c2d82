"""One tree of errors. Each says whether its outcome is definite and whether trying again helps."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import planningpoker.v1 as pb

_CODES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
_FINDINGS_SHOWN: Final = 10


class PokerError(Exception):
    """The root of the tree; `str()` of any of them is a sentence for a person."""

    definite: bool = True
    """False: whether the command had an effect is unknown."""
    retryable: bool = False
    """Whether the same call may succeed later without anybody's doing."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Whole, as job queues send errors: what is made of the arguments is not among them.
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[PokerError], args: tuple[object, ...]) -> PokerError:
    return kind.__new__(kind, *args)


class CommandRefused(PokerError):
    """The server said no. Branch on `reason`, never on the message."""

    def __init__(self, refusal: pb.Refusal) -> None:
        super().__init__(refusal.message or "The server refused and did not say why.")
        self.refusal = refusal
        self.retryable = refusal.retryable

    @property
    def reason(self) -> str:
        """Stable name: "ROUND_CLOSED"; a number where this SDK is older than the reason."""
        try:
            return pb.Reason.Name(self.refusal.reason).removeprefix("REASON_")
        except ValueError:
            return str(self.refusal.reason)

    @property
    def code(self) -> str:
        """Canonical gRPC code: "FAILED_PRECONDITION"."""
        code = self.refusal.code
        return _CODES[code] if 0 <= code < len(_CODES) else str(code)

    @property
    def message(self) -> str:
        """A sentence for a person."""
        return str(self)

    @property
    def retry_after(self) -> timedelta:
        """How long to wait before trying again, where `retryable`."""
        return self.refusal.retry_delay.ToTimedelta()

    @property
    def player_ids(self) -> tuple[str, ...]:
        """The players it is about, such as those who have not voted."""
        return tuple(self.refusal.player_ids)

    @property
    def details(self) -> dict[str, str]:
        """Further facts by name."""
        return dict(self.refusal.details)

    @property
    def current_version(self) -> int:
        """Version of the game at which it was refused; 0 where no game was looked at."""
        return self.refusal.current_version


class OutcomeUnknown(PokerError):
    """A command was sent, and neither accepted nor refused: it may or may not have its effect.

    The same call with `request_id=error.correlation_id` tells, and has one effect at most.
    """

    definite = False
    retryable = True

    def __init__(
        self, message: str, correlation_id: str, retry_after: timedelta = timedelta()
    ) -> None:
        super().__init__(message)
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        """How long to wait before asking again."""


class NotSent(PokerError):
    """A request was given up before it was sent: it had no effect."""

    retryable = True


class Replaced(NotSent):
    """A vote that waited for the connection gave way to a later one: it had no effect."""

    retryable = False


class NotReported(PokerError):
    """A delivery report was asked for where none is made: the command caused no critical event."""


class NoRound(PokerError):
    """A command about a round was given before any round was started."""


class ConnectionProblem(PokerError):
    """There is no connection to the server. Base of the next two."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class ConnectionFailed(ConnectionProblem):
    """No connection could be opened."""


class ConnectionLost(ConnectionProblem):
    """The connection is gone and does not come back by itself."""


class ClientClosed(PokerError):
    """The client was closed, or never opened: use it inside `async with`."""


class GameDetached(PokerError):
    """The game is no longer followed; `reason` is a stable name, such as "REMOVED"."""

    def __init__(self, message: str, reason: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable


class SeatStoreError(PokerError):
    """Seats could not be read from where they are kept, or written there."""


class Finding(NamedTuple):
    """What there is to say about a line of a file."""

    line: int
    """From 1: where the record begins; 0: it is about the file as a whole."""
    what: str
    """Completes a sentence: "the title is empty"."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


class BadStories(PokerError):
    """A file of stories cannot be used, and nothing of it was; the message names ten lines."""

    def __init__(self, problems: Sequence[Finding], name: str = "The file") -> None:
        lines = [f"  {problem}" for problem in problems[:_FINDINGS_SHOWN]]
        if len(problems) > _FINDINGS_SHOWN:
            lines.append(f"  … and {len(problems) - _FINDINGS_SHOWN} more")
        super().__init__("\n".join((f"{name} cannot be used as a backlog:", *lines)))
        self.problems = tuple(problems)
        """In the order of the file; reading stops at the thousandth."""


class GameOver(PokerError):
    """The game has ended, so what is waited for cannot happen any more."""


class WaitTimeout(PokerError, TimeoutError):
    """What was waited for did not happen in time."""

    retryable = True
