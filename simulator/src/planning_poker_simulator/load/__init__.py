"""`poker-sim load`: many games on one server at a fixed rate, and how late everyone is told."""

from planning_poker_simulator.load.arguments import add_load, run_load

__all__ = ["add_load", "run_load"]
