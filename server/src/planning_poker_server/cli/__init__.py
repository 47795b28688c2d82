"""The command line: `planning-poker serve`, `demo`, `create` and `join`."""

import io
import os
import sys
from collections.abc import Sequence

from planning_poker_client import BadStories
from planning_poker_server.cli.arguments import parser
from planning_poker_server.cli.running import Failure, OutputGone, complain
from planning_poker_server.config_loader import ConfigurationError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code.

    0: done; 1: it failed, with a sentence on standard error; 2: it was asked
    wrongly (options, configuration, backlog); 128 and the signal's number when
    a signal ended it.
    """
    _prepare()
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except (ConfigurationError, BadStories) as error:
        complain(str(error))
        return 2
    except Failure as error:
        complain(str(error))
        return error.code
    except KeyboardInterrupt:
        return 130  # outside the event loop, which takes signals otherwise
    except OutputGone as error:
        complain(f"The output cannot be written: {error}.")
        # What is still buffered would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _prepare() -> None:
    """What has to be so before anything is printed or gRPC is used."""
    # gRPC's core writes to standard error past all logging; what matters comes as errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ shows ? and goes on


def _open_what_is_closed() -> None:
    """Standard streams that a supervisor closed: a socket in their place would be written to."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
