"""A token bucket, so that the server's limit on commands is kept and not run into. Pure."""

from typing import Final

_MARGIN: Final = 0.8
"""Share of the limit that is used: on the way, messages bunch up."""


class Pace:
    """At most `burst` at once and `per_second` in the long run, less a margin."""

    def __init__(self, per_second: float, burst: int, now: float) -> None:
        self._rate = per_second * _MARGIN
        self._burst = max(1.0, burst * _MARGIN)
        self._tokens = self._burst
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more may go now."""
        if self._rate <= 0:
            return True  # the server named no limit
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # Rounding may leave a token a hair short at the very time that `ready` named.
        if self._tokens < 1 - 1e-6:
            return False
        self._tokens -= 1
        return True

    def ready(self) -> float:
        """When the next one may go."""
        if self._rate <= 0 or self._tokens >= 1:
            return self._at
        return self._at + (1 - self._tokens) / self._rate
