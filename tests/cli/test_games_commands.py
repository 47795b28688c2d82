"""`games list`, `show`, `history`, `replay`, `report`, `purge`, `import` of stories, and `tail`."""

import asyncio
import csv
import io
import json
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from planning_poker_client import PokerClient as AsyncClient
from planning_poker_client.sync import Game, PokerClient
from planning_poker_server.cli import main
from planning_poker_server.cli.games.moments import ago, moment
from planning_poker_simulator import FaultProxy
from tests.workspace.serving import serving

if TYPE_CHECKING:
    from tests.cli.conftest import Program, Start

TOKEN = "operator-token-of-at-least-32-characters"
Games = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose games are for operators."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, SERVER__OPERATOR_TOKEN=TOKEN, SERVER__OPEN_FEED="false") as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[PokerClient]:
    with PokerClient(address) as client:
        yield client


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> Games:
    """Runs `planning-poker …` as an operator: exit code, output, errors."""
    monkeypatch.setenv("PLANNING_POKER_TOKEN", TOKEN)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([*map(str, arguments), "--server", address])
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def games(command: Games) -> Games:
    return lambda *arguments: command("games", *arguments)


@pytest.fixture(scope="module")
def played(client: PokerClient) -> Game:
    """A game with two stories, one of which took two rounds."""
    game = client.create_game("Sprint 12", player="Ada", labels={"team": "payments"})
    bob = client.join(game.join_code, "Bob")
    game.start_story("Login page", key="A-1")
    game.vote("3")
    bob.vote("8", comment="hard")
    game.reveal()
    again = game.again()
    game.vote("5")
    bob.vote("5", round_id=again.round_id)
    game.reveal()
    game.accept("5")
    game.start_story("=cmd|' /C calc'!A0")
    return game


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


# list


def test_the_list_shows_a_game_in_a_row_and_as_json(games: Games, played: Game) -> None:
    code, out, _ = games("list", "--name", "sprint 12")
    assert code == 0
    row = next(line for line in out.splitlines() if played.join_code in line)
    assert "Sprint 12" in row
    assert "voting" in row
    assert "team=payments" in row
    _, out, errors = games("list", "--name", "Sprint 12", "--json")
    (game,) = lines(out)
    assert (game["gameId"], game["joinCode"]) == (played.game_id, played.join_code)
    assert game["phase"] == "GAME_PHASE_VOTING"
    assert errors == ""


def test_the_list_is_chosen_from(games: Games, client: PokerClient, played: Game) -> None:
    ended = client.create_game("Chosen: ended", player="Ada", labels={"room": "4"})
    ended.end()
    client.create_game("Chosen: open", player="Ada")

    def names(*options: str) -> list[str]:
        return [game["displayName"] for game in lines(games("list", "--json", *options)[1])]

    assert names("--name", "chosen") == ["Chosen: open", "Chosen: ended"]
    assert names("--phase", "ended", "--name", "chosen") == ["Chosen: ended"]
    assert names("--label", "room=4") == ["Chosen: ended"]
    assert names("--created-since", "1d", "--updated-before", "1d") == []
    assert names("--limit", "1") == ["Chosen: open"]
    assert "there are more: --limit" in games("list", "--limit", "1")[1]
    assert "No game is like that." in games("list", "--name", "no such game")[1]


