"""A history of a hundred thousand events is read about as fast as the disk gives its rows."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import grpc
import pytest

import planningpoker.v1 as pb
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import Commit, Proposal, Record, Summary
from planning_poker_server.settings import DatabaseSettings
from planningpoker.v1.service_pb2_grpc import PlanningPokerServiceStub
from tests.integration.figures import tell
from tests.integration.process import ServerProcess

GAME = "1" * 32
EVENTS = 100_000
RUNS = 5
ROWS = "SELECT version, event, sealed FROM events WHERE game_id = ? ORDER BY version"
QUICK = {"STREAM__COMMANDS_PER_SECOND": "10000", "STREAM__COMMAND_BURST": "10000"}


def record(version: int) -> Record:
    """Somebody votes, over and over again."""
    event = pb.GameEvent(version=version, actor_id="p1", correlation_id=f"{version:036}")
    event.event_time.FromMilliseconds(1_700_000_000_000 + version)
    if version == 1:
        event.game_created.game.CopyFrom(pb.Game(game_id=GAME, display_name="Long"))
    elif version == 2:
        event.player_joined.player.CopyFrom(pb.Player(player_id="p1", display_name="Ada"))
    elif version == 3:
        event.round_started.round.CopyFrom(pb.Round(round_id="r1", number=1))
    else:
        event.vote_submitted.CopyFrom(pb.VoteSubmitted(round_id="r1", player_id="p1"))
    return Record(version, event.SerializeToString(), b"s" * 40)


async def write(database: Path) -> None:
    settings = DatabaseSettings(f"sqlite:///{database}", 5_000, max_batch=9, max_waiting=9)
    log = await open_log(settings)
    records = [record(version) for version in range(1, EVENTS + 1)]
    summary = Summary("", "Long", pb.GAME_PHASE_VOTING, 1, 2)
    assert isinstance(await log.append(Proposal(GAME, 0, records, (), summary)), Commit)
    await log.close()


def read_rows(database: Path) -> float:
    """Seconds that it takes to go through the rows."""
    with closing(sqlite3.connect(database)) as connection:
        began = time.perf_counter()
        count = sum(1 for _ in connection.execute(ROWS, (GAME,)))
        assert count == EVENTS
        return time.perf_counter() - began


async def read_history(channel: grpc.aio.Channel) -> float:
    """Seconds that it takes to be told all of it, decoded."""
    began = time.perf_counter()
    request = pb.ReadHistoryRequest(game_id=GAME)
    last = 0
    async for response in PlanningPokerServiceStub(channel).ReadHistory(request):
        events = response.batch.events
        assert response.batch.first_version == last + 1
        last = events[-1].version
    assert last == EVENTS
    return time.perf_counter() - began


def peak_mib(pid: int) -> float:
    """The most memory that a process had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1_024


def peak_from_now(pid: int) -> float:
    """Likewise, and forget what was before: this test, too, had all the events once."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_mib(pid)


@pytest.mark.alone
async def test_a_long_history_is_read_half_as_fast_as_its_rows_in_flat_memory(
    tmp_path: Path,
) -> None:
    async with ServerProcess(tmp_path, **QUICK) as server:
        await server.kill()
        await write(server.database)
        await server.start()
        async with grpc.aio.insecure_channel(server.address) as channel:
            await channel.channel_ready()
            pids = server.pid, os.getpid()
            idle = [peak_from_now(pid) for pid in pids]
            rows, history = [], []
            for _ in range(RUNS):
                rows.append(read_rows(server.database))
                history.append(await read_history(channel))
            grown = [peak_mib(pid) - before for pid, before in zip(pids, idle, strict=True)]
    ratio = min(rows) / min(history)
    tell(
        {
            "events": f"{EVENTS:,}",
            "rows": f"{min(rows):.3f} s",
            "history": f"{min(history):.3f} s, {ratio:.2f} as fast",
            "server": f"+{grown[0]:.1f} MiB",
            "client": f"+{grown[1]:.1f} MiB",
        }
    )
    assert ratio >= 0.5
    # All of it is 13 MiB as bytes, and several times that as objects.
    assert max(grown) < 20
