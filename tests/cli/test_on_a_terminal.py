"""The commands on a terminal of their own, looked at as a person would see them."""

import asyncio
import fcntl
import os
import signal
import struct
import sys
import termios
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyte
import pytest

from planning_poker_client import Game, PokerClient
from planning_poker_simulator import FaultProxy

if TYPE_CHECKING:
    from tests.cli.conftest import Start

COMMAND = str(Path(sys.executable).parent / "planning-poker")
# The terminal becomes that of the process, so that Ctrl-C there is a signal here.
# Not between fork and exec: gRPC's threads run in this process.
LOG_IN = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
LIMIT = 30
ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
HOME = b"\x1b[H"  # each picture begins with it
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


class Terminal:
    """A terminal of 80 by 24 in which one command runs."""

    def __init__(self, width: int, height: int) -> None:
        self.outer, self.inner = os.openpty()
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen = pyte.Screen(width, height)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._frames: deque[str] = deque()
        self._changed = asyncio.Event()
        self.process: asyncio.subprocess.Process
        asyncio.get_running_loop().add_reader(self.outer, self._read)

    async def run(self, here: Path, *arguments: str) -> None:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", LOG_IN, str(self.inner), COMMAND),
            *arguments,
            cwd=here,
            env=kept | {"TERM": "xterm-256color"},
            pass_fds=[self.inner],
        )

    def type(self, keys: str) -> None:
        os.write(self.outer, keys.encode())

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    async def until(self, condition: Callable[[str], bool]) -> str:
        """Wait until something that is or was on the screen meets a condition; what it is.

        Every picture is looked at, in order, however fast they follow each other.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LIMIT):
                while True:
                    while self._frames:
                        if condition(frame := self._frames.popleft()):
                            return frame
                    self._changed.clear()
                    await self._changed.wait()
        raise AssertionError(f"this is what was seen last:\n{self.text}")

    async def end(self) -> int:
        async with asyncio.timeout(LIMIT):
            return await self.process.wait()

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.inner)

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self.outer)
        os.close(self.outer)
        os.close(self.inner)

    def _read(self) -> None:
        data = os.read(self.outer, 65_536)
        self.raw += data
        first, *others = data.split(HOME)
        for part in (first, *(HOME + other for other in others)):
            self._stream.feed(part)
            self._frames.append(self.text)
        self._changed.set()


Open = Callable[..., Awaitable[Terminal]]


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a terminal and runs `planning-poker` in it."""
    opened: list[Terminal] = []

    async def opener(*arguments: str, width: int = 80, height: int = 24) -> Terminal:
        made = Terminal(width, height)
        opened.append(made)
        await made.run(tmp_path, *arguments)
        return made

    yield opener
    for each in opened:
        await each.close()


@pytest.fixture
async def game(start: "Start") -> AsyncIterator[tuple[str, Game]]:
    """The address of a server, and a game on it that Ada leads."""
    server = await start("serve", "--port", "0", "--environment", "production")
    address = await server.address()
    async with PokerClient(address) as client:
        yield address, await client.create_game("Sprint 12", player="Ada")


def is_given_back(raw: bytes) -> bool:
    """Whether the terminal shows its own screen and its cursor again."""
    return raw.rfind(LEAVE_SCREEN) > raw.rfind(ENTER_SCREEN) and raw.rfind(SHOW_CURSOR) > raw.rfind(
        HIDE_CURSOR
    )


async def test_the_demo_is_seen_live_and_ends_with_the_estimates(
    terminal: Open, tmp_path: Path
) -> None:
    backlog = tmp_path / "b.csv"
    backlog.write_text("title,key\nLogin page,A-1\nLogout,A-2\n")
    seen = await terminal("demo", "--fast", "--backlog", str(backlog))
    await seen.until(lambda text: "▚▚▚▚▚" in text and "have voted" in text)
    await seen.until(lambda text: "▸ A-2" in text and "estimate " in text)
    assert await seen.end() == 0
    text = await seen.until(lambda text: "Every step is in" in text)
    assert "2 of 2 stories estimated" in text
    assert is_given_back(seen.raw)


async def test_a_signal_in_the_demo_gives_the_terminal_back(terminal: Open) -> None:
    seen = await terminal(
        "demo", "--backlog", str(Path(__file__).parents[2] / "examples/backlog.csv")
    )
    before = seen.settings()
    await seen.until(lambda text: "▚▚▚▚▚" in text)
    seen.process.send_signal(signal.SIGINT)
    assert await seen.end() == 130
    assert is_given_back(seen.raw)
    assert seen.settings() == before
    assert b"Traceback" not in seen.raw


async def test_a_small_terminal_gets_lines(terminal: Open, tmp_path: Path) -> None:
    backlog = tmp_path / "b.csv"
    backlog.write_text("title\nLogin page\n")
    seen = await terminal("demo", "--fast", "--backlog", str(backlog), width=50, height=10)
    assert await seen.end() == 0
    assert ENTER_SCREEN not in seen.raw


