"""The paths that some run must take: a simulation that never goes there proves nothing of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import planningpoker.v1 as pb
from planning_poker_simulator.checking.evidence import Evidence, Message
from planning_poker_simulator.checking.history import Unknown
from planning_poker_simulator.simulation.plan import FAULTS

PATHS: Final = (
    *(f"fault: {kind}" for kind in FAULTS if kind != "disk_flaky"),
    "disk: append failed before the commit",
    "disk: append in doubt, committed",
    "disk: append in doubt, not committed",
    "disk: slow append",
    "disk: conflict",
    "command: repeated",
    "command: repeated after its process died",
    "command: answered with its first answer",
    "command: outcome unknown",
    "command: unknown, and in the log",
    "command: unknown, and not in the log",
    "command: never sent",
    "command: refused, since its id was used",
    "attach: FRESH",
    "attach: RESUMED",
    "attach: RESUMED with events behind it",
    "attach: SNAPSHOT",
    "batch: several events",
    "batch: replay",
    "batch: sent again",
    "batch: a snapshot sent again",
    "batch: a snapshot instead of what waited",
    "detached: REMOVED",
    "detached: REQUESTED",
    "detached: SLOW",
    "detached: SUPERSEDED",
    "detached: UNACKNOWLEDGED",
    "goodbye: DRAINING",
    "status: DEGRADED",
    "status: AVAILABLE",
    "report: interim",
    "report: complete",
    "report: somebody has it not",
    "report: somebody is absent",
    "report: in Attached",
    "reveal: by a player",
    "reveal: by itself",
    "reveal: finds somebody absent",
    "refused: DRAINING",
    "refused: LOG_UNAVAILABLE",
    "refused: ROUND_CLOSED",
    "refused: SEAT_NOT_HELD",
    "room: two commands in one append",
    "sdk: changes collapsed",
    "sdk: rolled back",
    "sdk: offline vote sent",
    "game: ended",
    "watch: caught up",
    "watch: gone on from its cursor",
    "execute: a command",
    "execute: repeated",
    "read: a game",
    "read: a history",
    "read: what one wrote",
)


def paths(evidence: Evidence) -> Counter[str]:
    """How often each path was taken in a run."""
    taken = Counter(evidence.history.sometimes)
    for messages in evidence.messages:
        for message in messages:
            taken.update(_of_message(message))
        taken.update(_of_resuming(messages))
    for truth in evidence.truths.values():
        for event in truth.events:
            if event.HasField("votes_revealed"):
                taken["reveal: by a player" if event.actor_id else "reveal: by itself"] += 1
                if event.votes_revealed.absent_player_ids:
                    taken["reveal: finds somebody absent"] += 1
    for asked in evidence.history.asked:
        log = evidence.truths.get(asked.game_id)
        if any(isinstance(outcome, Unknown) for outcome in asked.outcomes):
            done = log is not None and (asked.actor, asked.correlation_id) in log.caused
            taken["command: outcome unknown"] += 1
            taken[f"command: unknown, and {'' if done else 'not '}in the log"] += 1
    for append in evidence.history.appends:
        causes = {pb.GameEvent.FromString(record.event).correlation_id for record in append.records}
        taken["room: two commands in one append"] += len(causes) > 1
    return taken


def _of_message(message: Message) -> Iterator[str]:
    envelope = message.envelope
    match message.kind:
        case "attached":
            outcome = pb.AttachOutcome.Name(envelope.attached.outcome)
            yield f"attach: {outcome.removeprefix('ATTACH_OUTCOME_')}"
            if envelope.attached.HasField("last_report"):
                yield "report: in Attached"
        case "event_batch":
            yield from _of_batch(envelope.event_batch)
        case "detached":
            reason = pb.DetachReason.Name(envelope.detached.reason)
            yield f"detached: {reason.removeprefix('DETACH_REASON_')}"
        case "goodbye":
            reason = pb.GoodbyeReason.Name(envelope.goodbye.reason)
            yield f"goodbye: {reason.removeprefix('GOODBYE_REASON_')}"
        case "service_status":
            state = pb.ServiceState.Name(envelope.service_status.state)
            yield f"status: {state.removeprefix('SERVICE_STATE_')}"
        case "delivery_report":
            report = envelope.delivery_report
            if not report.final:
                yield "report: interim"
            else:
                missing = report.pending_player_ids
                yield "report: somebody has it not" if missing else "report: complete"
                if report.absent_player_ids:
                    yield "report: somebody is absent"
        case "command_result":
            if envelope.command_result.duplicate:
                yield "command: answered with its first answer"
            if envelope.command_result.HasField("refusal"):
                reason = pb.Reason.Name(envelope.command_result.refusal.reason)
                yield f"refused: {reason.removeprefix('REASON_')}"


def _of_batch(batch: pb.EventBatch) -> Iterator[str]:
    if batch.HasField("snapshot"):
        again = batch.attempt > 1
        yield "batch: a snapshot sent again" if again else _COLLAPSED
    elif batch.attempt > 1:
        yield "batch: sent again"
    if len(batch.events) > 1:
        yield "batch: several events"
    if batch.replay:
        yield "batch: replay"


_COLLAPSED: Final = "batch: a snapshot instead of what waited"


def _of_resuming(messages: list[Message]) -> Iterator[str]:
    resumed = False
    for message in messages:
        if message.kind == "attached":
            resumed = message.envelope.attached.outcome == pb.ATTACH_OUTCOME_RESUMED
        elif message.kind == "event_batch" and resumed and message.envelope.event_batch.replay:
            yield "attach: RESUMED with events behind it"
            resumed = False
