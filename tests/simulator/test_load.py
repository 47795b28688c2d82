"""A small load on a real server: what it counts is what happened."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_simulator import PokerServer
from planning_poker_simulator.load.measuring import Measuring
from planning_poker_simulator.load.plan import Plan
from tests.integration.raw import eventually

COMMAND = [str(Path(sys.executable).with_name("poker-sim")), "load"]
SMALL = Plan(games=5, players=3, votes_per_s=40.0, duration_s=1.5, arrivals="steady")
SATURATED = 3
# The machine may be busy with others for a moment, and then nothing is reported.
ATTEMPTS = 6


def logged(database: Path) -> Counter[str]:
    """The events in a server's log, by name."""
    with closing(sqlite3.connect(database)) as log:
        rows = log.execute("SELECT event FROM events").fetchall()
    return Counter(pb.GameEvent.FromString(row[0]).WhichOneof("event") or "" for row in rows)


# Against a server


async def test_every_vote_that_is_counted_is_an_event_and_was_seen_by_all(
    poker_server: PokerServer,
) -> None:
    result = await Measuring(SMALL, poker_server.address).measure()
    counts, events = result.counts, logged(poker_server.database)
    assert counts.votes == 59  # each 25 ms, until 1.5 s
    assert counts.votes == counts.accepted_votes == events["vote_submitted"]
    assert result.seen is not None
    assert result.seen.samples == counts.votes
    assert result.errors == {}
    assert counts.reconnects == counts.snapshots == 0


async def test_games_go_on_from_story_to_story_and_everyone_is_told_everything(
    poker_server: PokerServer,
) -> None:
    result = await Measuring(SMALL, poker_server.address).measure()
    counts, events = result.counts, logged(poker_server.database)
    kinds = ("vote_submitted", "votes_revealed", "estimate_accepted", "round_started")
    played = sum(events[kind] for kind in kinds) - 5  # of which the first rounds were before
    assert events["votes_revealed"] >= 59 // 3 - 5
    assert events["round_started"] > 5
    assert events["round_abandoned"] == 0
    assert counts.accepted == played
    assert counts.delivered == counts.expected == 3 * played


@pytest.mark.poker_settings(stream={"commands_per_second": 1.0, "command_burst": 12})
async def test_what_a_server_refuses_is_told_by_reason(poker_server: PokerServer) -> None:
    result = await Measuring(SMALL, poker_server.address).measure()
    assert result.errors["TOO_MANY_COMMANDS"] > 0
    counts = result.counts
    assert counts.accepted_votes < counts.votes
    assert counts.accepted_votes == logged(poker_server.database)["vote_submitted"]
    # What was accepted all the same was seen by everyone.
    assert counts.delivered == counts.expected


@pytest.mark.redelivers
async def test_a_lost_network_costs_reconnects_and_latency_but_no_vote(
    poker_server: PokerServer,
) -> None:
    async def cut() -> None:
        await eventually(lambda: logged(poker_server.database)["vote_submitted"] > 5)
        poker_server.network.cut()

    async with asyncio.TaskGroup() as group:
        cutting = group.create_task(cut())
        result = await Measuring(SMALL, poker_server.address).measure()
        await cutting
    counts = result.counts
    assert counts.reconnects >= 3
    # gRPC tells a reset connection now by this name, now by that.
    assert result.errors
    assert set(result.errors) <= {"STREAM_UNAVAILABLE", "STREAM_INTERNAL"}
    assert counts.accepted_votes == counts.votes == 59
    assert logged(poker_server.database)["vote_submitted"] == 59
    assert counts.delivered == counts.expected


