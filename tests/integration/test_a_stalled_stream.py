"""Who was cut off for taking nothing is told so, and is back as soon as it reads again."""

from pathlib import Path

import pytest

import planningpoker.v1 as pb
from planning_poker_client import ClientOptions, PokerClient
from planning_poker_simulator import FaultProxy, PokerServer
from tests.integration.raw import eventually

EAGER = ClientOptions(backoff_first=0.01, backoff_longest=0.05)
PATIENCE_S = 10.0
MIB = 1 << 20
LONG = "\N{CJK UNIFIED IDEOGRAPH-724C}" * 4_000
# So much is sent without being acknowledged that the transport takes no more.
SETTINGS = {
    "stream": {
        "window_events": 5_000,
        "window_bytes": 16 * MIB,
        "max_outbox_bytes": 16 * MIB,
        "max_outbox_frames": 5_000,
        "commands_per_second": 5_000.0,
        "command_burst": 5_000,
    }
}


@pytest.mark.redelivers
async def test_a_client_that_reads_again_after_it_was_cut_off_comes_back_at_once(
    tmp_path: Path,
) -> None:
    async with (
        PokerServer(tmp_path, SETTINGS) as server,
        FaultProxy(server.address) as line,
        PokerClient(server.address, options=EAGER) as ada_client,
        PokerClient(line.address, options=EAGER) as bob_client,
    ):
        ada = await ada_client.create_game("Sprint 12", player="Ada")
        bob = await bob_client.join(ada.join_code, "Bob")
        story = await ada.add_story("Login page")
        line.stop_reading()
        for number in range(500):
            await ada.update_story(story, description=f"{number} {LONG}"[:4_000])
        before = server.connections
        server.clock.advance(seconds=61)
        await eventually(lambda: server.connections == before - 1)
        line.restore()
        await ada.start_round()
        # Long before the client's own heartbeat finds out.
        await bob.wait_for(lambda view: view.phase == pb.GAME_PHASE_VOTING, timeout=PATIENCE_S)
