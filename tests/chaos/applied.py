"""Which checkers of the simulation judge what was recorded of real processes, and on what."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from planning_poker_client import Change
from planning_poker_simulator.checking.checkers import CHECKERS, Checker
from planning_poker_simulator.checking.evidence import Evidence, Message
from planning_poker_simulator.checking.history import Accepted, Refused

NOT_APPLIED: Final[Mapping[str, str]] = {}
"""By checker: why it cannot be."""

APPLIED: Final[Mapping[str, Checker]] = {
    name: checker for name, checker in CHECKERS.items() if name not in NOT_APPLIED
}

Count: TypeAlias = Callable[[Evidence], int]


def _count(them: Iterable[object]) -> int:
    return sum(1 for _ in them)


def _changes(evidence: Evidence) -> int:
    items = (item for told in evidence.history.told for _, item in told.items)
    return _count(item for item in items if isinstance(item, Change))


def _messages(kind: str, which: Callable[[Message, Any], bool] = lambda _, __: True) -> Count:
    """How many messages of a kind there are of which something is true."""

    def count(evidence: Evidence) -> int:
        return _count(
            message
            for message in evidence.of_kind(kind)
            if which(message, getattr(message.envelope, kind))
        )

    return count


def _said(kind: str) -> Count:
    def count(evidence: Evidence) -> int:
        said = (each for stream in evidence.history.streams for each in stream.said)
        return _count(each for each in said if each.envelope.HasField(kind))  # type: ignore[arg-type]

    return count


def _outcomes(kind: type[object]) -> Count:
    def count(evidence: Evidence) -> int:
        outcomes = (each for asked in evidence.history.asked for each in asked.outcomes)
        return _count(each for each in outcomes if isinstance(each, kind))

    return count


def _events(name: str = "") -> Count:
    """How many events are in the log, of this kind or of all."""

    def count(evidence: Evidence) -> int:
        events = (event for truth in evidence.truths.values() for event in truth.events)
        return _count(event for event in events if name in ("", event.WhichOneof("event")))

    return count


def _fed(evidence: Evidence) -> int:
    return sum(len(fed.items) for fed in evidence.history.fed)


def _shown(evidence: Evidence) -> int:
    return len(evidence.history.shown)


def _snapshots(evidence: Evidence) -> int:
    of = _messages("attached", lambda _, attached: attached.HasField("snapshot"))
    return of(evidence)


LOOKED_AT: Final[Mapping[str, Count]] = {
    "ordered": _changes,
    "unique": _changes,
    "reliable": _changes,
    "true to the log": _changes,
    "atomic": _messages("attached"),
    "bookmarkable": _said("ack"),
    "resumable": _messages("event_batch"),
    "sent again without a hole": _messages("event_batch", lambda _, batch: batch.attempt > 1),
    "durable before it is told": _messages("event_batch"),
    "snapshots are the log's": _snapshots,
    "answers behind their events": _messages("command_result"),
    "no redelivery without cause": _messages("event_batch", lambda m, _: not m.stream.disturbed),
    "no card before its reveal": _messages("seat_state", lambda _, state: bool(state.comment)),
    "seats know their own cards": _messages("seat_state"),
    "reports are true": _messages(
        "delivery_report", lambda _, report: bool(report.acknowledged_player_ids)
    ),
    "nobody is absent who is there": _events("votes_revealed"),
    "protocol is kept": _messages("command_result"),
    "accepted once": _outcomes(Accepted),
    "effects are what was asked": _outcomes(Accepted),
    "accepted without effect only where it is so": _outcomes(Accepted),
    "refused without effect": _outcomes(Refused),
    "answered with its version": _outcomes(Accepted),
    "one command an id": lambda evidence: len(evidence.history.reused),
    "nothing that nobody asked for": _events(),
    "watches are whole": _fed,
    "watches are true to the log": _fed,
    "watches know when they are current": lambda evidence: _count(
        caught for fed in evidence.history.fed for caught in fed.caught_up
    ),
    "watches become current": _fed,
    "durable before a watch tells": _fed,
    "reads are the log's": lambda evidence: len(evidence.history.reads),
    "histories are the log's": lambda evidence: len(evidence.history.read_histories),
    "convergence": _shown,
    "nothing is left undone": _shown,
    "presence": _shown,
    "reports come to an end": _messages("delivery_report", lambda m, _: m.stream.closed_ms is None),
    "bounded": lambda evidence: len(evidence.history.gauges),
}
"""How much each checker had to look at; none that found nothing may have had nothing."""


def findings(evidence: Evidence) -> list[tuple[str, str]]:
    """All that does not hold: the checker, and what it has to say."""
    return [(name, finding) for name, checker in APPLIED.items() for finding in checker(evidence)]
