"""What an integrator installs: the client and what it needs, and nothing of the server's."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.workspace.serving import serving
from tests.workspace.tree import ROOT

DISTRIBUTIONS = ("generated", "model", "client", "server", "simulator")
CLIENT_NEEDS = ("grpcio", "protobuf", "typing-extensions")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of each distribution, built without a network."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = [str(ROOT / name) for name in DISTRIBUTIONS]
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(folder), *sources)
    return folder


@pytest.fixture(scope="module")
def python(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment into which only the client was installed."""
    folder = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in CLIENT_NEEDS:
        copy_installed(name, packages)
    python = folder / "bin" / "python"
    # With --no-index, pip fails if the client asks for more than was copied.
    links = ("--no-index", "--find-links", str(wheels))
    pip("--python", str(python), "install", *links, "planning-poker-client")
    return python


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def played(python: Path, address: str) -> Any:
    script = Path(__file__).with_name("client_only_game.py")
    return json.loads(run(str(python), "-I", str(script), address))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str) -> None:
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def copy_installed(name: str, packages: Path) -> None:
    """Install `name` as it is installed here: the same files, no index asked."""
    for file in metadata.files(name) or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_binary())


def names_in(wheels: Path, distribution: str) -> set[str]:
    (wheel,) = wheels.glob(f"{distribution}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_a_game_is_played_from_an_environment_with_only_the_client(played: Any) -> None:
    assert played["votes"] == {"Ada": "5", "Bob": "8"}


def test_nothing_that_the_server_needs_comes_with_the_client(played: Any) -> None:
    assert played["importable"] == []


def test_the_servers_wheel_brings_its_configuration(wheels: Path) -> None:
    names = names_in(wheels, "planning_poker_server")
    for each in ("default", "development", "staging", "production"):
        assert f"planning_poker_server/config/{each}.toml" in names
    assert "planning_poker_server/config/local.toml" not in names


def test_the_servers_wheel_brings_its_migrations(wheels: Path) -> None:
    folder = "server/src/planning_poker_server/eventlog/migrations"
    expected = {
        str(path.relative_to(ROOT / "server" / "src"))
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert expected
    assert expected <= names_in(wheels, "planning_poker_server")


def test_the_servers_wheel_brings_the_templates_of_reports(wheels: Path) -> None:
    folder = "planning_poker_server/report/templates"
    names = {f"{folder}/{each}" for each in ("report.html", "round.html", "report.css")}
    assert names <= names_in(wheels, "planning_poker_server")


def test_the_simulators_wheel_brings_its_scenarios_and_its_command(wheels: Path) -> None:
    folder = "planning_poker_simulator/scenarios/shipped"
    shipped = (ROOT / "simulator/src" / folder).glob("*.yaml")
    names = names_in(wheels, "planning_poker_simulator")
    assert {f"{folder}/{path.name}" for path in shipped} <= names
    assert any(name.endswith("entry_points.txt") for name in names)


@pytest.mark.parametrize(
    "package",
    [
        "planningpoker/v1",
        "planningpoker/storage/v1",
        "planning_poker_model",
        "planning_poker_client",
        "planning_poker_server",
        "planning_poker_simulator",
    ],
)
def test_each_wheel_says_that_it_is_typed(wheels: Path, package: str) -> None:
    distribution = package.split("/")[0].replace("planningpoker", "planning_poker_contracts")
    assert f"{package}/py.typed" in names_in(wheels, distribution)
