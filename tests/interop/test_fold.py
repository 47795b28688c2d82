"""The fold in JavaScript, published as the example for other languages, agrees with the vectors."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workspace.tree import ROOT

VECTORS = ROOT / "vectors" / "fold"
CHECK = Path(__file__).with_name("check_fold.mjs")


def check_fold(folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    command = ["node", str(CHECK), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_fold_in_javascript_gives_the_result_of_each_vector() -> None:
    done = check_fold(VECTORS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(path.stem for path in VECTORS.glob("*.json"))


def test_a_fold_that_differs_from_a_vector_is_told_which_and_how(tmp_path: Path) -> None:
    vector = json.loads((VECTORS / "observer_loses_open_vote.json").read_text(encoding="utf-8"))
    vector["result"]["currentRound"]["votedPlayerIds"] = ["p1", "p2"]
    (tmp_path / "wrong.json").write_text(json.dumps(vector), encoding="utf-8")
    done = check_fold(tmp_path)
    assert done.returncode == 1
    assert "observer_loses_open_vote" in done.stderr


def test_a_fold_that_takes_what_is_to_be_refused_is_told_so(tmp_path: Path) -> None:
    vector = json.loads((VECTORS / "gap.json").read_text(encoding="utf-8"))
    vector["events"][-1]["version"] -= 1  # now it is the next one
    (tmp_path / "wrong.json").write_text(json.dumps(vector), encoding="utf-8")
    done = check_fold(tmp_path)
    assert done.returncode == 1
    assert "Missing expected exception" in done.stderr
