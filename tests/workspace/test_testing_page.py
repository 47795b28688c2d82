"""The example of docs/testing.md is a test that runs, in a project of somebody else."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import documents
from tests.workspace.tree import ROOT


def example() -> str:
    text = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    (block,) = (each for each in documents.blocks(text) if each.language == "python")
    return block.text


def run(folder: Path, source: str, *options: str) -> str:
    (folder / "test_example.py").write_text(source, encoding="utf-8")
    quiet = ("-q", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, "-p", "no:cacheprovider", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_example_passes_in_both_modes_of_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    said = run(tmp_path, example(), "--asyncio-mode", mode, "--strict-markers")
    assert "2 passed" in said, said


def test_a_test_that_blocks_is_told_which_fixture_it_needs(tmp_path: Path) -> None:
    said = run(tmp_path, "def test_it(poker_server): pass\n")
    assert "take blocking_poker_server" in said
    said = run(tmp_path, "def test_it(blocking_poker_server): pass\n")
    assert "1 passed" in said


@pytest.mark.parametrize(("test_scope", "outcome"), [("module", "1 passed"), ("function", "alike")])
def test_a_server_on_another_loop_than_the_test_is_told_of_and_not_waited_for(
    tmp_path: Path, test_scope: str, outcome: str
) -> None:
    source = f"""
import pytest

@pytest.mark.asyncio(loop_scope="{test_scope}")
async def test_it(poker_server): pass
"""
    said = run(tmp_path, source, "-o", "asyncio_default_fixture_loop_scope=module")
    assert outcome in said, said


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    source = """
import pytest

@pytest.mark.poker_settings(room={"settle": 0})
def test_it(blocking_poker_server): pass
"""
    assert "room.settle" in run(tmp_path, source)
