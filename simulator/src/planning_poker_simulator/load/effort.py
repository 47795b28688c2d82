"""What the load cost its own process, and whether it was too much to measure anything. Pure."""

from typing import Final, NamedTuple

MAX_CPU: Final = 0.85
"""Of one core: above, answers wait for the generator, and that would be measured."""
MAX_LATE_MS: Final = 25.0
"""At p99, for sending and for the event loop alike."""
GIVE_UP_LATE_S: Final = 1.0
"""When a vote is taken up that late, nothing else needs to be waited for."""


class Effort(NamedTuple):
    """The generator itself, over the time in which it sent votes."""

    cpu: float
    """Share of one core."""
    late_p99_ms: float
    """How long after its time a vote was taken up."""
    loop_p99_ms: float
    """How late the event loop was when it was asked to wake up."""
    gave_up: bool = False
    """It was so late that it stopped."""

    @property
    def saturated(self) -> list[str]:
        """Why its latencies say nothing of the server; empty if they do."""
        found = []
        if self.gave_up:
            found.append(f"it fell behind its own schedule by {GIVE_UP_LATE_S:g} s and stopped")
        if self.cpu > MAX_CPU:
            found.append(f"it used {self.cpu:.0%} of a core; at most {MAX_CPU:.0%} is sound")
        if self.late_p99_ms > MAX_LATE_MS:
            found.append(f"votes were sent {self.late_p99_ms:.0f} ms late at p99 {_BOUND}")
        if self.loop_p99_ms > MAX_LATE_MS:
            found.append(f"its event loop was {self.loop_p99_ms:.0f} ms late at p99 {_BOUND}")
        return found


_BOUND: Final = f"(bound: {MAX_LATE_MS:.0f} ms)"
