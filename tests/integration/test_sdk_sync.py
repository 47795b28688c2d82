"""The blocking SDK against a real server: from plain threads, and from inside event loops."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    Change,
    ClientClosed,
    ClientOptions,
    CommandRefused,
    Connected,
    ConnectionFailed,
    Disconnected,
    FileSeatStore,
    NotReported,
)
from planning_poker_client.sync import Game, PokerClient
from tests.workspace.serving import serving

PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert [t.name for t in threading.enumerate() if t.name == "planning-poker-loop"] == []


@pytest.fixture
def client(address: str) -> Iterator[PokerClient]:
    with PokerClient(address) as client:
        yield client


@pytest.fixture
def ada(client: PokerClient) -> Game:
    return client.create_game("Sprint 12", deck="fibonacci", player="Ada")


def test_a_round_is_played_as_in_the_readme(client: PokerClient, ada: Game, address: str) -> None:
    with PokerClient(address) as other:
        bob = other.join(ada.join_code, name="Bob")
        ada.start_story("Login page")
        bob.wait_for(lambda view: view.round is not None, timeout=PATIENCE_S)
        bob.vote("5")
        ada.vote("8")
        ada.wait_for(lambda view: len(view.voted) == 2, timeout=PATIENCE_S)
        ada.reveal()
        votes = {vote.display_name: vote.card for vote in ada.view.votes.values()}
        assert votes == {"Ada": "8", "Bob": "5"}
        assert ada.seat.card == "8"
        assert "p1" in ada.presence
        assert client.state == Connected()


def test_a_client_that_is_open_cannot_be_entered_and_goes_on(
    client: PokerClient, ada: Game
) -> None:
    with pytest.raises(RuntimeError, match="already"), client:
        pass
    assert ada.start_round().round_id


def test_a_close_that_is_interrupted_still_closes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: "Future[Any]", _timeout: float | None = None) -> Any:
        raise KeyboardInterrupt

    client = PokerClient(address)
    client.open()
    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.close()
    assert isinstance(client.state, Disconnected)
    with client:
        assert isinstance(client.state, Connected)


def test_changes_come_in_order_and_end_with_the_game(ada: Game) -> None:
    changes = ada.changes()
    ada.start_round()
    ada.vote("8")
    ada.end()
    names = [change.name for change in changes if isinstance(change, Change)]
    assert names == ["round_started", "vote_submitted", "round_abandoned", "game_ended"]


def test_who_has_a_critical_event_is_waited_for(ada: Game, address: str) -> None:
    report = ada.delivered(ada.start_round(), timeout=PATIENCE_S)
    assert report.final
    assert set(report.acknowledged) == {"p1"}
    with PokerClient(address, connect=False) as caller:
        seat = caller.seat(ada.game_id, ada.player_id, ada.seat_secret)
        with pytest.raises(NotReported, match="not sent on a stream"):
            ada.delivered(seat.start_round(abandon_open=True))


def test_states_end_with_the_client(address: str) -> None:
    with PokerClient(address) as client:
        states = client.states()
    assert list(states) == [Connected(), Disconnected()]
    assert client.state == Disconnected()


def test_the_view_is_a_copy_that_stays_as_it_was(ada: Game) -> None:
    before = ada.view
    ada.add_story("Login")
    assert (len(before.stories), len(ada.view.stories)) == (0, 1)


def test_after_the_end_what_is_known_can_be_read_and_nothing_be_done(address: str) -> None:
    with PokerClient(address) as client:
        game = client.create_game("Sprint 12", player="Ada")
        changes = game.changes()
        game.add_story("Login")
    assert len(game.view.stories) == 1
    assert [change.version for change in changes if isinstance(change, Change)] == [3]
    with pytest.raises(ClientClosed):
        game.add_story("Logout")
    with client:
        assert client.attach(game.game_id).view.version == 3


def test_errors_are_those_of_the_sdk(ada: Game) -> None:
    ada.start_round()
    with pytest.raises(CommandRefused, match="7 is not in this deck") as refused:
        ada.vote("7")
    assert refused.value.reason == "CARD_NOT_IN_DECK"


def test_a_client_that_cannot_connect_leaves_nothing() -> None:
    options = ClientOptions(connect_timeout=0.2)
    with (
        pytest.raises(ConnectionFailed, match="Nothing answers"),
        PokerClient("127.0.0.1:1", options=options),
    ):
        pass


def test_a_client_is_used_from_several_threads_at_once(ada: Game) -> None:
    ids: list[str] = []

    def work(number: int) -> None:
        ids.extend(ada.add_story(f"Story {number}.{step}") for step in range(5))
        assert ada.view.version > 2

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert sorted(ids) == sorted(ada.view.stories)
    assert len(ids) == 30


def test_one_thread_follows_while_another_plays(ada: Game) -> None:
    told: list[str] = []
    changes = ada.changes()
    follower = threading.Thread(
        target=lambda: told.extend(item.name for item in changes if isinstance(item, Change))
    )
    follower.start()
    ada.start_round()
    ada.end()
    follower.join(PATIENCE_S)
    assert told[0] == "round_started"
    assert told[-1] == "game_ended"


def test_a_condition_that_calls_the_client_is_told_that_it_would_wait_for_itself(
    ada: Game,
) -> None:
    def condition(_: object) -> bool:
        return bool(ada.vote("8"))

    with pytest.raises(RuntimeError, match="wait for itself"):
        ada.wait_for(condition, timeout=PATIENCE_S)
    # To look is no waiting.
    ada.wait_for(lambda _: ada.view.version >= 2, timeout=PATIENCE_S)


async def test_inside_a_running_event_loop_it_blocks_and_works(address: str) -> None:
    # As in a notebook, or in a library that is called from a coroutine.
    with PokerClient(address) as client:
        game = client.create_game("Sprint 12", player="Ada")
        assert await asyncio.to_thread(game.add_story, "Login") == "s1"


def test_without_a_stream_and_with_seats_that_are_kept(
    address: str, ada: Game, tmp_path: Path
) -> None:
    seats = FileSeatStore(tmp_path / "seats.json")
    with PokerClient(address, connect=False, seats=seats) as caller:
        bob = caller.execute_join(ada.join_code, "Bob")
        opened = ada.start_round()
        bob.vote("8", round_id=opened.round_id)
        assert caller.state == Disconnected()
    with PokerClient(address, seats=seats) as again:
        (game,) = again.rejoin()
        assert game.player_id == bob.player_id
        assert again.seat(game.game_id, game.player_id).vote("5").version > opened.version


def test_a_handle_works_in_a_client_that_was_never_opened(address: str, ada: Game) -> None:
    caller = PokerClient(address)
    seat = caller.seat(ada.game_id, ada.player_id, ada.seat_secret)
    opened = seat.start_round()
    command = pb.Command(
        game_id=ada.game_id,
        player_id="p1",
        submit_vote=pb.SubmitVote(round_id=opened.round_id, card="8"),
    )
    assert caller.execute(command, ada.seat_secret).version == opened.version + 1
    caller.close()
    caller.close()


FOLLOWS = """
import sys
from planning_poker_client.sync import PokerClient

try:
    with PokerClient(sys.argv[1]) as client:
        game = client.create_game("Sprint 12", player="Ada")
        print("follows", flush=True)
        for change in game.changes():
            pass
except KeyboardInterrupt:
    print("interrupted", client.state)
"""
FORGETS = """
import sys
from planning_poker_client.sync import PokerClient

client = PokerClient(sys.argv[1])
client.open()
game = client.create_game("Sprint 12", player="Ada")
print("follows", flush=True)
"""


def program(text: str, address: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", text, address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"GRPC_VERBOSITY": "NONE"},
    )


def test_ctrl_c_ends_a_program_that_waits(address: str) -> None:
    with program(FOLLOWS, address) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "follows\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE_S)
    assert (out, err) == ("interrupted Disconnected()\n", "")
    assert running.returncode == 0


def test_a_program_that_forgets_to_close_ends_by_itself(address: str) -> None:
    with program(FORGETS, address) as running:
        out, err = running.communicate(timeout=PATIENCE_S)
    assert (out, err, running.returncode) == ("follows\n", "", 0)
