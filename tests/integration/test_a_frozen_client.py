"""A client that freezes, as in a laptop whose lid is closed, and thaws again."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from planning_poker_client import Game, PokerClient
from tests.integration.figures import tell
from tests.integration.process import ServerProcess
from tests.integration.raw import PATIENCE_S
from tests.integration.sitting import sitting

NOTICED_WITHIN_S = 30.0


async def presence(game: Game, player_id: str, *, present: bool, within: float) -> float:
    """Seconds until a player is shown as connected, or as not."""
    begun = time.monotonic()
    async with asyncio.timeout(within):
        while (player_id in game.presence) is not present:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return time.monotonic() - begun


@pytest.mark.alone
@pytest.mark.redelivers
async def test_it_is_noticed_within_30_s_by_default_and_comes_back_by_itself(
    tmp_path: Path,
) -> None:
    async with (
        ServerProcess(tmp_path) as server,
        PokerClient(server.address) as client,
    ):
        ada = await client.create_game("Sprint 12", player="Ada")
        async with sitting(server.address, ada.join_code, "Bob") as bob:
            seat = (await bob.says("seat"))[-1].split()[1]
            await presence(ada, seat, present=True, within=PATIENCE_S)
            await bob.says("change", (await ada.start_round()).version)

            bob.signal(signal.SIGSTOP)
            gone_after = await presence(ada, seat, present=False, within=NOTICED_WITHIN_S)
            missed = (await ada.vote("8")).version

            bob.signal(signal.SIGCONT)
            back_after = await presence(ada, seat, present=True, within=PATIENCE_S)
            heard = await bob.says("change", missed)
            assert "state Reconnecting" in heard
            assert list(ada.view.players) == [ada.player_id, seat]
            await ada.end()
            await bob.says("change", ada.view.version)
            assert await bob.ends() == 0
        tell(
            {
                "shown as disconnected after": f"{gone_after:.1f} s",
                "connected again after": f"{back_after:.1f} s",
            }
        )
