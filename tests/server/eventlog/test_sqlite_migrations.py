"""How a database gets its schema, and keeps what is in it."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event

import planningpoker.v1 as pb
from planning_poker_server.eventlog import migrate as migrations
from planning_poker_server.eventlog.migrate import migrate
from planning_poker_server.eventlog.port import LogError, LogUnavailable
from planning_poker_server.eventlog.sqlite import SqliteFile
from planning_poker_server.eventlog.tables import metadata
from tests.contract.eventlog.games import append, proposal, read, records
from tests.server.eventlog.conftest import OpenSqlite

NEXT = """
import sqlalchemy as sa
from alembic.operations import Operations

revision = "next"
down_revision = "0004"


def upgrade(op: Operations) -> None:
    op.add_column("games", sa.Column("note", sa.Text, server_default="none"))
    {more}
"""


def copied(folder: Path) -> Path:
    """The migrations, to be changed."""
    scripts = Path(migrations.__file__).with_name("migrations")
    return shutil.copytree(scripts, folder, ignore=shutil.ignore_patterns("__*"))


def up_to(last: str, folder: Path) -> Path:
    """The migrations that an earlier version of the server had."""
    scripts = copied(folder)
    for script in (scripts / "versions").glob("v*.py"):
        if script.name[: len(last)] > last:
            script.unlink()
    return scripts


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a later version of the server."""
    copy = copied(tmp_path / "newer")
    (copy / "versions/v9999_next.py").write_text(NEXT.format(more=""))
    return copy


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = SqliteFile.at(f"sqlite:///{path}").writer(5_000)
    yield engine
    engine.dispose()


def schema(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
        return found.fetchall()


def holds(path: Path, mark: bytes) -> bool:
    return mark in path.read_bytes()


def version(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchall()


async def test_migrations_lead_to_the_schema_that_the_code_expects(
    open_sqlite: OpenSqlite, path: Path, tmp_path: Path
) -> None:
    await (await open_sqlite()).close()
    expected = create_engine(f"sqlite:///{tmp_path}/expected.db")
    metadata.create_all(expected)
    expected.dispose()
    migrated = [row for row in schema(path) if "alembic" not in row[0]]
    assert [name for name, _ in migrated] == [name for name, _ in schema(tmp_path / "expected.db")]
    by_engine = create_engine(f"sqlite:///{path}")
    with by_engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    by_engine.dispose()
    # What the comparison does not see.
    assert "AUTOINCREMENT" in dict(migrated)["events"]
    assert "WITHOUT ROWID" in dict(migrated)["games"]


async def test_opening_again_changes_nothing(open_sqlite: OpenSqlite, path: Path) -> None:
    await (await open_sqlite()).close()
    before = schema(path), version(path)
    await (await open_sqlite()).close()
    assert (schema(path), version(path)) == before


def test_migrating_twice_runs_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        migrate(connection)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    with engine.begin() as connection:
        migrate(connection)
    assert not [text for text in statements if text.startswith(("CREATE", "ALTER", "INSERT"))]


async def test_an_older_database_is_brought_up_to_date_with_all_that_is_in_it(
    open_sqlite: OpenSqlite, path: Path, newer: Path
) -> None:
    log = await open_sqlite()
    await append(log, proposal("game", 0, 3))
    await log.close()
    engine = SqliteFile.at(f"sqlite:///{path}").writer(5_000)
    with engine.begin() as connection:
        migrate(connection, newer)
    engine.dispose()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT game_id, head, note FROM games").fetchall() == [
            ("game", 3, "none")
        ]
    assert version(path) == [("next",)]


async def test_what_is_kept_beside_the_games_follows_from_their_events(
    engine: Engine, path: Path, tmp_path: Path, open_sqlite: OpenSqlite
) -> None:
    with engine.begin() as connection:
        migrate(connection, up_to("v0001", tmp_path / "first"))
    created = pb.GameCreated(game=pb.Game(labels={"team": "ü", "a": "1"}, passcode_required=True))
    games = {
        "guarded": [pb.GameEvent(version=1, game_created=created)],
        "opened": [
            pb.GameEvent(version=1, game_created=created),
            pb.GameEvent(version=2, game_updated=pb.GameUpdated(passcode_required=False)),
        ],
        "plain": [pb.GameEvent(version=1, game_created=pb.GameCreated())],
    }
    with closing(sqlite3.connect(path)) as other, other:
        for game_id, events in games.items():
            row = game_id, len(events), None, "Sprint 12", 1, 1, 2
            other.execute("INSERT INTO games VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            other.executemany(
                "INSERT INTO events (game_id, version, event, sealed) VALUES (?, ?, ?, x'')",
                [(game_id, event.version, event.SerializeToString()) for event in events],
            )
        other.execute("INSERT INTO games VALUES ('damaged', 1, NULL, '', 1, 1, 2)")
        other.execute("INSERT INTO events VALUES (NULL, 'damaged', 1, x'ff', x'')")
    log = await open_sqlite()
    labels = (("a", "1"), ("team", "ü"))
    assert {row.game_id: row.summary[-2:] for row in await log.games()} == {
        "guarded": (True, labels),
        "opened": (False, labels),
        "plain": (False, ()),
        "damaged": (False, ()),
    }


async def test_what_an_older_version_purged_is_swept(
    engine: Engine, path: Path, tmp_path: Path, open_sqlite: OpenSqlite
) -> None:
    with engine.begin() as connection:
        migrate(connection, up_to("v0002", tmp_path / "second"))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("PRAGMA secure_delete = OFF")
        other.execute("CREATE TABLE left AS SELECT 'canary' FROM games UNION SELECT 'canary'")
        other.execute("INSERT INTO log VALUES ('epoch', 0)")
        other.execute("INSERT INTO games VALUES ('gone', -1, NULL, '', 0, 0, 1, 0, '{}')")
        other.execute("DROP TABLE left")
    assert holds(path, b"canary")
    await open_sqlite()
    assert not holds(path, b"canary")


async def test_a_newer_database_is_refused_and_left_alone(
    open_sqlite: OpenSqlite, path: Path, engine: Engine, newer: Path
) -> None:
    with engine.begin() as connection:
        migrate(connection, newer)
    before = schema(path), version(path)
    with pytest.raises(LogError, match="newer version") as raised:
        await open_sqlite()
    assert not isinstance(raised.value, LogUnavailable)
    assert (schema(path), version(path)) == before


def test_a_migration_that_fails_leaves_nothing_of_itself(
    path: Path, engine: Engine, newer: Path
) -> None:
    with engine.begin() as connection:
        migrate(connection)
    before = schema(path), version(path)
    (newer / "versions/v9999_next.py").write_text(NEXT.format(more="raise ZeroDivisionError"))
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        migrate(connection, newer)
    assert (schema(path), version(path)) == before


async def test_another_programs_database_is_refused_and_left_alone(
    open_sqlite: OpenSqlite, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE games (title TEXT)")
    before = schema(path)
    with pytest.raises(LogError):
        await open_sqlite()
    assert schema(path) == before


async def test_all_that_open_a_new_database_at_once_find_the_same_log(
    open_sqlite: OpenSqlite,
) -> None:
    one, two, *_ = logs = await asyncio.gather(*(open_sqlite() for _ in range(6)))
    assert len({log.epoch for log in logs}) == 1
    await append(one, proposal("game"))
    assert await read(two, "game") == records(1, 1, "game")
