import json
import signal
import sqlite3
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import planningpoker.v1 as pb
from planning_poker_client import CommandRefused, PokerClient

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Start


async def serving(start: "Start", *arguments: str, **variables: str) -> tuple["Program", str]:
    server = await start("serve", "--port", "0", *arguments, **variables)
    return server, await server.address()


async def test_serve_says_where_it_is_where_games_are_kept_and_how_to_stop(
    start: "Start", tmp_path: Path
) -> None:
    server, address = await serving(start)
    assert address.startswith("127.0.0.1:")
    place = await server.until("Games are kept in")
    assert place == f"Games are kept in {tmp_path / 'here' / 'data' / 'planning-poker.db'}."
    assert await server.until("Ctrl-C") == "Stop with Ctrl-C."


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_gracefully_with_exit_code_0(
    start: "Start", number: signal.Signals
) -> None:
    server, address = await serving(start)
    async with PokerClient(address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        server.process.send_signal(number)
        await server.until("Stopping")
    assert await server.end() == 0
    assert server.lines[-1] == "Stopped."
    errors = await server.errors()
    assert "Traceback" not in errors
    assert game.game_id in errors


async def test_what_was_accepted_is_there_after_a_restart(start: "Start") -> None:
    server, address = await serving(start)
    async with PokerClient(address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        await game.start_story("Login page")
        version = game.view.version
    server.process.kill()
    await server.end()
    server, address = await serving(start)
    async with PokerClient(address) as client:
        again = await client.attach(game.game_id)
        assert again.view.version == version


async def test_options_go_before_variables_and_files(start: "Start", tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "quiet.toml").write_text("[logging]\nformat = 'json'\n[server]\nport = 1\n")
    server, address = await serving(
        start,
        *("--config", str(config), "--environment", "quiet", "--host", "localhost"),
        *("--database", f"sqlite:///{tmp_path}/mine.db"),
        ENVIRONMENT="production",
        PLANNING_POKER_SERVER__PORT="2",
    )
    assert address.startswith("localhost:")
    assert address not in ("localhost:1", "localhost:2")
    assert "(quiet)" in server.lines[-1]
    server.process.send_signal(signal.SIGTERM)
    assert await server.end() == 0
    assert (tmp_path / "mine.db").is_file()
    records = [json.loads(line) for line in (await server.errors()).splitlines()]
    assert all({"timestamp", "level", "message", "logger"} <= set(record) for record in records)


async def test_a_bad_configuration_names_every_bad_key_and_ends_with_2(start: "Start") -> None:
    server = await start(
        "serve",
        *("--port", "70000", "--environment", "prod"),
        PLANNING_POKER_SERVER__REFLECTION="perhaps",
        PLANNING_POKER_SEVER__HOST="x",
    )
    assert await server.end() == 2
    errors = await server.errors()
    for part in (
        "(4 problems)",
        "environment: 'prod' (from the command line)",
        "server.port: must be a whole number from 0 to 65535, not 70000 (from the command line)",
        "server.reflection: must be true or false, not 'perhaps'",
        "sever.host: is not a setting; did you mean server.host?",
    ):
        assert part in errors
    assert server.lines == []


async def test_a_port_in_use_is_one_sentence_and_exit_code_1(start: "Start") -> None:
    _, address = await serving(start)
    port = address.rpartition(":")[2]
    second = await start("serve", "--port", port, "--database", "memory:")
    assert await second.end() == 1
    sentence = (await second.errors()).splitlines()[-1]
    assert sentence.startswith("The server cannot start: ")
    assert address in sentence


async def test_a_database_in_use_is_one_sentence_and_exit_code_1(start: "Start") -> None:
    await serving(start)
    second = await start("serve", "--port", "0")
    assert await second.end() == 1
    sentence = (await second.errors()).splitlines()[-1]
    assert sentence.startswith("The server cannot start: ")
    assert sentence.endswith("cannot be used: another server uses it")


@pytest.mark.parametrize("kind", ["folder", "text", "newer", "forbidden"])
async def test_an_unusable_database_is_one_sentence_and_exit_code_1(
    start: "Start", tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "games.db"
    match kind:
        case "folder":
            path.mkdir()
        case "text":
            path.write_bytes(b"this is no database, and was never one " * 100)
        case "newer":
            with sqlite3.connect(path) as database:
                database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
                database.execute("INSERT INTO alembic_version VALUES ('9999')")
            database.close()
        case "forbidden":
            path = Path("/proc/games.db")
    server = await start("serve", "--port", "0", "--database", f"sqlite:///{path}")
    assert await server.end() == 1
    lines = (await server.errors()).splitlines()
    assert not any("Traceback" in line for line in lines)
    assert lines[-1].startswith("The server cannot start: ")
    assert str(path) in lines[-1]
    assert server.lines == []


async def test_no_card_comment_passcode_or_secret_is_ever_in_the_log(start: "Start") -> None:
    canary, secret = "7fc4cnry", b"canary of a seat, thirty-two byt"
    deck = pb.Deck(name="own", cards=[pb.Card(label="5", value=5), pb.Card(label=canary, value=8)])
    server, address = await serving(
        start, PLANNING_POKER_LOGGING__LEVEL="TRACE", PLANNING_POKER_LOGGING__FORMAT="text"
    )
    async with PokerClient(address) as client:
        game = await client.create_game(
            "Sprint 12", player="Ada", deck=deck, passcode=canary, seat_secret=secret
        )
        for passcode in (canary, f"not {canary}"):
            with suppress(CommandRefused):
                await client.join(game.join_code, "Bob", passcode=passcode)
        await game.start_story("Login page")
        await game.vote(canary, comment=canary)
        with suppress(CommandRefused):
            await game.vote(f"{canary}?")
        await game.reveal(force=True)
        await game.accept(canary)
        await game.end()
    server.process.send_signal(signal.SIGTERM)
    assert await server.end() == 0
    log = await server.errors()
    assert game.game_id in log
    assert canary not in log
    for form in (secret.decode(), secret.hex(), b64encode(secret).decode()):
        assert form not in log
