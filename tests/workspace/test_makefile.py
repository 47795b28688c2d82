"""The Makefile says what it can do, and what is missing where it cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workspace import documents
from tests.workspace.tree import ROOT

PROMISED = ["setup", "run", "demo", "test", "check", "proto", "check-generated", "clean", "help"]


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # MAKEFLAGS is set where make runs the tests, and would speak for the outer one.
    return subprocess.run(
        ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make setup` needs of a clone, with nothing set up."""
    for name in ("Makefile", "requirements", *(f"{d}/pyproject.toml" for d in distributions())):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    return tmp_path


def distributions() -> list[str]:
    return [path.parent.name for path in ROOT.glob("*/pyproject.toml")]


def fake_python(folder: Path, script: str) -> str:
    program = folder / "fake-python"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return f"PYTHON={program}"


@pytest.mark.parametrize("target", PROMISED)
def test_help_is_the_default_and_lists_what_is_promised(target: str) -> None:
    lines = [line.split()[0] for line in make().stdout.splitlines() if line.startswith("  ")]
    assert target in lines


def test_each_target_is_described() -> None:
    listed = {line.split()[0] for line in make("help").stdout.splitlines() if line[:2] == "  "}
    assert listed == documents.make_targets()


def test_a_python_that_is_too_old_is_named_with_the_way_out(clone: Path) -> None:
    done = make("setup", fake_python(clone, "exit 1"), folder=clone)
    assert done.returncode
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_python_without_venv_is_named_with_the_way_out(clone: Path) -> None:
    old = 'case "$2" in *ensurepip*) exit 1;; esac'
    done = make("setup", fake_python(clone, old), folder=clone)
    assert done.returncode
    assert "python3-venv" in done.stderr


def test_a_failed_setup_is_tried_again(clone: Path) -> None:
    make("setup", fake_python(clone, "exit 1"), folder=clone)
    assert make("--question", "setup", folder=clone).returncode == 1


def test_a_second_run_installs_nothing(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".ready").touch()
    done = make("setup", fake_python(clone, "exit 1"), folder=clone)
    assert (done.returncode, done.stdout) == (0, ".venv is ready\n")


def test_a_changed_pin_is_installed(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".ready").touch()
    pins = clone / "requirements" / "dev.txt"
    later = (clone / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(pins, (later, later))
    assert make("--question", "setup", folder=clone).returncode == 1


def test_clean_keeps_the_games() -> None:
    done = make("--dry-run", "clean")
    assert "rm -rf .venv" in done.stdout
    assert "data" not in done.stdout
