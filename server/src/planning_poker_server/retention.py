"""Purges games that ended long ago, and those that were abandoned."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

from loguru import logger

import planningpoker.v1 as pb
from planning_poker_model.limits import DAY
from planning_poker_server.clock import Clock, sleep_until
from planning_poker_server.eventlog.port import EventLog, GameFilter, GameRow, LogError
from planning_poker_server.rooms import Rooms
from planning_poker_server.settings import RetentionSettings

_ROWS: Final = 500
_AT_ONCE: Final = 50
"""Games that share a transaction …"""
_EVENTS_AT_ONCE: Final = 5_000
"""… and their events; whoever plays waits meanwhile."""
_UNENDED: Final = tuple(
    phase
    for phase in pb.GamePhase.values()
    if phase not in (pb.GAME_PHASE_UNSPECIFIED, pb.GAME_PHASE_ENDED)
)


class Retention:
    """A background task that looks for what may go, at the start and then each interval."""

    def __init__(
        self, log: EventLog, rooms: Rooms, settings: RetentionSettings, clock: Clock
    ) -> None:
        self._log = log
        self._rooms = rooms
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if there is anything that may ever go."""
        if self._settings.ended_days or self._settings.abandoned_days:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End the task; what it has not purged waits for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.purge()
            except LogError as error:
                logger.warning("old games cannot be purged now: {}", error)
            except Exception:
                logger.exception("purging old games failed")
            await sleep_until(self._clock, self._clock.now_ms() + self._settings.interval_ms)

    async def purge(self) -> int:
        """Purge all that may go now; how many these were. Raises LogError."""
        ended, abandoned = self._settings.ended_days, self._settings.abandoned_days
        purged = 0
        if ended:
            why = f"it ended more than {ended} days ago"
            purged += await self._purge((pb.GAME_PHASE_ENDED,), ended, why)
        if abandoned:
            why = f"nothing has happened in it for more than {abandoned} days"
            purged += await self._purge(_UNENDED, abandoned, why)
        # Also where none went: an earlier one may have had no chance.
        await self._rooms.sweep()
        return purged

    async def _purge(self, phases: tuple[int, ...], days: int, why: str) -> int:
        wanted = GameFilter(phases, updated_before_ms=self._clock.now_ms() - days * DAY)
        purged, behind = 0, None
        while rows := await self._log.find(wanted, behind, _ROWS):
            for group in _groups(row for row in rows if not self._is_in_use(row)):
                gone = await asyncio.gather(
                    *(self._rooms.remove(row.game_id, why, row.head) for row in group)
                )
                purged += sum(gone)
            behind = rows[-1].place
        return purged

    def _is_in_use(self, row: GameRow) -> bool:
        """Who follows a game has not abandoned it, however little happens there."""
        ended = row.summary.phase == pb.GAME_PHASE_ENDED
        return not ended and self._rooms.is_followed(row.game_id)


def _groups(rows: Iterable[GameRow]) -> Iterator[list[GameRow]]:
    """As many together as keep the log no longer than one large game does."""
    group: list[GameRow] = []
    events = 0
    for row in rows:
        events += row.head
        if group and (events > _EVENTS_AT_ONCE or len(group) >= _AT_ONCE):
            yield group
            group, events = [], row.head
        group.append(row)
    if group:
        yield group
