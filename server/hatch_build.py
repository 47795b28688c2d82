"""Packs the configuration and the example, which stand beside the distributions, into this one."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Named one by one, so that a local.toml with somebody's secrets is never packed.
FILES = (
    "config/default.toml",
    "config/development.toml",
    "config/production.toml",
    "config/staging.toml",
    "examples/backlog.csv",
)


class BesideHook(BuildHookInterface):  # type: ignore[type-arg]
    """From a working copy the files are beside server/; from a source distribution in it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # the program finds the files in the tree
        root = Path(self.root)
        base = root if (root / "config").is_dir() else root.parent
        inside = "" if self.target_name == "sdist" else "planning_poker_server/"
        for name in FILES:
            build_data["force_include"][str(base / name)] = f"{inside}{name}"
