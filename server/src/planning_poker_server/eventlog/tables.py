"""The schema as it is today; `migrations/` says how a database gets there."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# Only integers of exactly this type get a sequence of their own in SQLite.
Position: Final = BigInteger().with_variant(Integer(), "sqlite")

# One row: what tells this log from any other.
log: Final = Table(
    "log",
    metadata,
    Column("epoch", Text, primary_key=True),
    # Counts commits whose only purpose was to be certain of the one before.
    Column("settled", BigInteger, nullable=False),
    # Secret: the marks in cursors are made with it.
    Column("cursor_key", Text, nullable=False, server_default=""),
    # 1: games were purged, and traces of them may be in the files.
    Column("unswept", Integer, nullable=False, server_default="0"),
)

games: Final = Table(
    "games",
    metadata,
    Column("game_id", Text, primary_key=True),
    # -1: it was purged. The row stays, with nothing in it, so that the id is
    # never given again and every append to it is a conflict.
    Column("head", BigInteger, nullable=False),
    # NULL where the game has none: only codes that exist must differ.
    Column("join_code", Text, unique=True),
    Column("display_name", Text, nullable=False),
    Column("phase", Integer, nullable=False),
    Column("create_ms", BigInteger, nullable=False),
    Column("update_ms", BigInteger, nullable=False),
    # 1: it has a passcode.
    Column("guarded", Integer, nullable=False, server_default="0"),
    # A JSON object.
    Column("labels", Text, nullable=False, server_default="{}"),
    Index(None, "create_ms", "game_id"),
    sqlite_with_rowid=False,
)

events: Final = Table(
    "events",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=True),
    Column("game_id", Text, ForeignKey("games.game_id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("game_id", "version"),
    # Without it SQLite gives the position of a purged record to the next one,
    # and who reads the feed from a cursor skips that.
    sqlite_autoincrement=True,
)

timers: Final = Table(
    "timers",
    metadata,
    Column("game_id", Text, ForeignKey("games.game_id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("round_id", Text, primary_key=True),
    Column("set_version", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Index(None, "due_ms"),
    sqlite_with_rowid=False,
)
