"""Where a watch stands: what it was told, what waits to be taken, when to ask again. Pure."""

from collections import deque
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client.calls.statuses import Status
from planning_poker_client.errors import (
    CommandRefused,
    ConnectionFailed,
    ConnectionLost,
    PokerError,
)
from planning_poker_client.feed.items import CaughtUp, FeedItem, watched
from planning_poker_client.options import ClientOptions

# What another stream, from the same place on, may heal.
_AGAIN: Final = frozenset(
    {"UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED", "DEADLINE_EXCEEDED", "OK"}
)
_SILENCES: Final = 2
"""After so many intervals of heartbeats without any a stream is dead: networks are not prompt."""

SILENT: Final = Status("UNAVAILABLE", 14, "It has fallen silent.")
ENDED: Final = Status("OK", 0, "It ended the stream.")


class Watching:
    """One watch, over as many streams as it takes. `now` is in seconds, of any clock."""

    def __init__(
        self, server: str, request: pb.WatchEventsRequest, options: ClientOptions, now: float
    ) -> None:
        self.cursor = request.cursor
        """Behind the last item that was taken and, while none waits, behind all that was told."""
        self.retry_at: float | None = now
        """When the driver is to open a stream; None: there is one, or no more of them."""
        self.error: PokerError | None = None
        """Why nothing more comes."""
        self.lost_because = ""
        """Why there is no stream: a sentence for a person; empty while there is one."""
        self._server = server
        self._request = request
        self._options = options
        self._waiting: deque[FeedItem] = deque()
        self._reached = request.cursor
        self._connect_by = now + options.connect_timeout
        self._welcomed_at: float | None = None
        self._ever_welcomed = False
        self._caught_up = False
        self._interval = 0.0
        self._attempt = 0
        self._in_vain = 0

    # What its user takes

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to take; only when there is not, more is to be read."""
        return bool(self._waiting)

    def take(self) -> FeedItem:
        """The next item, which from now on counts as told."""
        item = self._waiting.popleft()
        self.cursor = item.cursor if self._waiting else self._reached
        return item

    # What its driver does

    def opened(self) -> pb.WatchEventsRequest:
        """There is a new stream, which begins with this: it goes on behind what was told."""
        self.retry_at = self._welcomed_at = None
        request = pb.WatchEventsRequest()
        request.CopyFrom(self._request)
        request.cursor = self._reached
        # Of an empty log, the place that "now" was is none: the first event is what comes next.
        request.from_now = request.from_now and not (self._reached or self._ever_welcomed)
        return request

    def silent_at(self, now: float) -> float | None:
        """When the stream is dead, if it is read from `now` on and tells nothing; None: never."""
        if self._welcomed_at is not None:
            return now + _SILENCES * self._interval if self._interval > 0 else None
        first_by = now + self._options.attempt_timeout
        return first_by if self._ever_welcomed else min(first_by, self._connect_by)

    def received(self, response: pb.WatchEventsResponse, now: float) -> None:
        """The stream told this."""
        if self._welcomed_at is None:
            self._welcomed_at, self._ever_welcomed = now, True
            self._in_vain, self.lost_because = 0, ""
        self._reached = response.cursor or self._reached
        match response.WhichOneof("item"):
            case "events":
                self._waiting.extend(map(watched, response.events.events))
            case "caught_up" if not self._caught_up:
                self._caught_up = True  # a stream after a loss catches up again, which is no news
                self._waiting.append(CaughtUp(self._reached))
            case "heartbeat":
                self._interval = response.heartbeat.interval.ToTimedelta().total_seconds()
        if not self._waiting:
            self.cursor = self._reached

    def lost(self, status: Status, now: float, jitter: float) -> None:
        """The stream is gone, or could not be opened. `jitter` is random, from 0 to 1."""
        steady = self._options.steady_after
        if self._welcomed_at is not None and now - self._welcomed_at >= steady:
            self._attempt = 0
        backoff = max(status.retry_after.total_seconds(), jitter * self._longest_backoff())
        self._attempt += 1
        self._in_vain += 1
        self.lost_because = self._explained(status)
        if self._ever_welcomed:
            over = self._in_vain > self._options.max_attempts
        else:
            over = now + backoff >= self._connect_by
        if over or not _may_heal(status):
            self.error = self._error(status)
        else:
            self.retry_at = now + backoff

    def fail(self, error: PokerError) -> None:
        """Nothing more comes, for a reason that is no status."""
        self.retry_at, self.error = None, error

    def _longest_backoff(self) -> float:
        doublings = min(self._attempt, 32)  # more would only overflow
        return min(self._options.backoff_first * 2.0**doublings, self._options.backoff_longest)

    def _error(self, status: Status) -> PokerError:
        if status.reason != pb.REASON_UNSPECIFIED:
            refusal = status.refusal
            refusal.retryable = _may_heal(status)
            return CommandRefused(refusal)
        kind = ConnectionLost if self._ever_welcomed else ConnectionFailed
        return kind(self.lost_because, retryable=_may_heal(status))

    def _explained(self, status: Status) -> str:
        """The reason of a loss, as a sentence for a person."""
        said = status.message or status.code
        if status.reason != pb.REASON_UNSPECIFIED:
            return said
        match status.code:
            case "UNAVAILABLE" if not self._ever_welcomed:
                return f"Nothing answers at {self._server}: is the server running?"
            case "UNIMPLEMENTED":
                return f"What answers at {self._server} does not let events be watched."
            case "UNAUTHENTICATED" | "PERMISSION_DENIED":
                return f"{self._server} does not let this client watch; check its token: {said}"
            case _:
                return f"The events of {self._server} stopped coming: {said}"


def _may_heal(status: Status) -> bool:
    """Whether a stream that is opened later may do better."""
    if status.code == "RESOURCE_EXHAUSTED":
        return status.reason not in (pb.REASON_UNSPECIFIED, pb.REASON_MESSAGE_TOO_LARGE)
    return status.code in _AGAIN
