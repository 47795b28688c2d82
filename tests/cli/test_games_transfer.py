"""`games export` and `games import`: a game leaves a database and comes into another one."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from planning_poker_client import CommandRefused, PokerClient
from planning_poker_server.cli import main
from planning_poker_server.eventlog.claim import Claim
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import Record
from tests.integration.figures import tell
from tests.server.transfer.played import (
    CODE,
    NEW_SECRET,
    OPEN_CARD,
    OTHER_ID,
    database,
    ended_game,
    fill,
    long_game,
    renamed,
    rich_game,
    stored,
)
from tools.fold_table import GAME_ID, _secret

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Start

COMMAND = str(Path(sys.executable).parent / "planning-poker")

Games = Callable[..., tuple[int, str, str]]


@pytest.fixture
def games(capsys: pytest.CaptureFixture[str]) -> Games:
    """Runs `planning-poker games …`: exit code, output, errors."""

    def games(*arguments: object) -> tuple[int, str, str]:
        code = main(["games", *map(str, arguments)])
        return code, *capsys.readouterr()

    return games


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with the rich game in it."""
    asyncio.run(fill(tmp_path / "games.db", rich_game()))
    return tmp_path / "games.db"


def url(path: Path) -> tuple[str, str]:
    return "--database", f"sqlite:///{path}"


def in_database(path: Path, game_id: str = GAME_ID) -> list[Record]:
    async def read() -> list[Record]:
        log = await open_log(database(path))
        found = await stored(log, game_id)
        await log.close()
        return found

    return asyncio.run(read())


def with_secrets(games: Games, path: Path, target: Path, game: str = CODE) -> bytes:
    code, out, err = games("export", game, *url(path), "--with-secrets", "--output", target)
    assert (code, out) == (0, ""), err
    assert f"is in {target}" in err
    assert "It is as secret as the database" in err
    return target.read_bytes()


def test_a_game_moves_to_an_empty_database_and_is_the_same(
    games: Games, path: Path, tmp_path: Path
) -> None:
    first = with_secrets(games, path, tmp_path / "game.json")
    code, out, _ = games("import", tmp_path / "game.json", *url(tmp_path / "new" / "games.db"))
    assert code == 0
    events = len(rich_game())
    place = tmp_path / "new" / "games.db"
    assert out == f"Game {GAME_ID} (Sprint 13) is in {place} with {events} events.\n"
    assert in_database(tmp_path / "new" / "games.db") == rich_game()
    assert games("verify", *url(tmp_path / "new" / "games.db"))[0] == 0
    assert with_secrets(games, tmp_path / "new" / "games.db", tmp_path / "again.json") == first


def test_a_game_without_secrets_is_the_same_and_says_who_can_prove_nothing(
    games: Games, tmp_path: Path
) -> None:
    asyncio.run(fill(tmp_path / "games.db", ended_game()))
    code, first, _ = games("export", GAME_ID, *url(tmp_path / "games.db"))
    assert code == 0
    (tmp_path / "game.json").write_text(first, encoding="utf-8")
    code, out, _ = games("import", tmp_path / "game.json", *url(tmp_path / "new.db"))
    assert code == 0
    assert "Nobody can prove a seat in it" in out
    assert games("export", GAME_ID, *url(tmp_path / "new.db"))[1] == first
    assert games("verify", *url(tmp_path / "new.db"))[0] == 0


def test_a_game_can_be_exported_without_secrets_before_its_cards_are_turned(
    games: Games, path: Path
) -> None:
    code, out, _ = games("export", CODE.lower(), *url(path))
    assert code == 0
    assert OPEN_CARD not in out
    assert json.loads(out)["withSecrets"] is False


