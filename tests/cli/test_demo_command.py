import asyncio
import signal
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import planningpoker.v1 as pb
from planning_poker_client import PokerClient
from planning_poker_server.cli.demo import pace

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Start

COMMAND = str(Path(sys.executable).parent / "planning-poker")
STORIES = 4


@pytest.fixture
def backlog(tmp_path: Path) -> str:
    """Four stories: the second is contested, in the third somebody comes late."""
    path = tmp_path / "shop.csv"
    rows = "".join(f"SHOP-{number},Story {number}\n" for number in range(1, STORIES + 1))
    path.write_text(f"key,title\n{rows}")
    return str(path)


def estimates(program: "Program") -> list[str]:
    """The rows of the final table."""
    return [line.split()[-1] for line in program.lines if line.startswith("  SHOP-")]


async def serving(start: "Start", port: str = "0") -> tuple["Program", str]:
    server = await start("serve", "--port", port, "--environment", "production")
    return server, await server.address()


async def test_the_demo_plays_every_story_and_says_where_its_log_is(
    start: "Start", backlog: str, tmp_path: Path
) -> None:
    demo = await start("demo", "--fast", "--backlog", backlog)
    assert await demo.end() == 0
    assert await demo.errors() == ""
    text = "\n".join(demo.lines)
    assert "\x1b" not in text
    for part in ("Emeka sits down", "Round 2 for SHOP-2", "Fatima sits down", "explain"):
        assert part in text
    assert text.index("Cards for SHOP-3") < text.index("Fatima") < text.index("Cards for SHOP-4")
    assert len(estimates(demo)) == STORIES
    assert f"{STORIES} of {STORIES} stories estimated" in text
    database = tmp_path / "here" / "data" / "demo.db"
    assert demo.lines[-1].startswith(f"Every step is in {database}, as game ")
    with sqlite3.connect(database) as log:
        assert log.execute("SELECT count(*) FROM events").fetchone()[0] > 50
    log.close()


async def test_the_same_seed_comes_to_the_same_estimates(
    start: "Start", backlog: str, tmp_path: Path
) -> None:
    found = []
    for seed in ("5", "5", "6"):
        demo = await start("demo", "--fast", "--backlog", backlog, "--seed", seed)
        assert await demo.end() == 0
        found.append(estimates(demo))
    assert found[0] == found[1]
    assert found[0] != found[2]


async def test_the_demo_plays_on_a_server_that_is_there_already(
    start: "Start", backlog: str, tmp_path: Path
) -> None:
    _server, address = await serving(start)
    demo = await start("demo", "--fast", "--backlog", backlog, "--server", address)
    assert await demo.end() == 0
    last = demo.lines[-1]
    assert last.startswith(f"Every step is in the log of the server at {address}, as game ")
    assert not (tmp_path / "here" / "data" / "demo.db").exists()
    async with PokerClient(address) as client:
        game = await client.attach(last.split()[-1].rstrip("."))
        assert game.view.phase == pb.GAME_PHASE_ENDED
        roles = [player.role for player in game.view.players.values()]
        assert roles.count(pb.PLAYER_ROLE_VOTER) == 6
        assert roles.count(pb.PLAYER_ROLE_OBSERVER) == 1


async def test_the_demo_goes_on_after_the_server_was_killed_and_started_again(
    start: "Start", backlog: str
) -> None:
    server, address = await serving(start)
    demo = await start("demo", "--fast", "--backlog", backlog, "--server", address)
    await demo.until("lays a card")
    server.process.kill()
    await server.end()
    await serving(start, address.rpartition(":")[2])
    assert await demo.end() == 0
    assert len(estimates(demo)) == STORIES


async def test_a_server_that_stays_away_ends_the_demo_with_one_sentence(
    start: "Start", backlog: str
) -> None:
    server, address = await serving(start)
    demo = await start("demo", "--backlog", backlog, "--server", address, "--wait", "0.5")
    await demo.until("lays a card")
    server.process.kill()
    assert await demo.end() == 1
    assert await demo.errors() == (
        f"The demo ends early: The server at {address} went away and was not back within 0.5 s.\n"
    )


async def test_where_no_server_is_the_demo_says_so(start: "Start", backlog: str) -> None:
    server, address = await serving(start)
    server.process.kill()
    await server.end()
    demo = await start("demo", "--backlog", backlog, "--server", address, "--wait", "0.5")
    assert await demo.end() == 1
    (sentence,) = (await demo.errors()).splitlines()
    assert sentence.startswith("The demo ends early: ")
    assert address in sentence


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_leaves_nothing_behind(
    start: "Start", backlog: str, number: signal.Signals
) -> None:
    demo = await start("demo", "--backlog", backlog)
    address = (await demo.until("on the server at")).rstrip(".").split()[-1]
    await demo.until("lays a card")
    demo.process.send_signal(number)
    assert await demo.end() == 128 + number
    assert await demo.errors() == ""
    host, _, port = address.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


async def test_when_nobody_reads_any_more_it_ends_without_a_traceback(
    start: "Start", backlog: str
) -> None:
    demo = await start("demo", "--fast", "--backlog", backlog)
    await demo.until("lays a card")
    demo.stop_reading()
    assert await demo.process.wait() == 1
    assert await demo.errors() == "The output cannot be written: Broken pipe.\n"


async def test_it_plays_with_its_standard_streams_closed(backlog: str, tmp_path: Path) -> None:
    shell = f'exec "{COMMAND}" demo --fast --backlog "{backlog}" <&- >&- 2>&-'
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", shell, cwd=tmp_path)
    assert await process.wait() == 0
    assert (tmp_path / "data" / "demo.db").is_file()


async def test_a_bad_backlog_is_refused_before_anything_is_started(
    start: "Start", tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("key,title\nA,\n")
    demo = await start("demo", "--backlog", str(path))
    assert await demo.end() == 2
    assert (
        await demo.errors()
        == f"{path} cannot be used as a backlog:\n  line 2: the title is empty\n"
    )
    assert list((tmp_path / "here").iterdir()) == []


async def test_options_of_a_server_of_ones_own_are_refused_with_another(
    start: "Start", backlog: str
) -> None:
    demo = await start("demo", "--server", "localhost:1", "--database", "sqlite:///x.db")
    assert await demo.end() == 2
    assert "say nothing" in await demo.errors()


async def test_a_terminal_without_unicode_gets_what_it_can_show(
    start: "Start", backlog: str
) -> None:
    demo = await start("demo", "--fast", "--backlog", backlog, PYTHONIOENCODING="ascii")
    assert await demo.end() == 0
    text = "\n".join(demo.lines)
    assert text.isascii()
    assert f"{STORIES} of {STORIES} stories estimated" in text


def test_the_pace_makes_it_a_minute_however_long_the_backlog_is() -> None:
    assert pace(12, fast=False).scale == 1
    assert pace(120, fast=False).scale == pytest.approx(0.1)
    assert pace(1, fast=False).scale == 1.2
    assert pace(12, fast=True).scale < 0.05