@pytest.mark.parametrize("token", ["", "a-wrong-token"])
def test_without_the_right_token_the_way_out_is_told(
    games: Games, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("PLANNING_POKER_TOKEN", token)
    code, out, errors = games("list")
    assert (code, out) == (1, "")
    assert "operator_token" in errors
    assert errors.count("\n") == 1


def test_the_token_may_stand_in_a_file(
    games: Games, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PLANNING_POKER_TOKEN")
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert games("list", "--token-file", file)[0] == 0


@pytest.mark.parametrize(
    "options", [["--created-since", "soon"], ["--label", "x"], ["--limit", "0"]]
)
def test_what_cannot_be_meant_is_said_by_name(
    games: Games, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        games("list", *options)
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_moments_are_dates_and_ages() -> None:
    now = datetime.now(UTC)
    assert abs(moment("2d") - (now - timedelta(days=2))) < timedelta(minutes=1)
    assert moment("2026-11-27T09:30+00:00") == datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
    assert moment("2026-11-27").tzinfo is not None
    assert ago(now - timedelta(hours=30), now) == "1 d"
    assert ago(now + timedelta(seconds=5), now) == "0 s"


# show, history, replay


def test_a_game_is_shown_now_and_as_it_was(games: Games, played: Game) -> None:
    code, out, _ = games("show", played.join_code)
    assert code == 0
    assert "Login page" in out
    assert "0 of 2 have laid a card" in out
    assert "1 of 2 stories estimated" in out
    _, out, _ = games("show", played.game_id, "--version", 3, "--json")
    shown = json.loads(out)
    assert (shown["version"], [p["displayName"] for p in shown["players"]]) == (3, ["Ada", "Bob"])
    assert games("show", played.game_id, "--version", 9_999)[0] == 1
    assert "no such game" in games("show", "0" * 32)[2]


def test_an_observer_is_not_waited_for_and_who_laid_a_card_is_named(
    games: Games, client: PokerClient
) -> None:
    game = client.create_game("Observed", player="Ada")
    client.join(game.join_code, "Bob")
    client.join(game.join_code, "Olga", role="observer")
    game.start_story("Login page")
    game.vote("3")
    assert "1 of 2 have laid a card (Ada)." in games("show", game.game_id)[1]


def test_the_history_is_a_line_for_each_event(games: Games, played: Game) -> None:
    head = played.view.version
    _, out, _ = games("history", played.join_code)
    told = out.splitlines()
    assert len(told) == head
    assert "The game “Sprint 12” is opened" in told[0]
    assert any("Ada 3, Bob 8 “hard”" in line for line in told)
    _, out, _ = games("history", played.join_code, "--after", head - 2)
    assert [line.split()[0] for line in out.splitlines()] == [str(head - 1), str(head)]
    _, out, _ = games("history", played.join_code, "--json")
    assert [event["version"] for event in lines(out)] == list(range(1, head + 1))


def test_a_replay_without_a_terminal_is_lines_and_the_table(games: Games, played: Game) -> None:
    code, out, _ = games("replay", played.join_code, "--from", 5)
    assert code == 0
    assert out.splitlines()[0].split()[0] == "5"
    assert "1 of 2 stories estimated" in out


def test_a_game_with_a_passcode_is_read_by_operators_alone(
    games: Games, client: PokerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = client.create_game("Guarded", player="Ada", passcode="secret")
    assert games("history", guarded.game_id)[0] == 0
    monkeypatch.setenv("PLANNING_POKER_TOKEN", "")
    code, _, errors = games("history", guarded.game_id)
    assert code == 1
    assert "passcode" in errors


# report and sheets


def test_the_report_is_a_page_in_a_file_or_on_standard_output(
    games: Games, played: Game, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    code, out, errors = games("report", played.join_code, "--output", file)
    assert (code, out, errors) == (0, "", f"The report is in {file}.\n")
    page = file.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "Login page" in page
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~_umask()
    assert games("report", played.join_code, "--output", "-")[1] == page


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_stories_and_votes_come_as_rows_that_no_spreadsheet_runs(
    games: Games, played: Game
) -> None:
    def rows(format_: str) -> list[dict[str, str]]:
        _, out, _ = games("export", played.join_code, "--format", format_)
        return list(csv.DictReader(io.StringIO(out, newline="")))

    stories = rows("stories.csv")
    assert [story["estimate"] for story in stories] == ["5", ""]
    assert stories[1]["title"] == "'=cmd|' /C calc'!A0"
    votes = rows("votes.csv")
    assert [(vote["round_number"], vote["player"], vote["card"]) for vote in votes] == [
        ("1", "Ada", "3"),
        ("1", "Bob", "8"),
        ("2", "Ada", "5"),
        ("2", "Bob", "5"),
    ]


# purge


def test_a_purge_asks_or_needs_to_be_told(games: Games, client: PokerClient) -> None:
    game = client.create_game("To go", player="Ada")
    code, _, errors = games("purge", game.join_code)  # standard input is no terminal
    assert code == 2
    assert "--yes" in errors
    code, out, _ = games("purge", game.join_code, "--dry-run")
    assert code == 0
    assert "1 game would go." in out
    assert games("show", game.game_id)[0] == 0
    assert games("purge", game.join_code.replace("-", "").lower(), "--yes")[1] == (
        "1 game was purged.\n"
    )
    assert games("show", game.game_id)[0] == 1
    assert "There is no game" in games("purge", game.game_id, "--yes")[2]


def test_a_game_that_is_named_twice_goes_once(games: Games, client: PokerClient) -> None:
    game = client.create_game("Twice", player="Ada")
    _, out, _ = games("purge", game.game_id, game.join_code, "--yes")
    assert out == "1 game was purged.\n"


def test_a_game_that_went_on_meanwhile_stays_and_is_told(
    games: Games, client: PokerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = client.create_game("Quiet", player="Ada")
    busy = client.create_game("Busy", player="Ada")
    listed = AsyncClient.purge_game

    async def late(asked: AsyncClient, game: str, *, expected_version: int | None = None) -> str:
        if game == busy.game_id and expected_version is not None:
            await asyncio.to_thread(busy.start_story, "Just now")
        return await listed(asked, game, expected_version=expected_version)

    monkeypatch.setattr(AsyncClient, "purge_game", late)
    code, out, errors = games("purge", quiet.game_id, busy.game_id, "--yes", "--json")
    assert code == 1
    assert [game["displayName"] for game in json.loads(out)] == ["Quiet"]
    assert f"{busy.join_code} stays" in errors
    assert len(client.read_game(busy.game_id).stories) == 1


def test_a_purge_prints_json_whatever_it_finds(games: Games, client: PokerClient) -> None:
    game = client.create_game("As JSON", player="Ada")
    assert json.loads(games("purge", "--ended-days", 9, "--yes", "--json")[1]) == []
    (going,) = json.loads(games("purge", game.game_id, "--dry-run", "--json")[1])
    assert going["gameId"] == game.game_id
    code, out, errors = games("purge", game.game_id, "--json")
    assert (code, out) == (2, "")
    assert "--dry-run" in errors


def test_a_purge_by_age_takes_what_is_old(games: Games, played: Game) -> None:
    code, out, _ = games("purge", "--ended-days", 1, "--abandoned-days", 1, "--yes")
    assert (code, out) == (0, "No game is to go.\n")
    for options in ([], [played.join_code, "--ended-days", "1"]):
        assert games("purge", *options, "--yes")[0] == 2


# import of stories


def test_stories_from_a_file_open_a_game_and_enter_it_once(
    games: Games, client: PokerClient, tmp_path: Path
) -> None:
    backlog, seats = tmp_path / "backlog.csv", tmp_path / "seats.json"
    backlog.write_text("title,key\nLogin,A-1\nLogout,A-2\n")
    code, out, _ = games("import", backlog, "--new", "Imported", "--name", "Ada", "--seats", seats)
    assert code == 0
    assert out.startswith("2 stories were added.\nJoin with ")
    game = out.split()[-1].rstrip(".")
    _, out, _ = games("import", backlog, "--game", game, "--seats", seats)
    assert out == "0 stories were added; 2 were there already.\n"
    assert len(client.read_game(game).stories) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--game CODE"),
        (["--game", "K7QF-3M"], "--seats FILE"),
        (["--new", "Sprint 13"], "--name NAME"),
    ],
)
def test_an_import_of_stories_says_what_it_needs(
    games: Games, tmp_path: Path, options: list[str], said: str
) -> None:
    backlog = tmp_path / "backlog.csv"
    backlog.write_text("title\nLogin\n")
    code, _, errors = games("import", backlog, *options)
    assert code == 2
    assert said in errors


@pytest.mark.parametrize(
    ("name", "content", "option"),
    [
        ("stories.csv", "title\nLogin\n", "--database"),
        ("game.json", "{}", "--new"),
        ("stories.txt", "title\nLogin\n", "--database"),
        ("game", "\n{}", "--new"),
    ],
)
def test_an_option_for_the_other_kind_of_file_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: str, option: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    assert main(["games", "import", str(file), option, "x"]) == 2
    assert f"leave out {option}" in capsys.readouterr().err


def test_a_bad_file_is_refused_by_line_before_anything_is_asked(
    games: Games, tmp_path: Path
) -> None:
    backlog = tmp_path / "backlog.csv"
    backlog.write_text("title\nLogin\n\x00\n")
    code, _, errors = games("import", backlog, "--new", "No", "--name", "Ada")
    assert code == 2
    assert "line 3" in errors
    assert games("list", "--name", "No", "--json")[1] == ""


# tail


async def _tail(start: "Start", address: str, *options: str) -> "Program":
    program = await start(
        "tail", "--server", address, *options, PLANNING_POKER_TOKEN=TOKEN, TZ="UTC"
    )
    assert program.process.stderr is not None
    if "--json" not in options:
        assert b"Listening" in await program.process.stderr.readline()
    return program


async def test_a_tail_tells_what_happens_from_now_on(
    start: "Start", address: str, client: PokerClient
) -> None:
    program = await _tail(start, address)
    game = client.create_game("Watched", player="Ada")
    game.start_story("Login page")
    line = await program.until("Cards for")
    assert game.join_code in line
    assert "Watched" in line
    program.process.send_signal(2)
    assert await program.end() == 130


async def test_a_tail_tells_a_loss_once_and_goes_on(
    start: "Start", address: str, client: PokerClient
) -> None:
    async with FaultProxy(address) as proxy:
        program = await _tail(start, proxy.address)
        assert program.process.stderr is not None
        proxy.cut()
        assert b"waits for its server" in await program.process.stderr.readline()
        assert b"goes on" in await program.process.stderr.readline()
        client.create_game("After the loss", player="Ada")
        await program.until("After the loss")


async def test_a_tail_goes_on_from_a_cursor(
    start: "Start", address: str, client: PokerClient
) -> None:
    game = client.create_game("Watched, too", player="Ada")
    first = await _tail(start, address, "--json", "--from-start", "--game", game.game_id)
    created = json.loads(await first.until("gameCreated"))
    assert created["event"]["gameCreated"]["game"]["displayName"] == "Watched, too"
    more = await _tail(
        start, address, "--json", "--game", game.game_id, "--cursor", created["cursor"]
    )
    assert "playerJoined" in json.loads(await more.until("event"))["event"]


def test_a_tail_of_events_that_are_none_names_those_that_are(command: Games) -> None:
    code, _, errors = command("tail", "--type", "votes_reveald")
    assert code == 1
    assert "votes_revealed" in errors
