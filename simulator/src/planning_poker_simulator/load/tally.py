"""What a run has seen so far. Pure: time is an argument."""

from array import array
from collections import Counter

import planningpoker.v1 as pb


class Tally:
    """Counters and latencies; `begin` starts them anew."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """What came before does not count."""
        self.votes = 0
        """That became due."""
        self.accepted = 0
        """Commands of all kinds."""
        self.accepted_votes = 0
        self.delivered = 0
        """Events: each once for each player who was told."""
        self.errors: Counter[str] = Counter()
        """By reason: of refusals those of the contract, of streams STREAM_ and a status."""
        self.reconnects = 0
        self.snapshots = 0
        """Players who were given a snapshot in place of the events they missed."""
        self.held = 0
        """Votes that were due before their round was open."""
        self.seen_due_s = array("d")
        """When each vote that everyone has seen was due, after the beginning."""
        self.seen_ms = array("d")
        """From that time until the last player was told; in the same order."""
        self.answered_ms = array("d")
        """From when a command was due, or sent where nothing made it due, to its answer."""
        self.late_ms = array("d")
        """How long after its time each vote was taken up."""

    def answer(self, result: pb.CommandResult, took_ms: float) -> None:
        """A command was answered."""
        self.answered_ms.append(took_ms)
        if result.HasField("refusal"):
            self.errors[reason(result.refusal)] += 1
        else:
            self.accepted += 1


def reason(refusal: pb.Refusal) -> str:
    """The name of a refusal's reason, as the contract has it; a newer one by its number."""
    try:
        return pb.Reason.Name(refusal.reason).removeprefix("REASON_")
    except ValueError:
        return f"REASON_{refusal.reason}"