async def test_every_vote_that_was_due_while_nothing_went_through_is_charged_for_it(
    poker_server: PokerServer,
) -> None:
    measuring = Measuring(SMALL, poker_server.address)

    async def stall() -> None:
        await eventually(lambda: measuring.voting and measuring.tally.votes >= 10)
        poker_server.network.black_hole()
        await eventually(lambda: measuring.tally.votes >= 40)
        poker_server.network.restore()

    async with asyncio.TaskGroup() as group:
        group.create_task(stall())
        result = await measuring.measure()
    # Thirty were due in three quarters of a second. Whoever waits for an
    # answer before sending the next one would have been late with three.
    assert sum(took_ms > 100 for took_ms in measuring.tally.seen_ms) >= 20
    assert result.seen is not None
    assert result.seen.max_ms > 600
    assert result.counts.accepted_votes == 59


# As a command


@pytest.mark.alone
def test_a_load_with_a_server_of_its_own_reports_what_is_in_the_log(tmp_path: Path) -> None:
    plot = tmp_path / "latency.svg"
    found: dict[str, Any] = {}
    for attempt in range(ATTEMPTS):
        database = tmp_path / f"{attempt}.db"
        ended = load(
            *("--games", "5", "--players", "3", "--rate", "40", "--duration", "2", "--json"),
            *("--database", f"sqlite:///{database}", "--plot", str(plot)),
        )
        found = json.loads(ended.stdout)
        if ended.returncode != SATURATED:
            break
    assert ended.returncode == 0, found
    assert ended.stderr == "Seating 5 games of 3.\nVoting for 2 s.\n"
    assert found["counts"]["accepted_votes"] == logged(database)["vote_submitted"]
    assert found["counts"]["delivered"] == found["counts"]["expected"]
    assert found["latency"]["seen"]["samples"] == found["counts"]["votes"]
    assert found["server"]["embedded"] is True
    assert 0 < found["server"]["cpu"] < 2
    assert "</svg>" in plot.read_text(encoding="utf-8")


def test_a_load_that_the_generator_cannot_send_is_not_reported() -> None:
    ended = load("--games", "2", "--players", "2", "--rate", "1000000", "--json")
    assert ended.returncode == SATURATED
    found = json.loads(ended.stdout)
    assert found["saturated"] is True
    assert found["reasons"]
    assert "latency" not in found
    assert found["elapsed_s"] < 9  # it does not go on in vain


def test_ctrl_c_prints_what_there_is_so_far() -> None:
    options = ["--games", "2", "--players", "2", "--rate", "10", "--duration", "600", "--json"]
    with subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        assert started.stderr is not None
        assert started.stderr.readline() == "Seating 2 games of 2.\n"
        assert started.stderr.readline() == "Voting for 600 s.\n"
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does, the server included
        printed, _ = started.communicate(timeout=30)
    found: dict[str, Any] = json.loads(printed)
    assert found["interrupted"] is True
    assert found["elapsed_s"] < 60
    assert started.returncode in (128 + signal.SIGINT, SATURATED)


def test_a_bound_that_is_not_kept_is_exit_code_1() -> None:
    for _ in range(ATTEMPTS):
        ended = load(
            "--games", "2", "--players", "2", "--rate", "10", "--duration", "1", "--p99-ms", "0.001"
        )
        if ended.returncode != SATURATED:
            break
    assert ended.returncode == 1
    assert "and 0.001 ms are allowed" in ended.stderr
    assert "vote due → seen by all" in ended.stdout


def test_where_nobody_serves_one_sentence_says_so() -> None:
    ended = load("--server", "127.0.0.1:1", "--games", "1")
    assert ended.returncode == 1
    assert ended.stderr == "Seating 1 game of 8.\nNo server answers at 127.0.0.1:1 (UNAVAILABLE).\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--games", "0"),
        ("--rate", "nan"),
        ("--plot", "latency.pdf"),
        ("--plot", "nowhere/latency.svg"),
        ("--server", "localhost:1", "--database", "sqlite:///games.db"),
    ],
)
def test_what_is_asked_wrongly_is_exit_code_2(options: tuple[str, ...]) -> None:
    ended = load(*options)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def load(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60)
