"""Whoever changes what events do, and not the vectors that say so, is told so."""

from pathlib import Path

import pytest

from tools.write_vectors import TARGET, differences, files

MOST_BYTES = 16_000


@pytest.fixture(scope="module")
def fresh() -> dict[str, str]:
    return files()


def test_what_is_committed_is_what_the_rules_give(fresh: dict[str, str]) -> None:
    assert differences(fresh, TARGET) == []


def test_writing_twice_gives_the_same(fresh: dict[str, str]) -> None:
    assert files() == fresh


def test_vectors_are_small_enough_to_be_read(fresh: dict[str, str]) -> None:
    assert [name for name, text in fresh.items() if len(text.encode()) > MOST_BYTES] == []


def test_what_is_changed_missing_or_left_over_is_named(
    fresh: dict[str, str], tmp_path: Path
) -> None:
    for name, text in fresh.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "gap.json").write_text("{}", encoding="utf-8")
    (tmp_path / "seat_reset.json").unlink()
    (tmp_path / "old.json").touch()
    assert differences(fresh, tmp_path) == ["gap.json", "old.json", "seat_reset.json"]
