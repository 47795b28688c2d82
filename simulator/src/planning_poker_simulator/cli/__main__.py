"""`python -m planning_poker_simulator.cli`, where the command is not on the path."""

import sys

from planning_poker_simulator.cli import main

sys.exit(main())
