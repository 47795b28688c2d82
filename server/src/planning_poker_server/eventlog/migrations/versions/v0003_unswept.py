"""Whether the files may hold traces of purged games, so that a crash does not forget to sweep."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    """From what 0002 made; purges of older versions may have left traces."""
    op.add_column("log", sa.Column("unswept", sa.Integer, nullable=False, server_default="0"))
    op.get_bind().exec_driver_sql(
        "UPDATE log SET unswept = 1 WHERE EXISTS (SELECT 1 FROM games WHERE head = -1)"
    )
