"""Checkers of commands: their effects in the log, and what was answered."""

from collections import Counter
from collections.abc import Iterator

import planningpoker.v1 as pb
from planning_poker_simulator.checking.evidence import MAY_CHANGE_NOTHING, Evidence
from planning_poker_simulator.checking.history import Accepted, Asked, Unknown


def _effects(evidence: Evidence, asked: Asked) -> list[tuple[int, pb.GameEvent]]:
    """The events of a command, each with the append that brought it."""
    truth = evidence.truths.get(asked.game_id)
    if truth is None:
        return []
    return [
        (truth.appends[version - 1], truth.events[version - 1])
        for version in truth.caused.get((asked.actor, asked.correlation_id), ())
    ]


def accepted_once(evidence: Evidence) -> Iterator[str]:
    """A command has its effect once at most; that an accepted one has it, about_effects tells."""
    for asked in evidence.history.asked:
        effects = _effects(evidence, asked)
        kinds = Counter(event.WhichOneof("event") for _, event in effects)
        if len({append for append, _ in effects}) > 1 or any(n > 1 for n in kinds.values()):
            versions = [event.version for _, event in effects]
            yield f"{asked.name} {asked.correlation_id} has its effect twice: {versions}"


def refused_without_effect(evidence: Evidence) -> Iterator[str]:
    """What was refused, or never sent, each time it was given is not in the log."""
    for asked in evidence.history.asked:
        unanswered = asked.given > len(asked.outcomes)
        may = unanswered or any(isinstance(each, Accepted | Unknown) for each in asked.outcomes)
        if not may and _effects(evidence, asked):
            yield f"{asked.name} {asked.correlation_id} is in the log: {asked.outcomes}"


def answered_with_its_version(evidence: Evidence) -> Iterator[str]:
    """Each acceptance of a command names the version of its last event."""
    for asked in evidence.history.asked:
        effects = _effects(evidence, asked)
        if not effects:
            continue
        last = effects[-1][1].version
        for outcome in asked.outcomes:
            if isinstance(outcome, Accepted) and outcome.version != last:
                if outcome.version < last and asked.name in MAY_CHANGE_NOTHING:
                    continue  # it had changed nothing, left no receipt, and was decided anew
                yield (
                    f"{asked.name} {asked.correlation_id} was answered with {outcome.version}, "
                    f"and is in the log at {last}"
                )


def one_command_an_id(evidence: Evidence) -> Iterator[str]:
    """The id of a command that had its effect is never taken for another one."""
    for asked, name, outcome in evidence.history.reused:
        if isinstance(outcome, Accepted):
            yield f"{name} was accepted under {asked.correlation_id}, which is a {asked.name}"


def nothing_unasked(evidence: Evidence) -> Iterator[str]:
    """Every event that a seat caused is the effect of a command under its own id."""
    known = {asked.correlation_id for asked in evidence.history.asked}
    known.update(evidence.history.taken)
    # Coming back takes the seat that was being taken when the process ended.
    for stream in evidence.history.streams:
        for said in stream.said:
            if said.envelope.command.HasField("join_game"):
                known.add(said.envelope.correlation_id)
    for truth in evidence.truths.values():
        for event in truth.events:
            if event.actor_id and event.correlation_id not in known:
                yield f"version {event.version} of {event.actor_id} was asked for by nobody"
