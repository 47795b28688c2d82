"""Checkers of what was read."""

from collections.abc import Iterator

from planning_poker_simulator.checking.evidence import Evidence, Truth


def games(evidence: Evidence) -> Iterator[str]:
    """A game that is read is what a cold replay shows, and as new as was asked for."""
    for read in evidence.history.reads:
        truth, version = evidence.truths.get(read.game_id), read.game.version
        if truth is None or truth.views.get(version) != read.game:
            yield f"{read.client} read a wrong version {version}"
        elif version < read.at_least:
            yield f"{read.client} read version {version}, asking for {read.at_least} or later"
        if read.exactly is not None and version != read.exactly:
            yield f"{read.client} read version {version}, asking for {read.exactly}"


def histories(evidence: Evidence) -> Iterator[str]:
    """A history that was read to its end is that of the log, and has all there was."""
    for read in evidence.history.read_histories:
        truth = evidence.truths.get(read.game_id)
        events = truth.events if truth is not None else []
        through = read.after + len(read.events)
        if list(read.events) != events[read.after : through]:
            yield f"{read.client} read a wrong history behind version {read.after}"
        elif truth is not None and through < _had(truth, read.asked):
            yield f"{read.client} read the history up to {through} only"


def _had(truth: Truth, time: float) -> int:
    """The version that was there at a time."""
    return sum(committed < time for committed in truth.committed_at)
