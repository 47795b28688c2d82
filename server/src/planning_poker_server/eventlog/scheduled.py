"""What is known of the timers in the log, so that most appends leave them alone."""

from collections.abc import Iterable
from typing import Final

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import Proposal

_MAX_GAMES: Final = 10_000


class Scheduled:
    """The timers of the games that were written last, each at a version.

    Timers change with the head only, so what was written at the head that an
    append expects is what the log holds, whoever else writes to it.
    """

    def __init__(self, max_games: int = _MAX_GAMES) -> None:
        self._max_games = max_games
        self._known: dict[str, tuple[int, tuple[Timer, ...]]] = {}

    def differs(self, proposal: Proposal) -> bool:
        """Whether the log may hold other timers than this proposal wants."""
        if proposal.expected_head == 0:
            return bool(proposal.timers)
        head, timers = self._known.get(proposal.game_id, (0, ()))
        return head != proposal.expected_head or timers != tuple(proposal.timers)

    def committed(self, proposals: Iterable[Proposal]) -> None:
        """These are in the log now; in the order they were written."""
        for proposal in proposals:
            if not proposal.records:
                continue
            # Out and in again: the first in the dictionary is who was written longest ago.
            self._known.pop(proposal.game_id, None)
            head = proposal.expected_head + len(proposal.records)
            self._known[proposal.game_id] = head, tuple(proposal.timers)
        while len(self._known) > self._max_games:
            del self._known[next(iter(self._known))]
