"""Test tools for what is built on the planning-poker service.

With pytest, take the fixture `poker_server`; elsewhere:

async with PokerServer(folder) as server, PokerClient(server.address) as client:
    game = await client.create_game("Sprint 12", player="Ada")
    server.clock.advance(seconds=60)
    server.network.cut()
    await server.crash()
    await server.restart()
"""

from planning_poker_simulator.clock import AdvancingClock
from planning_poker_simulator.faults import Direction, Faults
from planning_poker_simulator.link import Cut, Link
from planning_poker_simulator.proxy import FaultProxy
from planning_poker_simulator.server import BlockingPokerServer, PokerServer

__all__ = [
    "AdvancingClock",
    "BlockingPokerServer",
    "Cut",
    "Direction",
    "FaultProxy",
    "Faults",
    "Link",
    "PokerServer",
]
