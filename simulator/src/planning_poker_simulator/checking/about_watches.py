"""Checkers of what watches of the feed were told, however often they began anew."""

from collections.abc import Iterator
from typing import Final

import planningpoker.v1 as pb
from planning_poker_simulator.checking.evidence import Evidence
from planning_poker_simulator.checking.history import Fed

_NEVER: Final = float("inf")


def whole(evidence: Evidence) -> Iterator[str]:
    """Each event that is wanted is told once, in the order of the log, without a hole."""
    for fed in evidence.history.fed:
        wanted = [(game_id, event.version) for _, game_id, event in _wanted(evidence, fed)]
        for place, (game_id, event) in enumerate(fed.items):
            due = wanted[place] if place < len(wanted) else None
            if (game_id, event.version) != due:
                yield f"{fed.client} was told {_named(game_id, event)}, and {_due(due)} was next"
                break


def true(evidence: Evidence) -> Iterator[str]:
    """What is told is what the log has."""
    for fed in evidence.history.fed:
        for game_id, event in fed.items:
            truth = evidence.truths.get(game_id)
            if truth is None or event.version > truth.head:
                yield f"{fed.client} was told {_named(game_id, event)}, which is in no log"
            elif event != truth.events[event.version - 1]:
                yield f"{fed.client} was told something else as {_named(game_id, event)}"


def caught_up(evidence: Evidence) -> Iterator[str]:
    """Who is told to have caught up has all that anybody was told of when the watch began."""
    for fed in evidence.history.fed:
        told = [
            evidence.first_told.get((game_id, event.version), _NEVER)
            for _, game_id, event in _wanted(evidence, fed)
        ]
        for caught in fed.caught_up:
            before = sum(time < caught.opened for time in told)
            if caught.after < before:
                yield f"{fed.client} was told to be current with {caught.after} of {before} events"


def current(evidence: Evidence) -> Iterator[str]:
    """In the end everything that is wanted was told."""
    for fed in evidence.history.fed:
        wanted = len(_wanted(evidence, fed))
        if len(fed.items) < wanted:
            yield f"{fed.client} was told {len(fed.items)} of {wanted} events"


def durable(evidence: Evidence) -> Iterator[str]:
    """What a call tells was committed before."""
    committed = {(game_id, event.version): time for time, game_id, event in evidence.feed}
    for call in evidence.history.calls:
        if call.method != "WatchEvents":
            continue
        for written in call.written:
            for told in pb.WatchEventsResponse.FromString(written.frame).events.events:
                time = committed.get((told.game_id, told.event.version))
                if time is None or time > written.time:
                    named = _named(told.game_id, told.event)
                    yield f"{call.client} was told {named} before it was committed"


def _wanted(evidence: Evidence, fed: Fed) -> list[tuple[float, str, pb.GameEvent]]:
    return [
        (time, game_id, event)
        for time, game_id, event in evidence.feed
        if fed.game_id in ("", game_id)
        and (not fed.names or event.WhichOneof("event") in fed.names)
    ]


def _named(game_id: str, event: pb.GameEvent) -> str:
    return f"version {event.version} of {game_id[:4]}"


def _due(due: tuple[str, int] | None) -> str:
    return "nothing" if due is None else f"version {due[1]} of {due[0][:4]}"
