"""`python -m planning_poker_simulator.load`: the command by itself."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter

from planning_poker_server.cli.running import Failure, complain
from planning_poker_simulator.load.arguments import EPILOG, declare


def main() -> int:
    """The exit code."""
    layout = RawDescriptionHelpFormatter
    parser = ArgumentParser("poker-sim load", epilog=EPILOG, formatter_class=layout)
    declare(parser)
    arguments = parser.parse_args()
    try:
        code: int = arguments.run(arguments)
    except Failure as error:
        complain(str(error))
        return error.code
    return code


if __name__ == "__main__":
    sys.exit(main())
