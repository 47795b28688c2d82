"""A program that fails is told as such, and leaves no process behind."""

import os
from pathlib import Path

import pytest

from benchmarks.programs.program import Program, ProgramFailed

CORE = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def test_a_request_that_fails_is_told_and_the_program_goes_on(tmp_path: Path) -> None:
    with Program("benchmarks.programs.log", CORE) as log:
        with pytest.raises(ProgramFailed, match="could not raw"):
            log.ask("raw", folder=str(tmp_path / "missing"), games=1, batch=1, seconds=0.01)
        assert log.ask("raw", folder=str(tmp_path), games=1, batch=1, seconds=0.01)["per_s"] > 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_program_that_ended_is_told() -> None:
    with (
        pytest.raises(ProgramFailed, match="ended before it answered usage"),
        Program("benchmarks.no_such_program", CORE) as program,
    ):
        program.ask("usage")