def test_a_file_with_secrets_is_for_its_owner_alone_whatever_was_there(
    games: Games, path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "game.json"
    target.write_text("for all to see")
    target.chmod(0o666)
    with_secrets(games, path, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob(".*")] == []


def test_an_export_that_fails_leaves_what_was_there(
    games: Games, path: Path, tmp_path: Path
) -> None:
    first, *rest = renamed(rich_game(), OTHER_ID, "AAAA-AA")
    damaged = first._replace(event=first.event + b"\xfa\x3e\x02hi")
    asyncio.run(fill(tmp_path / "newer.db", [damaged, *rest]))
    target = tmp_path / "game.json"
    target.write_text("yesterday's")
    code, _, err = games("export", OTHER_ID, *url(tmp_path / "newer.db"), "--output", target)
    assert code == 1
    assert err.startswith("The game cannot be exported: Event 1 holds something that this version")
    assert target.read_text() == "yesterday's"
    assert sorted(each.name for each in tmp_path.glob("*.part")) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--with-secrets"], "--with-secrets needs --database"),
        (["--with-secrets", "--database", "sqlite:///games.db"], "needs --output"),
        (["--database", "sqlite:///games.db", "--server", "x"], "no server is asked"),
        (["--database", "sqlite:///games.db", "--passcode"], "no server is asked"),
        (["--environment", "production"], "say nothing"),
        (["--format", "xml"], "no such format; there is json"),
        (["--token-file", "no-such-file"], "The token cannot be read"),
        (["--database", "sqlite:///games.db", "--output", "."], "no file that could be written"),
    ],
)
def test_what_does_not_go_together_is_told(
    games: Games,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(path.parent)
    code, out, err = games("export", CODE, *arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_a_game_that_is_not_there_cannot_be_exported(games: Games, path: Path) -> None:
    for name in ("ZZZZ-ZZ", "0" * 32, "Sprint 12"):
        code, out, err = games("export", name, *url(path))
        assert (code, out) == (1, "")
        assert err == f"There is no game {name} in {path}.\n"


# Importing


def test_a_second_import_of_the_same_file_adds_nothing(
    games: Games, path: Path, tmp_path: Path
) -> None:
    with_secrets(games, path, tmp_path / "game.json")
    for added in (True, False):
        code, out, _ = games("import", tmp_path / "game.json", *url(tmp_path / "new.db"), "--json")
        assert code == 0
        assert json.loads(out) == {
            "gameId": GAME_ID,
            "joinCode": CODE,
            "version": len(rich_game()),
            "withSecrets": True,
            "added": added,
        }
    assert in_database(tmp_path / "new.db") == rich_game()
    _, out, _ = games("import", tmp_path / "game.json", *url(tmp_path / "new.db"))
    assert "already, just as it is here" in out


def test_another_history_of_a_game_that_is_there_is_refused(
    games: Games, path: Path, tmp_path: Path
) -> None:
    asyncio.run(fill(tmp_path / "old.db", rich_game()[:-1]))
    with_secrets(games, tmp_path / "old.db", tmp_path / "old.json")
    code, _, err = games("import", tmp_path / "old.json", *url(path))
    assert code == 1
    assert f"already, with another history: at version {len(rich_game())}" in err
    assert in_database(path) == rich_game()


def test_a_join_code_that_another_game_has_is_told(
    games: Games, path: Path, tmp_path: Path
) -> None:
    asyncio.run(fill(tmp_path / "other.db", renamed(ended_game(), OTHER_ID, CODE)))
    with_secrets(games, path, tmp_path / "game.json")
    code, _, err = games("import", tmp_path / "game.json", *url(tmp_path / "other.db"))
    assert code == 1
    assert err.startswith(f"The join code {CODE} belongs to another game")
    assert in_database(tmp_path / "other.db") == []


def test_a_file_that_cannot_be_imported_makes_no_database(
    games: Games, path: Path, tmp_path: Path
) -> None:
    text = with_secrets(games, path, tmp_path / "game.json")
    bad = tmp_path / "bad.json"
    for content, told in (
        (text[:-200], f"event {len(rich_game())}: unterminated"),
        (text.replace(b'"version": 9}', b'"version": 8}'), "event 9: it is numbered 8"),
        (b"\xff\xfe", "not UTF-8"),
        (None, "cannot be read"),
    ):
        bad.unlink(missing_ok=True)
        if content is not None:
            bad.write_bytes(content)
        code, out, err = games("import", bad, *url(tmp_path / "new.db"))
        assert (code, out) == (2, "")
        assert told in err
    assert not (tmp_path / "new.db").exists()


def test_the_database_of_a_running_server_takes_no_import(
    games: Games, path: Path, tmp_path: Path
) -> None:
    with_secrets(games, path, tmp_path / "game.json")
    claim = Claim.on(f"sqlite:///{tmp_path}/new.db")
    code, _, err = games("import", tmp_path / "game.json", *url(tmp_path / "new.db"))
    assert (code, err) == (1, f"{tmp_path}/new.db cannot be used: another server uses it.\n")
    claim.release()
    assert games("import", tmp_path / "game.json", *url(tmp_path / "new.db"))[0] == 0


def test_a_database_in_memory_takes_no_import(games: Games, path: Path, tmp_path: Path) -> None:
    with_secrets(games, path, tmp_path / "game.json")
    assert games("import", tmp_path / "game.json", "--database", "memory:")[0] == 2


# With real servers


async def served(start: "Start", path: Path) -> tuple["Program", str]:
    server = await start("serve", "--port", "0", *url(path))
    return server, await server.address()


async def run(start: "Start", *arguments: str, **variables: str) -> tuple[int, str, str]:
    program = await start("games", *arguments, **variables)
    code = await program.end()
    return code, "\n".join(program.lines) + "\n", await program.errors()


async def test_a_server_and_its_database_give_the_same_document(
    start: "Start", tmp_path: Path
) -> None:
    path = tmp_path / "games.db"
    server, address = await served(start, path)
    async with PokerClient(address) as client:
        game = await client.create_game("Sprint ½", player="Ada", labels={"b": "2", "a": "1"})
        await game.start_story("Login page")
        await game.vote("8")
        await game.reveal()
    _, from_server, _ = await run(start, "export", game.join_code, "--server", address)
    _, beside_it, _ = await run(start, "export", game.game_id, *url(path))
    code, out, _ = await run(start, "verify", *url(path))
    assert from_server == beside_it
    assert json.loads(from_server)["version"] == game.view.version
    assert (code, "all is well" in out) == (0, True)
    server.process.send_signal(signal.SIGTERM)
    assert await server.end() == 0


async def test_an_imported_game_goes_on_with_its_seats_and_its_open_card(
    start: "Start", tmp_path: Path
) -> None:
    records = rich_game()
    await fill(tmp_path / "old.db", records)
    target = str(tmp_path / "game.json")
    old = url(tmp_path / "old.db")
    await run(start, "export", CODE, *old, "--with-secrets", "--output", target)
    assert (await run(start, "import", target, *url(tmp_path / "new.db")))[0] == 0
    _, address = await served(start, tmp_path / "new.db")
    async with PokerClient(address) as client:
        ada = await client.attach(GAME_ID, player_id="p1", seat_secret=_secret("p1"))
        eve = await client.attach(GAME_ID, player_id="p5", seat_secret=NEW_SECRET)
        with pytest.raises(CommandRefused):
            await client.attach(GAME_ID, player_id="p5", seat_secret=_secret("p5"))
        # The deadline is long past: the server has turned the card by itself, or Ada does.
        if not ada.view.votes:
            await ada.reveal(force=True)
        assert ada.view.votes["p2"].card == "3"
        assert ada.view.votes["p2"].comment == OPEN_CARD
        assert ada.view.version > len(records)
        assert eve.player_id == "p5"


async def test_seats_of_a_game_imported_without_secrets_belong_to_nobody(
    start: "Start", tmp_path: Path
) -> None:
    await fill(tmp_path / "old.db", ended_game()[:2])
    _, document, _ = await run(start, "export", CODE, *url(tmp_path / "old.db"))
    (tmp_path / "game.json").write_text(document, encoding="utf-8")
    await run(start, "import", str(tmp_path / "game.json"), *url(tmp_path / "new.db"))
    _, address = await served(start, tmp_path / "new.db")
    async with PokerClient(address) as client:
        for secret in (_secret("p1"), b"", b"nobody 2", b"0" * 32):
            with pytest.raises(CommandRefused):
                await client.seat(GAME_ID, "p1", secret).start_round()
        game = await client.join(CODE, "Grace")
        assert set(game.view.players) == {"p1", "p2"}
        assert game.player_id == "p2"


async def test_a_passcode_is_asked_for_where_the_game_has_one(
    start: "Start", tmp_path: Path
) -> None:
    _, address = await served(start, tmp_path / "games.db")
    async with PokerClient(address) as client:
        game = await client.create_game("Sprint 12", player="Ada", passcode="open sesame")
    code, out, err = await run(start, "export", game.game_id, "--server", address)
    assert (code, out) == (1, "\n")
    assert "passcode" in err
    program = await start("games", "export", game.game_id, "--server", address, "--passcode")
    await program.type("open sesame")
    assert await program.end() == 0
    assert json.loads("\n".join(program.lines))["gameId"] == game.game_id


async def test_a_server_that_is_not_there_is_told(start: "Start") -> None:
    program = await start("games", "export", CODE, "--server", "127.0.0.1:1")
    assert await program.end() == 1
    errors = await program.errors()
    assert errors.startswith("127.0.0.1:1 did not answer")
    assert "Traceback" not in errors


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def test_an_import_that_is_killed_at_any_moment_leaves_all_or_nothing(
    games: Games, tmp_path: Path
) -> None:
    records = long_game(20_000)
    asyncio.run(fill(tmp_path / "old.db", records))
    with_secrets(games, tmp_path / "old.db", tmp_path / "game.json")
    new = tmp_path / "new.db"
    command = [COMMAND, "games", "import", str(tmp_path / "game.json"), *url(new)]
    moments: list[Callable[[Path, Path], bool]] = [
        lambda db, _: size(db.with_name("new.db-lock")) >= 0,
        lambda db, _: size(db) >= 0,
        # While the one transaction is being written.
        lambda _, wal: size(wal) > 500_000,
        lambda _, wal: size(wal) > 2_000_000,
    ]
    killed = 0
    for moment in moments:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not moment(new, new.with_name("new.db-wal")):
                pass
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        assert in_database(new) in ([], records)
    assert killed >= 3
    code, _, _ = games("import", tmp_path / "game.json", *url(new))
    assert code == 0
    assert in_database(new) == records
    assert games("verify", *url(new))[0] == 0


MEASURED = """
import re, sys
from planning_poker_server.cli import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read()
sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+)", status)[1])
raise SystemExit(code)
"""
"""The command line, and on its last line the peak of its memory in KiB."""


@pytest.mark.long
def test_100_000_events_move_in_seconds_and_little_memory(tmp_path: Path) -> None:
    """In a process of its own for each command; -s shows what was measured."""
    peaks: dict[int, list[float]] = {}
    for count in (1_000, 100_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        asyncio.run(fill(folder / "old.db", long_game(count)))
        target = str(folder / "game.json")
        secret = (*url(folder / "old.db"), "--with-secrets", "--output", target)
        peaks[count] = [
            peak_mib("verify", *url(folder / "old.db")),
            peak_mib("export", CODE, *secret),
            peak_mib("import", target, *url(folder / "new.db")),
        ]
        assert in_database(folder / "new.db") == long_game(count)
    growth = [large - small for small, large in zip(*peaks.values(), strict=True)]
    tell({"MiB more for 100,000 events": [round(each) for each in growth]})
    assert max(growth[:2]) < 20
    assert growth[2] < 80, "its records are one append, and so in memory together"


def peak_mib(*arguments: str) -> float:
    """The peak of memory of a command that must succeed."""
    began = time.monotonic()
    command = [sys.executable, "-c", MEASURED, "games", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = int(done.stderr.splitlines()[-1]) / 1024
    tell({f"games {arguments[0]}": f"{time.monotonic() - began:.1f} s, {peak:.0f} MiB"})
    return peak


def test_the_token_is_read_from_a_file_and_never_an_argument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("\n")
    assert main(["games", "export", CODE, "--token-file", str(tmp_path / "token")]) == 2
    assert "There is no token in" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["games", "export", CODE, "--token", "canary"])


def test_the_variable_for_the_token_is_no_unknown_setting(
    games: Games, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNING_POKER_TOKEN", "canary")
    assert "PLANNING_POKER_TOKEN" in os.environ
    code, out, _ = games("verify", *url(path))
    assert code == 0
    assert "canary" not in out
