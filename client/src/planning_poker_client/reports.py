"""Who has got the critical events of a game, as far as the server said. Pure."""

from dataclasses import dataclass
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client.errors import NotReported

_KEPT: Final = 64
_UNREPORTED: Final = frozenset(
    {
        "",
        "create_game",
        "join_game",
        "add_stories",
        "update_story",
        "move_story",
        "remove_story",
        "retract_vote",
        "cancel_reveal",
        "set_deadline",
        "abandon_round",
        "reset_seat",
        "claim_facilitation",
    }
)
"""What never starts or reveals a round, accepts an estimate or ends a game. The others do, or
may: where all have voted, a vote, or a voter who leaves, can turn the cards."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """Which seats had a critical event applied when this was said; ids of players."""

    version: int
    """The event."""
    acknowledged: frozenset[str]
    """They have it."""
    pending: frozenset[str]
    """They are connected and have not said so."""
    absent: frozenset[str]
    """They are not connected."""
    final: bool
    """Whether nothing more is said of this event."""


def report_of(report: pb.DeliveryReport) -> DeliveryReport:
    """What a message says."""
    return DeliveryReport(
        version=report.version,
        acknowledged=frozenset(report.acknowledged_player_ids),
        pending=frozenset(report.pending_player_ids),
        absent=frozenset(report.absent_player_ids),
        final=report.final,
    )


def check_reported(command: str) -> None:
    """Raise NotReported for a command that never causes a critical event."""
    if command in _UNREPORTED:
        what = command.replace("_", " ") or "attaching"
        message = (
            f"There is no delivery report on {what}: the server reports on rounds that start, "
            "votes that are revealed, estimates that are accepted and games that end."
        )
        raise NotReported(message)


class Reports:
    """The last reports on the critical events of one game, at most 64 of them."""

    def __init__(self) -> None:
        self._by_version: dict[int, tuple[str, DeliveryReport]] = {}

    def take(self, report: DeliveryReport, correlation_id: str) -> None:
        """The server said this; `correlation_id` is empty where it did not name the cause."""
        cause, known = self._by_version.get(report.version, ("", None))
        if known is not None and known.final and not report.final:
            return  # said before it, and overtaken
        self._by_version[report.version] = (correlation_id or cause, report)
        if len(self._by_version) > _KEPT:
            del self._by_version[min(self._by_version)]

    def find(self, correlation_id: str, version: int) -> DeliveryReport | None:
        """The newest report on what a command caused, whose last event has this version."""
        for cause, report in self._by_version.values():
            if cause == correlation_id:
                return report
        found = self._by_version.get(version)
        return found[1] if found is not None and not found[0] else None

    @property
    def last(self) -> DeliveryReport | None:
        """The newest report on the newest event that was reported on."""
        return self._by_version[max(self._by_version)][1] if self._by_version else None

    def clear(self) -> None:
        """The log was replaced: its versions mean nothing any more."""
        self._by_version.clear()
