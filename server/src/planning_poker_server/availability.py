"""Whether the log takes what is decided, and who is told when that changes. Pure."""

from collections.abc import Callable
from typing import Final

import planningpoker.v1 as pb

_RETRY_S: Final = 1


class Availability:
    """AVAILABLE while appends succeed; READ_ONLY_MODE from a failure to the next success."""

    def __init__(self) -> None:
        self.degraded = False
        self._listeners: list[Callable[[pb.ServiceStatus], None]] = []

    def listen(self, listener: Callable[[pb.ServiceStatus], None]) -> None:
        """Have each change told; for as long as the server lives."""
        self._listeners.append(listener)

    @property
    def status(self) -> pb.ServiceStatus:
        """What clients are told of it."""
        if not self.degraded:
            return pb.ServiceStatus(
                state=pb.SERVICE_STATE_AVAILABLE, message="Everything works again."
            )
        status = pb.ServiceStatus(
            state=pb.SERVICE_STATE_DEGRADED,
            message="Nothing can be changed at the moment; what you see goes on.",
            fallback=pb.FALLBACK_READ_ONLY_MODE,
        )
        status.retry_delay.seconds = _RETRY_S
        return status

    def failed(self) -> bool:
        """The log did not take something, or may not have; True if that is news."""
        news = not self.degraded
        self._become(degraded=True)
        return news

    def worked(self) -> None:
        """The log took something."""
        self._become(degraded=False)

    def _become(self, *, degraded: bool) -> None:
        if degraded == self.degraded:
            return
        self.degraded = degraded
        for listener in self._listeners:
            listener(self.status)
