"""The first schema: games, their events, and what is scheduled for them."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    """From an empty database."""
    op.create_table(
        "log",
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("settled", sa.BigInteger, nullable=False),
        _key("log", "epoch"),
    )
    op.create_table(
        "games",
        sa.Column("game_id", sa.Text, nullable=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("join_code", sa.Text),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("phase", sa.Integer, nullable=False),
        sa.Column("create_ms", sa.BigInteger, nullable=False),
        sa.Column("update_ms", sa.BigInteger, nullable=False),
        _key("games", "game_id"),
        sa.UniqueConstraint("join_code", name="uq_games_join_code"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("game_id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("event", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        _key("events", "position"),
        _of_a_game("events"),
        sa.UniqueConstraint("game_id", "version", name="uq_events_game_id_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "timers",
        sa.Column("game_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("round_id", sa.Text, nullable=False),
        sa.Column("set_version", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        _key("timers", "game_id", "kind", "round_id"),
        _of_a_game("timers"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_timers_due_ms", "timers", ["due_ms"])


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _of_a_game(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["game_id"], ["games.game_id"], name=f"fk_{table}_game_id")
