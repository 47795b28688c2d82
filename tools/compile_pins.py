"""Compile requirements/*.in into *.txt with exact versions and hashes of every file.

Run through `make pins`; `--upgrade` takes newer releases than the present pins.
Only PyPI is asked, whatever the machine's pip is configured to use, so that the
pins resolve everywhere, and no output names an index.
"""

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
# The order matters: dev.in is constrained by server.txt.
NAMES = ("server", "dev")
OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--allow-unsafe",
    "--strip-extras",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-emit-options",
)


def plain_environment() -> dict[str, str]:
    """The environment of our process, without what points pip to other sources of packages."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PIP_") or k == "PIP_CERT"}
    return keep | {"PIP_CONFIG_FILE": os.devnull, "CUSTOM_COMPILE_COMMAND": "make pins"}


def main() -> None:
    for name in NAMES:
        command = [
            *(sys.executable, "-m", "piptools", "compile", *OPTIONS, *sys.argv[1:]),
            *("--output-file", f"{name}.txt", f"{name}.in"),
        ]
        subprocess.run(command, cwd=REQUIREMENTS, env=plain_environment(), check=True)
        print(f"wrote requirements/{name}.txt")


if __name__ == "__main__":
    main()
