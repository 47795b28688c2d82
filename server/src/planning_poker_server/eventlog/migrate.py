"""Bring a database to the schema of this version of the server."""

from pathlib import Path
from typing import Any, Final

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from planning_poker_server.eventlog.port import LogError

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(connection: Connection, scripts: Path = _SCRIPTS) -> None:
    """Run the migrations that are missing, within the transaction that is open.

    A migration is a function of `Operations`: Alembic's `op` is a global that
    two logs opened at once would share. Raises LogError for a schema that this
    version does not know.
    """
    directory = ScriptDirectory(scripts)
    known = {script.revision for script in directory.walk_revisions()}

    def steps(heads: tuple[str, ...], _context: MigrationContext) -> Any:
        if not known.issuperset(heads):
            raise LogError(
                "The database was made by a newer version of the server; update the server"
            )
        # The way that Alembic's own documentation asks for the steps.
        return directory._upgrade_revs("head", heads)  # type: ignore[arg-type]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    context.run_migrations(op=Operations(context))


def check_schema(connection: Connection, scripts: Path = _SCRIPTS) -> None:
    """Raise LogError unless the schema is this version's; changes nothing."""
    directory = ScriptDirectory(scripts)
    found = MigrationContext.configure(connection).get_current_heads()
    if not found:
        raise LogError("it is no database of this service, or an empty one")
    if found == tuple(directory.get_heads()):
        return
    if {script.revision for script in directory.walk_revisions()}.issuperset(found):
        raise LogError(
            "it was made by an older version of the server; start this one on it once, "
            "which brings it up to date"
        )
    raise LogError("it was made by a newer version of the server; use the program of that version")
