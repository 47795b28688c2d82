import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHOW = (
    "from planning_poker_server.config_loader import bundled_config_dir, load_settings; "
    "print(bundled_config_dir(), load_settings(environ={}).server.port)"
)


def build(hook: str, source: Path, to: Path) -> Path:
    """Run one of hatchling's build hooks in `source`; the archive it made."""
    code = f"import hatchling.build as b, sys; print(b.{hook}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(to)],
        cwd=source,
        check=True,
        capture_output=True,
        text=True,
    )
    return to / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the build reads, with a local.toml that must stay where it is."""
    base = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "server", base / "server", ignore=ignore)
    shutil.copytree(ROOT / "config", base / "config", ignore=ignore)
    shutil.copytree(ROOT / "examples", base / "examples", ignore=ignore)
    (base / "config" / "local.toml").write_text("[database]\nurl = 'sqlite:///secret'\n")
    return base


def config_files(wheel: Path) -> set[str]:
    folder = "planning_poker_server/config/"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return {name.removeprefix(folder) for name in names if name.startswith(folder)}


def test_the_wheel_brings_the_shipped_configuration_and_nobodys_local_one(
    tree: Path, tmp_path: Path
) -> None:
    wheel = build("build_wheel", tree / "server", tmp_path)
    shipped = {"default.toml", "development.toml", "staging.toml", "production.toml"}
    assert config_files(wheel) == shipped

    with zipfile.ZipFile(wheel) as archive:
        assert "planning_poker_server/examples/backlog.csv" in archive.namelist()
        archive.extractall(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, sys.argv[1]); {SHOW}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    folder = tmp_path / "site" / "planning_poker_server" / "config"
    assert done.stdout.split() == [str(folder), "50051"]


def test_a_wheel_made_from_the_source_distribution_has_it_too(tree: Path, tmp_path: Path) -> None:
    archive = build("build_sdist", tree / "server", tmp_path)
    shutil.unpack_archive(archive, tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    wheel = build("build_wheel", source, tmp_path)
    assert "default.toml" in config_files(wheel)


def test_an_editable_install_reads_the_configuration_of_the_tree(
    tree: Path, tmp_path: Path
) -> None:
    wheel = build("build_editable", tree / "server", tmp_path)
    assert config_files(wheel) == set()
    with zipfile.ZipFile(wheel) as archive:
        (paths,) = (archive.read(name) for name in archive.namelist() if name.endswith(".pth"))
    code = f"import sys; sys.path.insert(0, sys.argv[1]); {SHOW}"
    done = subprocess.run(
        [sys.executable, "-c", code, paths.decode().strip()],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(tree / "config"), "50051"]
