"""Votes that wait for the connection, or for the log behind it, instead of failing. Pure."""

from typing import Final

import planningpoker.v1 as pb
from planning_poker_client.errors import NotSent, OutcomeUnknown, PokerError, Replaced
from planning_poker_client.inflight import InFlight, Request

_PAUSE: Final = 1.0
"""Seconds at least before a vote is sent again that the server refused for want of its log."""


class OfflineVotes:
    """Keeps the last word of a seat on a round, for `lifetime` seconds; 0: keeps nothing."""

    def __init__(self, requests: InFlight, lifetime: float, answer_within: float) -> None:
        self._requests = requests
        self._lifetime = lifetime
        self._answer_within = answer_within

    def asked(self, request: Request, now: float, *, away: bool) -> Request | None:
        """A vote was given. An earlier one that is not out is returned: this takes its place."""
        if not self._lifetime or not request.vote:
            return None
        request.keep_until = now + self._lifetime
        if away:
            self._keep(request)
        for other in self._requests:
            waits = other.not_before > 0 or (away and not other.ever_sent)
            if other is not request and other.vote == request.vote and waits and not other.sent:
                return other
        return None

    def away(self, *, hold: bool) -> None:
        """Nothing can be sent. `hold`: there is a stream, and the votes are held back from it."""
        self._requests.hold_votes = hold
        for request in self._requests:
            if request.keep_until:
                self._keep(request)

    def back(self, now: float) -> None:
        """All can be sent: what was kept goes out and has its time for an answer."""
        self._requests.hold_votes = False
        for request in self._requests:
            if request.kept:
                request.not_before = 0.0
                if now < request.keep_until:
                    request.deadline = now + self._answer_within

    def take_back(self, request: Request, refusal: pb.Refusal, now: float) -> bool:
        """Whether a refused vote is kept after all: the log is away, and it is the last word."""
        if refusal.reason != pb.REASON_LOG_UNAVAILABLE or request.keep_until <= now:
            return False
        if any(o is not request and o.vote == request.vote for o in self._requests):
            return False
        request.not_before = now + max(_PAUSE, refusal.retry_delay.ToTimedelta().total_seconds())
        request.in_doubt |= not refusal.definite
        request.ever_sent = request.in_doubt
        self._keep(request)
        self._requests.again(request)
        return True

    def _keep(self, request: Request) -> None:
        request.kept = True
        request.deadline = max(request.deadline, request.keep_until)


def replaced(request: Request) -> PokerError:
    """What becomes of a vote when a later one took its place."""
    if not request.ever_sent:
        return Replaced("A later vote took its place before it was sent.")
    message = "A later vote took its place, and whether this one had an effect is unknown."
    return OutcomeUnknown(message, request.correlation_id)


def too_late(request: Request) -> NotSent:
    """What becomes of a request that waited in vain."""
    if request.kept:
        return NotSent("The vote was kept as long as it may be, and could not be sent.")
    return NotSent("It could not be sent in time: try again, or with a longer timeout.")