async def test_a_person_sees_the_table_types_and_sees_only_the_own_card(
    terminal: Open, game: tuple[str, Game]
) -> None:
    address, ada = game
    bob = await terminal("join", ada.join_code, "--name", "Bob", "--server", address)
    await bob.until(lambda text: "Waiting for a story" in text and "› " in text)
    await ada.start_story("Login page")
    await ada.vote("13", comment="7fc4-canary")
    await bob.until(lambda text: "▚▚▚▚▚" in text)

    bob.type("vote 99\x7f\x7f7")
    await bob.until(lambda text: "› vote 7" in text)
    bob.type("\r")
    await bob.until(lambda text: "7 is not in this deck" in text)
    bob.type("8\r")
    text = await bob.until(lambda text: "▚ 8 ▚" in text and "2 of 2 have voted" in text)
    assert "▚▚▚▚▚" in text
    assert "13" not in text.replace("0 1 2 3 5 8 13 21", "")
    assert b"7fc4-canary" not in bob.raw

    await ada.reveal()
    await bob.until(lambda text: "│ 13  │" in text or "│  13 │" in text)
    bob.type("help\r")
    await bob.until(lambda text: "leave the table" in text)
    bob.type("\r")
    await bob.until(lambda text: "leave the table" not in text)
    bob.type("quit\r")
    assert await bob.end() == 0
    assert is_given_back(bob.raw)
    await ada.wait_for(lambda view: view.player("Bob") is None)


async def test_an_answer_to_the_order_before_is_not_shown_for_the_one_that_waits(
    terminal: Open, game: tuple[str, Game]
) -> None:
    address, ada = game
    async with FaultProxy(address) as line:
        bob = await terminal("join", ada.join_code, "--name", "Bob", "--server", line.address)
        await bob.until(lambda text: "Waiting for a story" in text)
        await ada.start_story("Login page")
        await bob.until(lambda text: "Cards for" in text)
        bob.type("8\r")
        await bob.until(lambda text: "Your card is 8" in text)
        line.black_hole()
        bob.type("5\r")
        await bob.until(lambda text: "▚ 5 ▚" in text and "has not answered yet" in text)
        assert "Your card is" not in bob.text
        line.restore()
        await bob.until(lambda text: "Your card is 5" in text)


@pytest.mark.parametrize("keys", ["\x03", "\x04"])
async def test_control_c_and_control_d_leave_the_table_and_the_terminal_as_it_was(
    terminal: Open, game: tuple[str, Game], keys: str
) -> None:
    address, ada = game
    bob = await terminal("join", ada.join_code, "--name", "Bob", "--server", address)
    before = bob.settings()
    await bob.until(lambda text: "› " in text)
    bob.type(keys)
    assert await bob.end() == (130 if keys == "\x03" else 0)
    assert is_given_back(bob.raw)
    assert bob.settings() == before
    await ada.wait_for(lambda view: view.player("Bob") is None)


async def test_closing_the_window_leaves_the_table(terminal: Open, game: tuple[str, Game]) -> None:
    address, ada = game
    bob = await terminal("join", ada.join_code, "--name", "Bob", "--server", address)
    await bob.until(lambda text: "› " in text)
    bob.process.send_signal(signal.SIGHUP)
    assert await bob.end() == 128 + signal.SIGHUP
    await ada.wait_for(lambda view: view.player("Bob") is None)


async def test_a_resized_terminal_is_filled_again(terminal: Open, game: tuple[str, Game]) -> None:
    address, ada = game
    bob = await terminal("join", ada.join_code, "--name", "Bob", "--server", address)
    await bob.until(lambda text: "› " in text)
    fcntl.ioctl(bob.inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    bob.screen.resize(40, 120)
    await bob.until(lambda text: "── Story" in text)


async def test_a_replay_goes_forwards_and_back_and_gives_the_terminal_back(
    terminal: Open, game: tuple[str, Game]
) -> None:
    address, ada = game
    await ada.start_story("Login page")
    await ada.vote("13")
    await ada.reveal()
    seen = await terminal("games", "replay", ada.join_code, "--server", address)
    await seen.until(lambda text: "version 1 of 6" in text)
    before = seen.settings()
    seen.type("nnnn")
    text = await seen.until(lambda text: "version 5 of 6" in text)
    assert "▚▚▚▚▚" in text
    seen.type("\x1b[C")
    await seen.until(lambda text: "version 6 of 6" in text and "│ 13  │" in text)
    seen.type("\x1b[D")
    await seen.until(lambda text: "version 5 of 6" in text and "│ 13  │" not in text)
    seen.type("2")
    await seen.until(lambda text: "go to 2" in text)
    seen.type("\r")
    await seen.until(lambda text: "version 2 of 6" in text)
    seen.type("a")
    await seen.until(lambda text: "version 6 of 6" in text)
    seen.type("q")
    assert await seen.end() == 0
    assert is_given_back(seen.raw)
    assert before != seen.settings()


async def test_ctrl_c_in_a_replay_gives_the_terminal_back(
    terminal: Open, game: tuple[str, Game]
) -> None:
    address, ada = game
    seen = await terminal("games", "replay", ada.join_code, "--server", address)
    await seen.until(lambda text: "version 1 of" in text)
    seen.type("\x03")
    assert await seen.end() == 130
    assert is_given_back(seen.raw)


async def test_a_replay_without_input_is_lines_on_a_terminal_too(
    terminal: Open, game: tuple[str, Game]
) -> None:
    address, ada = game
    seen = await terminal("games", "replay", ada.join_code, "--no-input", "--server", address)
    assert await seen.end() == 0
    assert ENTER_SCREEN not in seen.raw
    assert b"is opened" in seen.raw
