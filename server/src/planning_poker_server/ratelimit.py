"""Token buckets. Pure: time is an argument."""

import math
from collections import OrderedDict
from typing import Final

# What is short of a whole token only by rounding counts as whole, so that
# whoever waits as told is let through.
_WHOLE: Final = 1 - 1e-6


class Bucket:
    """Allows `burst` at once and `per_second` in the long run."""

    __slots__ = ("_burst", "_per_ms", "_tokens", "_updated_ms")

    def __init__(self, per_second: float, burst: int, now_ms: int) -> None:
        self._per_ms = per_second / 1_000
        self._burst = burst
        self._tokens = float(burst)
        self._updated_ms = now_ms

    def take(self, now_ms: int) -> int:
        """0 if allowed, else how many ms to wait."""
        elapsed = max(0, now_ms - self._updated_ms)
        self._tokens = min(self._burst, self._tokens + elapsed * self._per_ms)
        self._updated_ms = now_ms
        if self._tokens >= _WHOLE:
            self._tokens = max(0.0, self._tokens - 1)
            return 0
        return max(1, math.ceil((1 - self._tokens) / self._per_ms))

    def charge(self, tokens: int) -> None:
        """Something cost more than was taken; never more than a burst is owed."""
        self._tokens = max(float(-self._burst), self._tokens - tokens)

    def give_back(self) -> None:
        """What was allowed last does not count after all."""
        self._tokens = min(self._burst, self._tokens + 1)


class Buckets:
    """A bucket for each key, for the `capacity` keys seen last."""

    def __init__(self, per_minute: float, burst: int | None = None, capacity: int = 10_000) -> None:
        """`burst` at once; by default what a minute allows."""
        self._per_minute = per_minute
        self._burst = int(per_minute) if burst is None else burst
        self._capacity = capacity
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str, now_ms: int) -> int:
        """0 if allowed, else how many ms to wait."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = Bucket(self._per_minute / 60, self._burst, now_ms)
            self._buckets[key] = bucket
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now_ms)

    def charge(self, key: str, tokens: int) -> None:
        """Something under this key cost more than was taken."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.charge(tokens)

    def give_back(self, key: str) -> None:
        """What was allowed last under this key does not count after all."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.give_back()
