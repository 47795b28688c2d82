"""How long a call without a command is tried for. Time and chance enter here."""

import asyncio
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client.calls.statuses import Status
from planning_poker_client.endpoint import Endpoint
from planning_poker_client.errors import CommandRefused, ConnectionFailed, PokerError

# What another try may heal: reading twice does nothing twice.
_AGAIN: Final = frozenset({"UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN"})
_OF_THE_MOMENT: Final = frozenset(
    {pb.REASON_TOO_MANY_COMMANDS, pb.REASON_TOO_MANY_CONNECTIONS, pb.REASON_TIMEOUT}
)


class Patience:
    """How long a read is tried for."""

    def __init__(self, endpoint: Endpoint, timeout: float | None) -> None:
        self._target = endpoint.target
        self._chance = endpoint.chance
        self._options = endpoint.options
        within = self._options.command_timeout if timeout is None else timeout
        self._deadline = asyncio.get_running_loop().time() + within
        self._failures = 0

    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    async def after(self, status: Status) -> None:
        """Wait before the next try; raises PokerError where another one would not help."""
        if status.code not in _AGAIN and status.reason not in _OF_THE_MOMENT:
            raise self._failed(status)
        doublings = min(self._failures, 32)
        self._failures += 1
        longest = min(self._options.backoff_first * 2.0**doublings, self._options.backoff_longest)
        pause = self._chance.random() * longest + status.retry_after.total_seconds()
        if pause >= self.left():
            raise self._failed(status)
        await asyncio.sleep(pause)

    def _failed(self, status: Status) -> PokerError:
        if status.reason != pb.REASON_UNSPECIFIED:
            return CommandRefused(status.refusal)
        if status.code == "UNIMPLEMENTED":
            message = f"What answers at {self._target} does not know this call."
            return ConnectionFailed(message, retryable=False)
        said = (status.message or status.code).rstrip(".")
        message = f"{self._target} did not answer: {said}."
        return ConnectionFailed(message, retryable=status.code in _AGAIN | {"DEADLINE_EXCEEDED"})
