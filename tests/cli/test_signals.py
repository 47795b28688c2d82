import signal
import subprocess
import sys

import pytest

STUBBORN = """
import asyncio, sys
from planning_poker_server.cli.running import interruptible, run, say

async def main():
    say("ready")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("not yet")

sys.exit(run(interruptible(main(), lambda: say("given back"))))
"""

WILLING = """
import asyncio, sys
from planning_poker_server.cli.running import interruptible, run, say

async def main():
    try:
        say("ready")
        await asyncio.Event().wait()
    finally:
        say("cleaned up")

sys.exit(run(interruptible(main())))
"""


def process(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_a_command_clean_up_and_is_its_exit_code(number: signal.Signals) -> None:
    with process(WILLING) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        started.send_signal(number)
        assert started.stdout.readline() == "cleaned up\n"
        assert started.wait(10) == 128 + number


def test_a_second_signal_ends_it_at_once_and_gives_the_terminal_back() -> None:
    with process(STUBBORN) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        started.send_signal(signal.SIGTERM)
        assert started.stdout.readline() == "not yet\n"
        started.send_signal(signal.SIGTERM)
        assert started.stdout.readline() == "given back\n"
        assert started.wait(10) == 128 + signal.SIGTERM
