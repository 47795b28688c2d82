"""Checkers of what programs are told of a game, from each `changes()` on."""

from collections.abc import Iterator

from planning_poker_client import Change, Resynced
from planning_poker_simulator.checking.evidence import Evidence
from planning_poker_simulator.checking.history import Told


def ordered(evidence: Evidence) -> Iterator[str]:
    """Versions never go back."""
    for told in evidence.history.told:
        last = told.begin
        for version in _versions(told):
            if version < last:
                yield f"{told.client} was told of version {version} behind {last}"
            last = version


def unique(evidence: Evidence) -> Iterator[str]:
    """No event is told twice."""
    for told in evidence.history.told:
        seen: set[int] = set()
        for _, item in told.items:
            if isinstance(item, Change):
                if item.version in seen or item.version <= told.begin:
                    yield f"{told.client} was told of version {item.version} twice"
                seen.add(item.version)


def reliable(evidence: Evidence) -> Iterator[str]:
    """Nothing is left out, unless a snapshot stands for it and says so."""
    for told in evidence.history.told:
        at = told.begin
        for _, item in told.items:
            if isinstance(item, Resynced):
                if item.from_version != at:
                    yield f"{told.client} was resynced from {item.from_version}, being at {at}"
                at = item.to_version
            elif isinstance(item, Change):
                if item.version > at + 1:
                    yield f"{told.client} was told of version {item.version} behind {at}"
                at = item.version


def true_to_the_log(evidence: Evidence) -> Iterator[str]:
    """What is told is what the log has."""
    for told in evidence.history.told:
        truth = evidence.truths.get(told.game_id)
        for _, item in told.items:
            if not isinstance(item, Change):
                continue
            if truth is None or item.version > truth.head:
                yield f"{told.client} was told of version {item.version}, which the log has not"
            elif item.event != truth.events[item.version - 1]:
                yield f"{told.client} was told something else of version {item.version}"


def _versions(told: Told) -> Iterator[int]:
    for _, item in told.items:
        if isinstance(item, Change):
            yield item.version
        elif isinstance(item, Resynced):
            yield item.to_version
