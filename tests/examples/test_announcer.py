"""The bot of docs/integrations.md says each reveal to the chat, however often it is killed."""

import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from planning_poker_client.sync import PokerClient
from tests.workspace.serving import serving
from tests.workspace.tree import ROOT

BOT = ROOT / "examples" / "announcer.py"
PATIENCE_S = 30.0


class Chat:
    """A web hook that keeps what it was told, refuses the first messages, and one in nonsense."""

    def __init__(self, refusals: int = 0) -> None:
        self.said: list[tuple[str, str]] = []
        self.refusals = refusals
        self._news = threading.Condition()

    def take(self, key: str, text: str) -> bool:
        with self._news:
            self.refusals -= 1
            if self.refusals >= 0:
                return False
            self.said.append((key, text))
            self._news.notify_all()
            return True

    def until(self, count: int) -> list[str]:
        """What was said, once so many different things were."""
        with self._news:
            assert self._news.wait_for(lambda: len(dict(self.said)) >= count, PATIENCE_S)
            return list(dict(self.said).values())


@contextmanager
def served(chat: Chat) -> Iterator[str]:
    """The address of the web hook."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken = chat.take(self.headers["Idempotency-Key"], body["text"])
            if taken or chat.refusals:
                self.send_response(200 if taken else 503)
                self.end_headers()
            else:
                self.wfile.write(b"no HTTP at all\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Nothing, so that tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as address:
        yield address


@contextmanager
def bot(address: str, folder: Path, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, str(BOT), address, str(folder / "bot.db"), url]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_the_chat_is_told_of_each_reveal_though_the_bot_is_killed(
    address: str, tmp_path: Path
) -> None:
    chat, chance = Chat(refusals=2), random.Random(3)  # noqa: S311
    titles = [f"Story {number}" for number in range(12)]
    expected: list[str] = []
    with PokerClient(address) as client, served(chat) as url:
        game = client.create_game("Sprint 12", player="Ada")
        left = list(titles)
        while left:
            with bot(address, tmp_path, url):
                for title in [left.pop(0) for _ in range(min(len(left), chance.randint(1, 4)))]:
                    game.start_story(title)
                    game.vote("5")
                    game.reveal()
                    expected.append(f"{title}: Ada 5")
                # Killed in the middle of what it was just told.
                chat.until(len(expected) - 1)
        with bot(address, tmp_path, url):
            assert chat.until(len(expected)) == expected


def test_a_consensus_is_said_as_one(address: str, tmp_path: Path) -> None:
    chat = Chat()
    with PokerClient(address) as client, served(chat) as url, bot(address, tmp_path, url):
        game = client.create_game("Sprint 12", player="Ada")
        other = client.join(game.join_code, "Bob")
        game.start_story("Login")
        game.vote("8")
        other.vote("8")
        game.reveal()
        assert chat.until(1) == ["Login: all agree on 8"]
