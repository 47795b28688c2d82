"""What must hold in every run: each checker takes the evidence and names what does not."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from planning_poker_simulator.checking import (
    about_commands,
    about_effects,
    about_end,
    about_reads,
    about_streams,
    about_told,
    about_watches,
)
from planning_poker_simulator.checking.evidence import Evidence

Checker: TypeAlias = Callable[[Evidence], Iterable[str]]

CHECKERS: Final[Mapping[str, Checker]] = {
    "ordered": about_told.ordered,
    "unique": about_told.unique,
    "reliable": about_told.reliable,
    "true to the log": about_told.true_to_the_log,
    "atomic": about_streams.atomic,
    "bookmarkable": about_streams.bookmarkable,
    "resumable": about_streams.resumable,
    "sent again without a hole": about_streams.sent_again,
    "durable before it is told": about_streams.durable,
    "snapshots are the log's": about_streams.snapshots,
    "answers behind their events": about_streams.answers,
    "no redelivery without cause": about_streams.redelivery,
    "no card before its reveal": about_streams.secrecy,
    "seats know their own cards": about_streams.own_cards,
    "reports are true": about_streams.reports,
    "nobody is absent who is there": about_streams.absence,
    "protocol is kept": about_streams.protocol,
    "accepted once": about_commands.accepted_once,
    "effects are what was asked": about_effects.as_asked,
    "accepted without effect only where it is so": about_effects.nothing_to_do,
    "refused without effect": about_commands.refused_without_effect,
    "answered with its version": about_commands.answered_with_its_version,
    "one command an id": about_commands.one_command_an_id,
    "nothing that nobody asked for": about_commands.nothing_unasked,
    "watches are whole": about_watches.whole,
    "watches are true to the log": about_watches.true,
    "watches know when they are current": about_watches.caught_up,
    "watches become current": about_watches.current,
    "durable before a watch tells": about_watches.durable,
    "reads are the log's": about_reads.games,
    "histories are the log's": about_reads.histories,
    "convergence": about_end.convergence,
    "nothing is left undone": about_end.nothing_undone,
    "presence": about_end.presence,
    "reports come to an end": about_end.reports_final,
    "bounded": about_end.bounded,
    "no incident": about_end.no_incident,
}


def check(evidence: Evidence) -> list[tuple[str, str]]:
    """All that does not hold: the checker, and what it has to say."""
    return [(name, finding) for name, checker in CHECKERS.items() for finding in checker(evidence)]
