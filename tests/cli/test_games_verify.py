"""`games verify`: each kind of damage is found by name, and a clean log is clean."""

# ruff: noqa: S608 -- what goes into the statements stands in this file

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import planningpoker.v1 as pb
from planning_poker_server.cli import main
from planning_poker_server.eventlog.read_only import ReadOnlyLog
from tests.server.eventlog.test_sqlite_corruption import cut_chain
from tests.server.transfer.played import (
    CODE,
    OTHER_CODE,
    OTHER_ID,
    Played,
    ended_game,
    fill,
    renamed,
    rich_game,
)
from tools.fold_table import GAME_ID

Verify: TypeAlias = Callable[..., tuple[int, dict[str, Any]]]
IN_GAME = f"WHERE game_id = '{GAME_ID}'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a rich game and one that has ended."""
    asyncio.run(
        fill(tmp_path / "games.db", rich_game(), renamed(ended_game(), OTHER_ID, OTHER_CODE))
    )
    return tmp_path / "games.db"


@pytest.fixture
def outside(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def verify(path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """The exit code and what is printed as JSON."""

    def verify(*games: str) -> tuple[int, dict[str, Any]]:
        code = main(["games", "verify", *games, "--json", "--database", f"sqlite:///{path}"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == bool(found["findings"])
        return code, found

    return verify


def found(report: dict[str, Any]) -> list[tuple[str, int | None, str]]:
    return [(each["gameId"], each["version"], each["kind"]) for each in report["findings"]]


def test_a_clean_log_is_clean_and_one_line_says_what_was_checked(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["games", "verify", "--database", f"sqlite:///{path}"]) == 0
    out, err = capsys.readouterr()
    events = len(rich_game()) + len(ended_game())
    assert out.startswith(f"2 games with {events} events checked in ")
    assert out.endswith(" s: all is well.\n")
    assert out.count("\n") == 1
    assert err == ""


def test_only_the_named_games_are_checked(verify: Verify, outside: sqlite3.Connection) -> None:
    outside.execute(f"UPDATE games SET phase = 9 {IN_GAME}")
    assert verify(OTHER_ID)[1]["games"] == 1
    assert verify(OTHER_CODE.lower().replace("-", ""))[0] == 0
    assert found(verify(CODE)[1]) == [(GAME_ID, None, "summary")]
    assert found(verify(CODE, OTHER_ID)[1]) == [(GAME_ID, None, "summary")]


@pytest.mark.parametrize("name", ["0" * 32, "ZZZZ-ZZ", "no game \x1b[2J"])
def test_a_game_that_is_not_there_is_told(
    path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["games", "verify", name, "--database", f"sqlite:///{path}"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("There is no game ")
    assert "\x1b" not in err


HEAD = len(rich_game())
DAMAGE: dict[str, tuple[str, list[tuple[int | None, str]]]] = {
    "the first record is gone": (f"DELETE FROM events {IN_GAME} AND version = 1", [(1, "hole")]),
    "a record is gone": (f"DELETE FROM events {IN_GAME} AND version = 7", [(7, "hole")]),
    "records are gone": (f"DELETE FROM events {IN_GAME} AND version IN (7, 8, 9)", [(7, "hole")]),
    "the last record is gone": (
        f"DELETE FROM events {IN_GAME} AND version = {HEAD}",
        [(HEAD, "hole")],
    ),
    "all records are gone": (f"DELETE FROM events {IN_GAME}", [(1, "hole")]),
    "two holes": (
        f"DELETE FROM events {IN_GAME} AND version IN (3, 7)",
        [(3, "hole"), (7, "hole")],
    ),
    "an event is text": (
        f"UPDATE events SET event = 'text' {IN_GAME} AND version = 7",
        [(7, "undecodable")],
    ),
    "an event is garbage": (
        f"UPDATE events SET event = x'ffffff' {IN_GAME} AND version = 7",
        [(7, "undecodable")],
    ),
    "a sealed part is garbage": (
        f"UPDATE events SET sealed = x'0aff' {IN_GAME} AND version = 7",
        [(7, "undecodable")],
    ),
    "a sealed part is a number": (
        f"UPDATE events SET sealed = 7 {IN_GAME} AND version = 7",
        [(7, "undecodable")],
    ),
    "an event is another one": (
        f"UPDATE events SET event = (SELECT event FROM events {IN_GAME} AND version = 8) "
        f"{IN_GAME} AND version = 7",
        [(7, "version")],
    ),
    "a version is text": (
        f"UPDATE events SET version = 'x' {IN_GAME} AND version = 7",
        [(7, "hole"), (None, "version")],
    ),
    "a version is not positive": (
        f"UPDATE events SET version = -7 {IN_GAME} AND version = 7",
        [(None, "version"), (7, "hole")],
    ),
    "a version is far ahead": (
        f"UPDATE events SET version = 1000000 {IN_GAME} AND version = {HEAD}",
        [(HEAD, "hole"), (1_000_000, "version"), (None, "head")],
    ),
    "a head is behind": (f"UPDATE games SET head = head - 1 {IN_GAME}", [(None, "head")]),
    "a head is ahead": (f"UPDATE games SET head = head + 1 {IN_GAME}", [(HEAD + 1, "hole")]),
    "a head is text": (f"UPDATE games SET head = 'five' {IN_GAME}", [(None, "head")]),
    "a name is another": (f"UPDATE games SET display_name = 'x' {IN_GAME}", [(None, "summary")]),
    "a phase is another": (f"UPDATE games SET phase = 2 + phase {IN_GAME}", [(None, "summary")]),
    "a time is another": (f"UPDATE games SET create_ms = 5 {IN_GAME}", [(None, "summary")]),
    "a join code is gone": (f"UPDATE games SET join_code = NULL {IN_GAME}", [(None, "summary")]),
    "a join code is another": (
        f"UPDATE games SET join_code = 'ABCD-EF' {IN_GAME}",
        [(None, "summary")],
    ),
    "a timer is gone": (
        f"DELETE FROM timers {IN_GAME} AND kind = 'deadline'",
        [(None, "timers")],
    ),
    "a timer is another": (f"UPDATE timers SET due_ms = due_ms + 1 {IN_GAME}", [(None, "timers")]),
    "positions do not grow": (
        f"UPDATE events SET position = 1000000 {IN_GAME} AND version = 7",
        [(8, "position")],
    ),
    "a card is gone": (
        f"UPDATE events SET sealed = x'' {IN_GAME} AND version = {HEAD}",
        [(None, "sealed")],
    ),
    "a seat's hash is gone": (
        f"UPDATE events SET sealed = x'' {IN_GAME} AND version = 2",
        [(None, "sealed")],
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_by_name_and_the_other_game_is_clean(
    verify: Verify, outside: sqlite3.Connection, damage: str
) -> None:
    statement, expected = DAMAGE[damage]
    assert outside.execute(statement).rowcount > 0
    findings = found(verify()[1])
    assert findings == [(GAME_ID, *each) for each in expected]


def edit(outside: sqlite3.Connection, version: int, change: Callable[[pb.GameEvent], Any]) -> None:
    """Change what a record says."""
    where = f"{IN_GAME} AND version = {version}"
    event = pb.GameEvent.FromString(
        outside.execute(f"SELECT event FROM events {where}").fetchone()[0]
    )
    change(event)
    outside.execute(f"UPDATE events SET event = ? {where}", (event.SerializeToString(),))


@pytest.mark.parametrize(
    ("version", "change", "kind"),
    [
        (1, lambda event: setattr(event.game_created.game, "game_id", "0" * 32), "id"),
        (1, lambda event: event.story_removed.SetInParent(), "fold"),
        (2, lambda event: setattr(event.player_joined.player, "player_id", "Bob"), "fold"),
        (7, lambda event: event.game_created.SetInParent(), "fold"),
        (7, lambda event: event.player_left.SetInParent(), "fold"),
        (9, lambda event: event.event_time.FromSeconds(1), "time"),
    ],
)
def test_events_that_do_not_make_a_game_are_found(
    verify: Verify,
    outside: sqlite3.Connection,
    version: int,
    change: Callable[[pb.GameEvent], Any],
    kind: str,
) -> None:
    edit(outside, version, change)
    assert found(verify()[1])[0] == (GAME_ID, version, kind)


def test_records_and_timers_without_a_game_are_found(
    verify: Verify, outside: sqlite3.Connection
) -> None:
    outside.execute(f"DELETE FROM games {IN_GAME}")
    _, report = verify()
    assert found(report) == [(GAME_ID, None, "stray")] * 2
    details = [each["detail"] for each in report["findings"]]
    assert details[0] == f"{HEAD} records name it, and there is no such game"
    assert details[1].startswith("2 timers name it")
    assert found(verify(GAME_ID)[1]) == [(GAME_ID, None, "stray")]


@pytest.mark.parametrize("game_id", ["Sprint 12", "0" * 31, "A" * 32])
def test_an_id_that_no_game_can_have_is_found(
    verify: Verify, outside: sqlite3.Connection, game_id: str
) -> None:
    for table in ("games", "events", "timers"):
        outside.execute(f"UPDATE {table} SET game_id = ? {IN_GAME}", (game_id,))
    assert found(verify()[1]) == [(game_id, 1, "id"), (game_id, None, "id")]


def test_an_id_that_is_no_text_hides_no_other_game(
    verify: Verify, outside: sqlite3.Connection
) -> None:
    outside.execute(f"UPDATE games SET game_id = x'00ff' {IN_GAME}")
    report = verify()[1]
    assert report["games"] == 2
    assert [kind for _, _, kind in found(report)] == ["id", "stray", "stray"]


def test_a_damaged_game_is_told_by_at_most_a_hundred_findings(
    verify: Verify, outside: sqlite3.Connection
) -> None:
    for version in range(-1, -301, -1):
        outside.execute(
            "INSERT INTO events (game_id, version, event, sealed) VALUES (?, ?, x'', x'')",
            (GAME_ID, version),
        )
    assert verify()[1]["found"] == 100


def test_a_damaged_page_of_the_file_is_the_damage_of_its_game(path: Path, verify: Verify) -> None:
    table = Played()
    table.create()
    story = pb.NewStory(title="large" * 40, description="damage" * 666)
    table.do("p1", add_stories=pb.AddStories(stories=[story, story]))
    records = renamed(table.records, "e" * 32, "BBBB-BB")
    asyncio.run(fill(path, records))
    cut_chain(path, b"damage")
    findings = found(verify()[1])
    assert findings == [("e" * 32, None, "unreadable")]


def test_findings_stand_in_a_table_of_the_terminals_width(
    path: Path,
    outside: sqlite3.Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outside.execute(f"DELETE FROM events {IN_GAME} AND version IN (7, 8)")
    assert main(["games", "verify", "--database", f"sqlite:///{path}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if GAME_ID in line)
    assert row.split() == [GAME_ID, "7", "hole", "records", "7", "to", "8", "are"]
    assert max(map(len, lines)) <= 80
    assert lines[-1].endswith(": 1 finding.")


def test_what_players_wrote_and_what_is_sealed_stays_out_of_findings(
    outside: sqlite3.Connection, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.execute("UPDATE games SET display_name = 'x\x1b[2J', head = 'canary'")
    outside.execute("UPDATE events SET sealed = x'0aff' WHERE version = 2")
    main(["games", "verify", "--database", f"sqlite:///{path}"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Sprint" not in out


def test_nothing_is_written_and_nothing_is_claimed(path: Path, verify: Verify) -> None:
    before = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert verify()[0] == 0
        writer.execute("ROLLBACK")
    assert path.read_bytes() == before
    assert not path.with_name("games.db-lock").exists()


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda path: path.unlink(), "there is no such file"),
        (lambda path: path.write_bytes(b""), "no database of this service"),
        (lambda path: path.write_text("Dear diary, " * 1_000), "no database of this service"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be opened"),
    ],
)
def test_what_is_no_database_is_told_and_left_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Path], Any],
    told: str,
) -> None:
    path = tmp_path / "other.db"
    path.touch()
    prepare(path)
    before = sorted(tmp_path.iterdir())
    assert main(["games", "verify", "--database", f"sqlite:///{path}"]) == 1
    assert told in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("revision", "told"), [("9999", "newer version"), (None, "no database")])
def test_a_schema_of_another_version_is_told_in_a_sentence(
    path: Path,
    outside: sqlite3.Connection,
    capsys: pytest.CaptureFixture[str],
    revision: str | None,
    told: str,
) -> None:
    outside.execute("DELETE FROM alembic_version")
    if revision:
        outside.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    assert main(["games", "verify", "--database", f"sqlite:///{path}"]) == 1
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_a_log_in_memory_is_seen_by_nobody_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["games", "verify", "--database", "memory:"]) == 1
    assert "its own server only" in capsys.readouterr().err


def test_a_game_that_goes_on_while_it_is_looked_at_is_clean(
    path: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ReadOnlyLog.rows

    def rows(log: ReadOnlyLog, game_id: str, *after: object) -> Any:
        with closing(sqlite3.connect(path)) as writer, writer:
            head = writer.execute("SELECT max(version) FROM events").fetchone()[0]
            writer.execute(
                "INSERT INTO events (game_id, version, event, sealed) VALUES (?, ?, x'', x'')",
                (GAME_ID, head + 1),
            )
            writer.execute(f"UPDATE games SET head = head + 1, phase = 9 {IN_GAME}")
        return read(log, game_id, *after)

    monkeypatch.setattr(ReadOnlyLog, "rows", rows)
    assert verify(GAME_ID)[0] == 0


def test_a_game_that_is_purged_while_it_is_looked_at_is_clean(
    path: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ReadOnlyLog.game

    def game(log: ReadOnlyLog, game_id: str) -> Any:
        found = read(log, game_id)
        with closing(sqlite3.connect(path)) as writer, writer:
            for table in ("timers", "events", "games"):
                writer.execute(f"DELETE FROM {table} {IN_GAME}")
        return found

    monkeypatch.setattr(ReadOnlyLog, "game", game)
    assert verify()[0] == 0
