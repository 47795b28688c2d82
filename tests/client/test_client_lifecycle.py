"""Opening, losing and closing over real gRPC, with nothing left behind."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_client import (
    ClientClosed,
    ClientOptions,
    Connected,
    Connecting,
    ConnectionFailed,
    ConnectionLost,
    Disconnected,
    Failed,
    OutcomeUnknown,
    PokerClient,
)
from planning_poker_client.notices import Notice, Settled
from tests.client import said
from tests.client.fake_server import Stream, serving
from tests.client.table_server import TableServer

FAST = ClientOptions(backoff_first=0.01)
IMPATIENT = ClientOptions(connect_timeout=1.0, backoff_first=0.01)
"""For what never answers: a second is the least that a busy machine needs to say so."""


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert [name for name in names if name.startswith("planning-poker")] == []


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port where nothing answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


async def test_a_client_says_hello_with_its_token_and_is_connected() -> None:
    table = TableServer()
    async with serving(table) as server:
        async with PokerClient(server.address, token="sesame", client_name="bot") as client:
            connected = client.state
        (hello,) = server.streams[0].heard
        assert server.streams[0].metadata["authorization"] == "Bearer sesame"
        assert (hello.hello.client_name, list(hello.hello.versions)) == ("bot", [1])
        assert len(hello.hello.instance_id) == 32
        assert (connected, client.state) == (Connected(), Disconnected())


async def test_nothing_answering_fails_in_time_with_a_sentence(free_port: int) -> None:
    client = PokerClient(f"127.0.0.1:{free_port}", options=IMPATIENT)
    started = asyncio.get_running_loop().time()
    with pytest.raises(ConnectionFailed) as failed:
        await client.open()
    assert asyncio.get_running_loop().time() - started < 5
    expected = f"Nothing answers at 127.0.0.1:{free_port}: is the server running?"
    assert str(failed.value) == expected
    assert failed.value.retryable
    assert client.state == Failed(expected)


async def test_something_that_is_no_grpc_server_fails_in_time() -> None:
    async def says_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)

    silent: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectionFailed, match=str(port)):
        await PokerClient(f"127.0.0.1:{port}", options=IMPATIENT).open()
    for writer in silent:
        writer.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "does not accept the token: expired"),
        (grpc.StatusCode.PERMISSION_DENIED, "refuses the connection: expired"),
        (grpc.StatusCode.UNIMPLEMENTED, "is not a planning-poker server"),
    ],
)
async def test_a_refusal_that_stays_is_not_tried_again(
    code: grpc.StatusCode, sentence: str
) -> None:
    async def refuses(stream: Stream) -> None:
        # A write that fails meanwhile would hide the status behind INTERNAL.
        await stream.expect("hello")
        await stream.abort(code, "expired")

    async with serving(refuses) as server:
        with pytest.raises(ConnectionFailed, match=sentence) as failed:
            await PokerClient(server.address).open()
        assert not failed.value.retryable
        assert len(server.streams) == 1


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL],
)
async def test_a_stream_that_was_thinned_out_while_opening_is_opened_again(
    code: grpc.StatusCode,
) -> None:
    async def thinned_out(stream: Stream) -> None:
        await stream.abort(code)

    scripts = (thinned_out, thinned_out, TableServer())
    async with serving(*scripts) as server, PokerClient(server.address):
        assert len(server.streams) == 3


async def test_opening_can_be_cancelled(free_port: int) -> None:
    client = PokerClient(f"127.0.0.1:{free_port}")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.open(), 0.05)
    assert client.state == Disconnected()


async def test_a_lost_connection_comes_back_and_the_command_has_one_answer() -> None:
    first = TableServer(version=2)

    async def cut_after_the_command(stream: Stream) -> None:
        first.stream = stream
        await stream.expect("hello")
        await stream.say(said.welcome())
        create = await stream.expect("command")
        await stream.say(
            said.attached(create.correlation_id, said.game(2), "p1"),
            said.accepted(create.correlation_id, 2, player_id="p1"),
        )
        lost.append(await stream.expect("command"))
        await stream.abort(grpc.StatusCode.UNAVAILABLE)

    lost: list[pb.ClientEnvelope] = []
    second = TableServer(version=2)
    async with (
        serving(cut_after_the_command, second) as server,
        PokerClient(server.address, options=FAST) as client,
    ):
        game = await client.create_game("Sprint 12", player="Ada")
        receipt = await game.start_round(request_id="once")
        assert receipt.version == 3
        (again,) = second.commands
        assert again.correlation_id == lost[0].correlation_id == receipt.correlation_id
        # The seat was proven anew before the command was sent again.
        said_again = [message.WhichOneof("payload") for message in server.streams[1].heard]
        assert said_again[:3] == ["hello", "attach", "command"]
        resumed = server.streams[1].heard[1].attach
        assert resumed.seats[0].seat_secret == game.seat_secret


async def test_a_connection_that_is_lost_for_good_says_so_everywhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ends(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        create = await stream.expect("command")
        await stream.say(
            said.attached(create.correlation_id, said.game(2), "p1"),
            said.accepted(create.correlation_id, 2, player_id="p1"),
        )
        await stream.expect("command")
        await stream.say(said.goodbye(pb.NEXT_STEP_STOP))

    with caplog.at_level(logging.DEBUG, "planning_poker_client"):
        async with serving(ends) as server, PokerClient(server.address) as client:
            game = await client.create_game("Sprint 12", player="Ada")
            changes = game.changes()
            with pytest.raises(OutcomeUnknown):
                await game.start_round()
            assert client.state == Failed("The server is going away.", retryable=False)
            with pytest.raises(ConnectionLost, match="going away"):
                await anext(changes)
            with pytest.raises(ConnectionLost, match="going away"):
                await anext(game.changes())
            with pytest.raises(ConnectionLost, match="going away") as lost:
                await game.end()
            assert not lost.value.retryable
            assert game.view.version == 2
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "connection given up: The server is going away."
    ]


async def test_each_loss_is_one_warning_and_each_return_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def cut(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        await stream.abort(grpc.StatusCode.UNAVAILABLE)

    async def refuse(stream: Stream) -> None:
        await stream.abort(grpc.StatusCode.UNAVAILABLE)

    with caplog.at_level(logging.INFO, "planning_poker_client"):
        async with (
            serving(cut, refuse, refuse, cut, refuse, TableServer()) as server,
            PokerClient(server.address, options=FAST) as client,
        ):
            await client.attach(said.CODE)
    said_so = [record.message.split(",")[0].split(" to ")[0] for record in caplog.records]
    lost, back = "connection lost", "connected"
    assert said_so[:-1] == [back, lost, back, lost, back]


async def test_the_end_of_a_client_is_one_line_however_many_games_it_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "planning_poker_client"):
        async with serving(TableServer()) as server, PokerClient(server.address) as client:
            await client.attach(said.CODE)
            caplog.clear()
    (line,) = caplog.records
    assert line.message == f"disconnected from {server.address}"


async def test_a_failed_client_can_be_opened_again_and_goes_on() -> None:
    async def ends(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        create = await stream.expect("command")
        await stream.say(
            said.attached(create.correlation_id, said.game(2), "p1"),
            said.accepted(create.correlation_id, 2, player_id="p1"),
            said.goodbye(pb.NEXT_STEP_STOP),
        )

    table = TableServer(version=5)
    async with serving(ends, table) as server, PokerClient(server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        with pytest.raises(ConnectionLost):
            await game.wait_for(lambda view: view.version > 2)
        await client.open()
        await game.wait_for(lambda view: view.version == 5, timeout=5)
        await game.end()
        assert game.view.phase == pb.GAME_PHASE_ENDED


async def test_closing_acknowledges_what_was_applied() -> None:
    table = TableServer()
    async with serving(table) as server:
        async with PokerClient(server.address) as client:
            game = await client.create_game("Sprint 12", player="Ada")
            await table.tell(said.joined(3))
            await game.wait_for(lambda view: view.version == 3, timeout=5)
        await asyncio.wait_for(table.settled.wait(), 5)
        last = server.streams[0].heard[-1]
        assert last.ack == pb.Ack(game_id=said.GAME, version=3)


async def test_no_socket_outlives_its_client() -> None:
    async def cut(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        await stream.abort(grpc.StatusCode.INTERNAL)

    async with serving(cut, cut, TableServer()) as server:
        for _ in range(3):
            async with PokerClient(server.address, options=FAST) as client:
                await client.create_game("Sprint 12", player="Ada")
                assert _connections_to(server.port)
        for _ in range(200):  # the core closes sockets in a thread of its own
            if not _connections_to(server.port):
                return
            await asyncio.sleep(0.01)
        assert not _connections_to(server.port)


def _connections_to(port: int) -> int:
    """Established TCP connections with this remote port."""
    tables = (Path("/proc/self/net") / name for name in ("tcp", "tcp6"))
    lines = (line.split() for table in tables for line in table.read_text().splitlines()[1:])
    return sum(
        remote.endswith(f":{port:04X}") and state == "01" for _, _, remote, state, *_ in lines
    )


async def test_a_game_that_another_lets_go_at_the_moment_of_the_answer_is_attached_again() -> None:
    async with serving(TableServer()) as server, PokerClient(server.address) as client:
        first = await client.attach(said.CODE)
        transport = client._exchange._transport
        tell = transport._tell

        def let_go_behind_the_answer(notice: Notice) -> None:
            tell(notice)
            if isinstance(notice, Settled):
                client._exchange.unfollow(first)

        transport._tell = let_go_behind_the_answer
        second = await client.attach(said.CODE)
        assert client._exchange.follows(second.game_id)


async def test_closing_ends_whoever_waits() -> None:
    async with serving(TableServer()) as server:
        async with PokerClient(server.address) as client:
            game = await client.create_game("Sprint 12", player="Ada")
            changes = game.changes()
            waiting = asyncio.create_task(game.wait_for(lambda view: view.version == 9))
            await asyncio.sleep(0)
        assert [item async for item in changes] == []
        with pytest.raises(ClientClosed):
            await waiting
        with pytest.raises(ClientClosed):
            await game.end()
        assert game.view.version == 2


async def test_closing_does_not_wait_for_a_server_that_does_not_answer() -> None:
    stuck = asyncio.Event()

    async def never_ends(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        await stuck.wait()

    options = ClientOptions(close_timeout=0.05)
    async with serving(never_ends) as server:
        async with PokerClient(server.address, options=options):
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 1
        stuck.set()


async def test_closing_that_is_cut_short_leaves_nothing_behind_and_nobody_waiting() -> None:
    stuck = asyncio.Event()

    async def never_ends(stream: Stream) -> None:
        await stream.expect("hello")
        await stream.say(said.welcome())
        await stream.expect("command")
        await stuck.wait()

    async with serving(never_ends) as server:
        client = PokerClient(server.address, options=ClientOptions(close_timeout=60.0))
        await client.open()
        creating = asyncio.create_task(client.create_game("Sprint 12"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.close(), 0.05)
        assert client.state == Disconnected()
        with pytest.raises(OutcomeUnknown):
            await asyncio.wait_for(creating, 5)
        stuck.set()


async def test_a_client_that_is_open_cannot_be_opened_and_goes_on() -> None:
    async with serving(TableServer()) as server:
        client = PokerClient(server.address)
        async with asyncio.timeout(5):
            opened = await asyncio.gather(client.open(), client.open(), return_exceptions=True)
        assert [type(each) for each in opened] == [type(None), RuntimeError]
        with pytest.raises(RuntimeError, match="already"):
            await client.open()
        await client.create_game("Sprint 12", player="Ada")
        await client.close()


async def test_closing_ends_the_opening_of_a_client() -> None:
    async def says_nothing(stream: Stream) -> None:
        await stream.until_closed()

    async with serving(says_nothing) as server:
        client = PokerClient(server.address)
        opening = asyncio.create_task(client.open())
        async for state in client.states():
            if state == Connecting():
                break
        await client.close()
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(opening, 5)


async def test_a_client_that_was_never_opened_says_what_to_do() -> None:
    with pytest.raises(ClientClosed, match="async with"):
        await PokerClient("localhost:1").create_game("Sprint 12")


async def test_a_token_that_cannot_be_sent_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="printable") as refused:
        PokerClient("localhost:1", token="canary\n")
    assert "canary" not in str(refused.value)
