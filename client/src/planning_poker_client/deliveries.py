"""Who waits for the final word on an event's delivery."""

import asyncio
from collections.abc import Callable

from planning_poker_client.changes import Receipt
from planning_poker_client.errors import GameDetached, PokerError, WaitTimeout
from planning_poker_client.reports import DeliveryReport, Reports, check_reported


class Deliveries:
    """Wakes those who wait when the server has said more; everything on one event loop."""

    def __init__(
        self,
        reports: Callable[[str], Reports | None],
        problem: Callable[[], PokerError | None],
        timeout: float,
    ) -> None:
        """`reports` gives those of a game that is followed, `problem` why none can come."""
        self._reports = reports
        self._problem = problem
        self._timeout = timeout
        self._waiting: dict[str, dict[asyncio.Future[None], None]] = {}

    async def delivered(self, receipt: Receipt, timeout: float | None) -> DeliveryReport:
        """The final report on what this receipt is for; raises as `Receipt.delivered` says."""
        check_reported(receipt.command)
        seconds = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds) as limit:
                while True:
                    report = self._find(receipt)
                    if report is not None and report.final:
                        return report
                    await self._more(receipt.game_id)
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"No final delivery report came within {seconds:g} s."
            raise WaitTimeout(message) from None

    def _find(self, receipt: Receipt) -> DeliveryReport | None:
        reports = self._reports(receipt.game_id)
        found = reports.find(receipt.correlation_id, receipt.version) if reports else None
        if found is not None and found.final:
            return found
        problem = self._problem()
        if problem is None and reports is None:
            message = "The game is followed no longer, so nobody tells of its deliveries."
            problem = GameDetached(message, "LOST")
        if problem is not None:
            raise problem
        return found

    async def _more(self, game_id: str) -> None:
        more: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(game_id, {})
        waiting[more] = None
        try:
            await more
        finally:
            waiting.pop(more, None)
            if not waiting and self._waiting.get(game_id) is waiting:
                del self._waiting[game_id]

    def reported(self, game_id: str) -> None:
        """There is another report of this game."""
        for more in self._waiting.get(game_id, ()):
            if not more.done():
                more.set_result(None)

    def ended(self, game_id: str, error: PokerError) -> None:
        """Nothing more comes of this game, for now at least."""
        for more in self._waiting.get(game_id, ()):
            if not more.done():
                more.set_exception(error)
