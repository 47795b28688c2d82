"""The README's example does what the README says, against a real server."""

import subprocess
import sys
from pathlib import Path

from tests.workspace import documents
from tests.workspace.serving import serving
from tests.workspace.tree import ROOT

ADDRESS = "localhost:50051"


def example() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = (each for each in documents.blocks(text) if each.language == "python")
    return block.text


def test_the_example_of_the_readme_plays_a_round(tmp_path: Path) -> None:
    assert ADDRESS in example()
    with serving(tmp_path) as address:
        script = tmp_path / "example.py"
        script.write_text(example().replace(ADDRESS, address), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.stderr == ""
    assert done.stdout == "['Ada: 8']\n"


def test_the_example_is_ten_lines_long() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) == 10
