import shutil
from pathlib import Path

import pytest

SHIPPED_FILES = ("default", "development", "staging", "production")


@pytest.fixture(autouse=True)
def in_a_folder_with_the_shipped_config(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work beside a copy of config/, so that a developer's local.toml has no say."""
    here = tmp_path_factory.mktemp("here")
    (here / "config").mkdir()
    for name in SHIPPED_FILES:
        shutil.copy(Path(__file__).parents[3] / "config" / f"{name}.toml", here / "config")
    monkeypatch.chdir(here)
