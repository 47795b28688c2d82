"""What marks in cursors are made with."""

import secrets

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    """From what 0003 made; cursors that were given out before are none any more."""
    op.add_column("log", sa.Column("cursor_key", sa.Text, nullable=False, server_default=""))
    op.get_bind().exec_driver_sql("UPDATE log SET cursor_key = ?", (secrets.token_hex(16),))
