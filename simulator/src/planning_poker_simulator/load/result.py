"""What a load came to, for programs and for exit codes. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from planning_poker_simulator.load.effort import Effort
from planning_poker_simulator.load.plan import Plan
from planning_poker_simulator.load.statistics import Latencies


@dataclass(frozen=True, slots=True)
class Server:
    """What was measured, as far as the load can see it."""

    address: str
    embedded: bool
    cpu: float | None = None
    """Share of a core while votes were sent; like all that follows, of an embedded server only."""
    rss_bytes: int | None = None
    others_cpu: float | None = None
    """What neither it nor the generator used of the machine, in cores."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there was, until everything under way had come or was given up."""

    votes: int
    """That became due."""
    accepted: int
    """Commands of all kinds."""
    accepted_votes: int
    delivered: int
    """Events: each once for each player who was told."""
    expected: int
    """Events times players who should have been told."""
    held: int
    """Votes that had to wait for their round to open."""
    reconnects: int
    snapshots: int
    """Times that a player was given a snapshot in place of events."""


@dataclass(frozen=True, slots=True)
class Result:
    """A load that has ended."""

    plan: Plan
    server: Server
    connections: int
    seated_s: float
    """How long it took before the first vote."""
    elapsed_s: float
    """How long votes were sent."""
    interrupted: bool
    effort: Effort
    counts: Counts
    errors: Mapping[str, int]
    """By reason."""
    accepted_per_s: float
    delivered_per_s: float
    seen: Latencies | None
    """From when a vote was due until everyone was told."""
    answered: Latencies | None
    """From when a command was due until it was answered."""

    @property
    def saturated(self) -> bool:
        """Whether the generator was too busy to say anything of the server."""
        return bool(self.effort.saturated)

    def to_json(self) -> dict[str, Any]:
        """The result in JSON's types; without any figure of the server where it was saturated."""
        found: dict[str, Any] = {
            "plan": asdict(self.plan),
            "server": {"address": self.server.address, "embedded": self.server.embedded},
            "connections": self.connections,
            "seated_s": round(self.seated_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "interrupted": self.interrupted,
            "saturated": self.saturated,
            "generator": {
                "cpu": round(self.effort.cpu, 4),
                "late_p99_ms": round(self.effort.late_p99_ms, 3),
                "loop_p99_ms": round(self.effort.loop_p99_ms, 3),
            },
        }
        if self.saturated:
            return found | {"reasons": self.effort.saturated}
        found["server"] = asdict(self.server)
        return found | {
            "counts": asdict(self.counts),
            "errors": dict(sorted(self.errors.items())),
            "throughput": {
                "accepted_per_s": round(self.accepted_per_s, 1),
                "delivered_per_s": round(self.delivered_per_s, 1),
            },
            "latency": {"seen": _rounded(self.seen), "answered": _rounded(self.answered)},
        }


def _rounded(found: Latencies | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {name: round(value, 3) for name, value in found._asdict().items()}


def shortfalls(result: Result, max_errors: int, p99_ms: float | None) -> list[str]:
    """What was asked for and not kept, in sentences; empty if all was."""
    found = []
    errors = sum(result.errors.values())
    if errors > max_errors:
        found.append(f"There were {errors:,} errors, and at most {max_errors:,} are allowed.")
    counts = result.counts
    if counts.delivered != counts.expected:
        found.append(f"{counts.delivered:,} events were delivered of {counts.expected:,}.")
    if p99_ms is not None:
        if result.seen is None:
            found.append("No vote was seen by everyone, so that nothing is known of its p99.")
        elif result.seen.p99_ms > p99_ms:
            is_ = f"{result.seen.p99_ms:.1f} ms"
            found.append(f"Votes were seen after {is_} at p99, and {p99_ms:g} ms are allowed.")
    return found
