"""Who is let in to a call that reads, and how what it cannot do is told."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

import planningpoker.v1 as pb
from planning_poker_server.calls import NOBODY, Context, Stalled, abort, address_of, incident
from planning_poker_server.clock import Clock
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.envelopes import RETRY_MS, draining, too_fast
from planning_poker_server.eventlog.port import GameCorrupt, LogUnavailable
from planning_poker_server.ratelimit import Buckets
from planning_poker_server.room_driver import corrupt
from planning_poker_server.rooms import unavailable

Asked = TypeVar("Asked", bound=Message)
# A thousand events take some milliseconds to read and fold.
_EVENTS_PER_TOKEN: Final = 500
_STALLED: Final = "Nothing was taken for too long: go on from what you have."


class Refused(Exception):
    """A call that ends with an error for its caller."""

    def __init__(self, refusal: pb.Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Admission:
    """Bounds for each caller and for all, of calls of one kind."""

    def __init__(
        self, most: int, buckets: Buckets, clock: Clock, *, most_each: int | None = None
    ) -> None:
        """`most` of all callers, `most_each` of one address; None: as many as of all."""
        self.draining = False
        """Whether no more are let in, and those that go on are to end."""
        self._most = most
        self._most_each = most if most_each is None else most_each
        self._buckets = buckets
        self._clock = clock
        self._open = 0
        self._open_of: Counter[str] = Counter()
        """By caller, but for those who are trusted; only callers that have some."""

    @asynccontextmanager
    async def admit(self, context: Context, *, trusted: bool = False) -> AsyncIterator[None]:
        """Within the bounds; what goes wrong inside is told to the caller as a status.

        `trusted`: whoever it is has no share, and takes none of its address's.
        """
        caller = _caller(address_of(context))
        refusal = self._not_admitted(caller, trusted=trusted)
        if refusal is not None:
            await abort(context, refusal)
        self._open += 1
        self._open_of.update([] if trusted else [caller])
        try:
            yield
        except Refused as refused:
            refusal = refused.refusal
        except Stalled:
            refusal = refuse(pb.REASON_TIMEOUT, _STALLED)
        except LogUnavailable:
            refusal = unavailable()
        except GameCorrupt:
            refusal = corrupt()
        except Exception:
            refusal = incident("a read")
        finally:
            self._open -= 1
            self._open_of.subtract([] if trusted else [caller])
            if not self._open_of[caller]:
                del self._open_of[caller]
        if refusal is not None:
            await abort(context, refusal)

    def charge(self, context: Context, events: int) -> None:
        """What goes through many events costs more than one look at the head."""
        tokens = max(0, events) // _EVENTS_PER_TOKEN
        self._buckets.charge(_caller(address_of(context)), tokens)

    def go_on(self) -> None:
        """Raises Refused once the server is to stop."""
        if self.draining:
            raise Refused(draining())

    def _not_admitted(self, caller: str, *, trusted: bool) -> pb.Refusal | None:
        if self.draining:
            return draining()
        wait_ms = self._buckets.take(caller, self._clock.now_ms())
        if wait_ms:
            return too_fast(wait_ms)
        if self._open >= self._most:
            message = "The server has as many of these under way as it takes: try again soon."
            return refuse(pb.REASON_TOO_MANY_CONNECTIONS, message, retry_ms=RETRY_MS)
        if self._open_of[caller] >= self._most_each and not trusted:
            message = "Your address has as many of these under way as one may: end one of them."
            return refuse(pb.REASON_TOO_MANY_CONNECTIONS, message, retry_ms=RETRY_MS)
        return None


def parsed(kind: type[Asked], message: bytes) -> Asked:
    """The request in a message; raises Refused where there is none."""
    try:
        return kind.FromString(message)
    except DecodeError as error:
        text = f"The message could not be decoded as a {kind.DESCRIPTOR.name}."
        raise Refused(refuse(pb.REASON_MALFORMED, text)) from error


def invalid(message: str, field: str) -> Refused:
    """A field of the request is none that can be meant."""
    return Refused(refuse(pb.REASON_INVALID_VALUE, message, field=field))


def _caller(peer: str) -> str:
    return f"{NOBODY}|{peer}"
