"""A run for people: virtual time, who, and what, a line each."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf import text_format
from google.protobuf.message import Message

import planningpoker.v1 as pb
from planning_poker_simulator.checking.history import Frame, History

_LONGEST: Final = 200


def lines(history: History) -> Iterator[str]:
    """All that happened, in order; the same seed gives the same lines, byte for byte."""
    for time, who, what in history.trace:
        if isinstance(what, Frame):
            text = _frame(what)
        elif isinstance(what, pb.ClientEnvelope):
            text = f"sends {_described(what, _OF_CLIENT)}"
        else:
            text = what
        yield f"{time:10.4f}  {who:<24}  {text}"


def digest(history: History) -> str:
    """Says whether two runs were the same, in all that the lines leave out, too."""
    total = hashlib.sha256()
    for line, (_, _, what) in zip(lines(history), history.trace, strict=True):
        total.update(line.encode() + b"\n")
        if isinstance(what, Frame):
            total.update(what.encoded)
        elif isinstance(what, pb.ClientEnvelope):
            total.update(what.SerializeToString(deterministic=True))
    for append in history.appends:
        for record in append.records:
            total.update(record.event + record.sealed)
    return total.hexdigest()


def _frame(frame: Frame) -> str:
    if frame.method == "Play":
        return f"is sent {_described(pb.ServerEnvelope.FromString(frame.encoded), _OF_SERVER)}"
    kind = f"{frame.method}{'Request' if frame.is_request else 'Response'}"
    message = getattr(pb, kind).FromString(frame.encoded)
    return f"{'asks' if frame.is_request else 'is told'} {frame.method}: {_shortly(message)}"


def _shortly(message: Message) -> str:
    text = text_format.MessageToString(message, as_one_line=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _described(envelope: pb.ServerEnvelope | pb.ClientEnvelope, kinds: "_Kinds") -> str:
    kind = envelope.WhichOneof("payload") or "nothing"
    tell = kinds.get(kind)
    details = f" {tell(getattr(envelope, kind))}" if tell is not None else ""
    cause = f" [{envelope.correlation_id[:8]}]" if envelope.correlation_id else ""
    return f"{kind}{details}{cause}"


def _batch(batch: pb.EventBatch) -> str:
    again = f", attempt {batch.attempt}" if batch.attempt > 1 else ""
    if batch.HasField("snapshot"):
        return f"{batch.game_id[:4]}: a snapshot of version {batch.snapshot.version}{again}"
    names = ", ".join(event.WhichOneof("event") or "?" for event in batch.events)
    return f"{batch.game_id[:4]}: from {batch.first_version} on {names}{again}"


def _attached(attached: pb.Attached) -> str:
    outcome = pb.AttachOutcome.Name(attached.outcome).removeprefix("ATTACH_OUTCOME_")
    seats = " ".join(attached.player_ids) or "nobody"
    return f"{attached.game_id[:4]}: {outcome} at {attached.head_version} as {seats}"


def _result(result: pb.CommandResult) -> str:
    if not result.HasField("accepted"):
        return f"refused, {pb.Reason.Name(result.refusal.reason).removeprefix('REASON_')}"
    return f"accepted, version {result.accepted.version}{', again' if result.duplicate else ''}"


def _detached(detached: pb.Detached) -> str:
    reason = pb.DetachReason.Name(detached.reason).removeprefix("DETACH_REASON_")
    return f"{detached.game_id[:4]}: {reason}"


def _report(report: pb.DeliveryReport) -> str:
    has, waits = " ".join(report.acknowledged_player_ids), " ".join(report.pending_player_ids)
    end = "final" if report.final else "so far"
    return f"{report.game_id[:4]}: version {report.version}, {end}: {has or '-'} | {waits or '-'}"


_Kinds = dict[str, Callable[[Any], str]]

_OF_SERVER: Final[_Kinds] = {
    "event_batch": _batch,
    "attached": _attached,
    "command_result": _result,
    "detached": _detached,
    "delivery_report": _report,
    "seat_state": lambda s: f"{s.game_id[:4]}: {s.player_id} has {s.card or '-'} at {s.at_version}",
    "presence_delta": lambda d: f"{d.game_id[:4]}: {sorted(d.players)}",
    "service_status": lambda s: pb.ServiceState.Name(s.state).removeprefix("SERVICE_STATE_"),
    "goodbye": lambda g: pb.GoodbyeReason.Name(g.reason).removeprefix("GOODBYE_REASON_"),
}
_OF_CLIENT: Final[_Kinds] = {
    "attach": lambda a: f"{a.game_id[:7]} behind {a.after_version}",
    "detach": lambda d: d.game_id[:4],
    "ack": lambda a: f"{a.game_id[:4]}: {a.version}",
    "command": lambda c: f"{c.game_id[:4]}: {c.WhichOneof('body')} of {c.player_id or '?'}",
}
