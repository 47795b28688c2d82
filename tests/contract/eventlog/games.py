"""What tests of event logs append and how they read it back."""

from collections.abc import Sequence

from planning_poker_server.domain.types import Timer
from planning_poker_server.eventlog.port import (
    Commit,
    Conflict,
    EventLog,
    FeedRecord,
    Proposal,
    Record,
    Summary,
)


def records(first: int, count: int, mark: str = "") -> list[Record]:
    """`count` records from version `first`, each with bytes of its own."""
    return [
        Record(version, f"event {version} {mark}".encode(), f"sealed {version} {mark}".encode())
        for version in range(first, first + count)
    ]


def proposal(
    game_id: str,
    expected_head: int = 0,
    count: int = 1,
    *,
    timers: Sequence[Timer] = (),
    code: str = "",
    name: str = "Sprint 12",
    phase: int = 1,
    create_ms: int = 1_000,
    update_ms: int = 2_000,
    guarded: bool = False,
    labels: tuple[tuple[str, str], ...] = (),
) -> Proposal:
    """`count` records behind `expected_head`."""
    summary = Summary(code, name, phase, create_ms, update_ms, guarded, labels)
    new = records(expected_head + 1, count, game_id)
    return Proposal(game_id, expected_head, new, timers, summary)


async def append(log: EventLog, wanted: Proposal) -> None:
    """Append what must not conflict."""
    assert await log.append(wanted) == Commit(wanted)


async def refuse(log: EventLog, unwanted: Proposal, head: int) -> None:
    """Append what must conflict with this head."""
    assert await log.append(unwanted) == Conflict(head)


async def read(log: EventLog, game_id: str, after: int = 0) -> list[Record]:
    return [record async for page in log.read(game_id, after) for record in page]


async def scan(log: EventLog, cursor: str = "") -> list[FeedRecord]:
    return [record async for page in log.scan(cursor) for record in page]
