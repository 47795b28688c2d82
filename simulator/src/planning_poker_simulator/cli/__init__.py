"""The command line of the test tools: `poker-sim run`."""

import logging
import os
from collections.abc import Sequence

from loguru import logger

from planning_poker_server.cli.running import Failure, OutputGone, complain
from planning_poker_simulator.cli.arguments import parser
from planning_poker_simulator.scenarios.loading import BadScenario


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code.

    0: all is as it should be; 1: something is not, or it failed; 2: it was asked
    wrongly (options, files); 128 and the signal's number when a signal ended it.
    """
    # What servers and clients of a scenario have to say is part of no output.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    logger.remove()
    logging.getLogger().addHandler(logging.NullHandler())
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except BadScenario as error:
        complain(str(error))
        return 2
    except Failure as error:
        complain(str(error))
        return error.code
    except OutputGone as error:
        complain(f"The output cannot be written: {error}.")
        return 1
    return code
