"""Labels beside the games, and whether they have a passcode, so that both can be filtered by."""

import json

import sqlalchemy as sa
from alembic.operations import Operations
from google.protobuf.message import DecodeError

import planningpoker.v1 as pb

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    """From what 0001 made; what is new of each game follows from its events."""
    op.add_column("games", sa.Column("guarded", sa.Integer, nullable=False, server_default="0"))
    op.add_column("games", sa.Column("labels", sa.Text, nullable=False, server_default="{}"))
    op.create_index("ix_games_create_ms_game_id", "games", ["create_ms", "game_id"])
    connection = op.get_bind()
    for game_id in connection.exec_driver_sql("SELECT game_id FROM games").scalars().all():
        guarded, labels = _known(connection, game_id)
        if guarded or labels:
            connection.exec_driver_sql(
                "UPDATE games SET guarded = ?, labels = ? WHERE game_id = ?",
                (int(guarded), json.dumps(labels, ensure_ascii=False, sort_keys=True), game_id),
            )


def _known(connection: sa.Connection, game_id: str) -> tuple[bool, dict[str, str]]:
    guarded, labels = False, {}
    rows = connection.exec_driver_sql(
        "SELECT event FROM events WHERE game_id = ? ORDER BY version", (game_id,)
    )
    for (encoded,) in rows:
        try:
            event = pb.GameEvent.FromString(encoded)
        except (DecodeError, TypeError):
            continue  # a damaged game is found, and told, by whoever reads it
        if event.HasField("game_created"):
            guarded = event.game_created.game.passcode_required
            labels = dict(event.game_created.game.labels)
        elif event.HasField("game_updated"):
            guarded = event.game_updated.passcode_required
    return guarded, labels
