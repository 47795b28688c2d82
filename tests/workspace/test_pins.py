"""The pins install anywhere, and what the distributions ask for is among them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.workspace.tree import ROOT

REQUIREMENTS = ROOT / "requirements"
DISTRIBUTIONS = ("generated", "model", "client", "server", "simulator")
FOR_DEVELOPERS = {"simulator", "simulator[load]", "server[report]"}
"""What no server needs, so that their pins are the developers'; extras are named "server[…]"."""
each_file = pytest.mark.parametrize("name", ["server.txt", "dev.txt"])


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def requirements(name: str) -> dict[str, Requirement]:
    """The requirements of a file by canonical name; hashes and comments left out."""
    joined = read(REQUIREMENTS / name).replace("\\\n", " ")
    lines = (line.split("#")[0].split("--hash")[0].strip() for line in joined.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(each.name): each for each in found}


def asked_for() -> list[tuple[str, Requirement]]:
    """What the distributions depend on, their own siblings left out."""
    found = []
    for folder in DISTRIBUTIONS:
        project = tomllib.loads(read(ROOT / folder / "pyproject.toml"))["project"]
        extras = project.get("optional-dependencies", {}).items()
        wanted = [(folder, text) for text in project.get("dependencies", [])]
        wanted += [(f"{folder}[{extra}]", each) for extra, texts in extras for each in texts]
        for asker, text in wanted:
            requirement = Requirement(text)
            if not requirement.name.startswith("planning-poker-"):
                found.append((asker, requirement))
    return found


@each_file
def test_each_pin_is_exact_and_has_hashes(name: str) -> None:
    text = read(REQUIREMENTS / name).replace("\\\n", " ")
    pins = [line for line in text.splitlines() if re.match(r"[a-z]", line)]
    assert pins
    for pin in pins:
        assert re.match(r"[a-z0-9._-]+==\S+ ", pin), pin
        assert "--hash=sha256:" in pin, pin


@each_file
def test_no_pin_names_where_it_comes_from(name: str) -> None:
    text = read(REQUIREMENTS / name)
    assert not re.search(r"://|@ |--(extra-)?index|--find-links|--trusted|/simple", text)


@pytest.mark.parametrize(
    ("asker", "wanted"), asked_for(), ids=lambda value: str(value) if value else None
)
def test_what_a_distribution_asks_for_is_pinned_within_its_bounds(
    asker: str, wanted: Requirement
) -> None:
    name = canonicalize_name(wanted.name)
    file = "dev" if asker in FOR_DEVELOPERS else "server"
    (pin,) = requirements(f"{file}.txt")[name].specifier
    assert pin.version in wanted.specifier
    assert requirements(f"{file}.in")[name].specifier == wanted.specifier


def test_developers_run_what_a_server_runs() -> None:
    server, developer = requirements("server.txt"), requirements("dev.txt")
    assert {name: str(pin) for name, pin in developer.items() if name in server} == {
        name: str(pin) for name, pin in server.items()
    }
