"""Whoever edits a proto and not what is generated from it is told so."""

from pathlib import Path

import pytest

from tools.generate_contracts import TARGET, differences, generate


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    generate(tmp_path)
    return tmp_path


def test_what_is_committed_is_what_the_protos_give(fresh: Path) -> None:
    assert differences(fresh, TARGET) == []


def test_what_is_changed_missing_or_left_over_is_named(fresh: Path) -> None:
    package = fresh / "planningpoker" / "v1"
    stubs = package / "game_pb2.pyi"
    stubs.write_text(stubs.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    (package / "events_pb2.py").unlink()
    (package / "old_pb2.py").touch()
    assert differences(fresh, TARGET) == [
        "planningpoker/v1/events_pb2.py",
        "planningpoker/v1/game_pb2.pyi",
        "planningpoker/v1/old_pb2.py",
    ]
