"""The command line: what it prints, what it writes, and how it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from planning_poker_simulator import BlockingPokerServer
from planning_poker_simulator.scenarios import shipped

PASSES = """\
name: It passes
players: [Ada]
actions: [join: Ada, start: Login page]
outcomes: [phase: voting]
"""
FAILS = PASSES.replace("It passes", "It fails").replace("voting", "revealed")


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> Path:
    (tmp_path / "passes.yaml").write_text(PASSES, encoding="utf-8")
    (tmp_path / "fails.yaml").write_text(FAILS, encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(PASSES.replace("start:", "strat:"), encoding="utf-8")
    return tmp_path


def poker_sim(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "planning_poker_simulator.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_results_are_a_table_and_what_went_wrong(files: Path) -> None:
    done = poker_sim(files, "run", "passes.yaml", "fails.yaml")
    assert done.returncode == 1
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    table = [line.split() for line in lines[1:4]]
    assert table[0] == ["scenario", "actions", "checks", "time", "verdict"]
    assert (table[1][:4], table[1][-1]) == (["It", "passes", "2/2", "5/5"], "passed")
    assert (table[2][:4], table[2][-1]) == (["It", "fails", "2/2", "4/5"], "failed")
    failure = lines[lines.index("failed It fails in fails.yaml") :]
    assert failure[1:4] == [
        "  line 4: phase revealed",
        "    expected revealed",
        "    but      it is voting",
    ]
    assert "    4 round started (Login page) by Ada" in failure
    assert lines[-1].startswith("1 passed, 1 failed; ")
    assert done.stderr.startswith("1/2 passed It passes ")


def test_results_for_programs_are_json_and_nothing_else(files: Path) -> None:
    done = poker_sim(files, "run", "passes.yaml", "fails.yaml", "--json", "--jobs", "2")
    told = json.loads(done.stdout)
    assert (told["passed"], told["failed"]) == (1, 1)
    passed, failed = told["scenarios"]
    assert (passed["file"], passed["verdict"], passed["failures"]) == ("passes.yaml", "passed", [])
    assert failed["failures"] == [
        {"line": 4, "what": "phase revealed", "expected": "revealed", "actual": "it is voting"}
    ]


def test_results_for_ci_are_junit_with_what_was_not_played(files: Path) -> None:
    junit = files / "results.xml"
    done = poker_sim(files, "run", "fails.yaml", "passes.yaml", "-x", "--junit", str(junit))
    assert done.returncode == 1
    assert "1 failed, 1 not played" in done.stdout
    root = ElementTree.parse(junit).getroot()  # noqa: S314, we wrote it
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "2", "failures": "1", "errors": "0", "skipped": "1"}
    assert float(suite.get("time", "")) > 0
    failed, left_out = suite
    assert failed.tag == "testcase"
    assert (failed.get("classname"), failed.get("name")) == ("poker-sim.fails", "It fails")
    (failure,) = failed
    assert failure.tag == "failure"
    assert failure.get("message") == ("line 4: phase revealed: expected revealed, but it is voting")
    assert "4 round started (Login page) by Ada" in (failure.text or "")
    assert [each.tag for each in left_out] == ["skipped"]


def test_a_file_that_cannot_be_used_is_told_before_anything_is_played(files: Path) -> None:
    done = poker_sim(files, "run", "passes.yaml", "bad.yaml", "none.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "bad.yaml:3: actions[2]: there is no action “strat” (did you mean “start”?)",
        "none.yaml:1: cannot be read: No such file or directory",
    ]


def test_without_files_those_that_are_shipped_are_named(files: Path) -> None:
    done = poker_sim(files, "run", "--list")
    assert done.returncode == 0
    assert all(path.name in done.stdout for path in shipped())


def test_a_server_that_runs_already_is_played_on(files: Path, tmp_path: Path) -> None:
    with BlockingPokerServer(tmp_path) as server:
        done = poker_sim(files, "run", "passes.yaml", "--server", server.address)
    assert done.returncode == 0, done.stderr
    done = poker_sim(files, "run", "passes.yaml", "--server", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no server at 127.0.0.1:1: ")


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["-x", "--keep-going"], ["--serv", "x"]])
def test_options_that_cannot_be_are_refused(files: Path, wrong: list[str]) -> None:
    assert poker_sim(files, "run", *wrong).returncode == 2


def test_what_was_played_before_ctrl_c_is_told(files: Path) -> None:
    many = 50
    command = [sys.executable, "-m", "planning_poker_simulator.cli", "run"]
    playing = subprocess.Popen(
        [*command, *["passes.yaml"] * many, "--json", "--junit", "results.xml"],
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert playing.stderr is not None
    assert "passed It passes" in playing.stderr.readline()
    playing.send_signal(signal.SIGINT)
    out, _ = playing.communicate(timeout=30)
    assert playing.returncode == 130
    played = len(json.loads(out)["scenarios"])
    assert 1 <= played < many
    text = (files / "results.xml").read_text(encoding="utf-8")
    assert text.count("<testcase ") == many
    assert text.count("<skipped") == many - played


def test_a_folder_that_is_not_there_is_told_before_anything_is_played(files: Path) -> None:
    done = poker_sim(files, "run", "passes.yaml", "--junit", "nowhere/results.xml")
    assert done.returncode == 2
    assert "there is no folder nowhere" in done.stderr
    assert "It passes" not in done.stdout + done.stderr
