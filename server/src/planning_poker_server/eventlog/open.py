"""Open the event log that the configuration names."""

from planning_poker_server.eventlog.memory import MemoryLog
from planning_poker_server.eventlog.port import EventLog
from planning_poker_server.eventlog.sql import SqlLog
from planning_poker_server.settings import DatabaseSettings


async def open_log(settings: DatabaseSettings) -> EventLog:
    """The log at `settings.url`, created or migrated where that is needed.

    Raises LogError for a database that cannot keep what a log promises or is
    of a newer version, LogUnavailable for one that cannot be opened now.
    """
    if settings.url == "memory:":
        return MemoryLog()
    return await SqlLog.open(settings)
