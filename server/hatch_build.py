"""Packs the configuration's files, which stand beside the distributions, into this one."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Named one by one, so that a local.toml with somebody's secrets is never packed.
FILES = ("default.toml", "development.toml", "staging.toml", "production.toml")


class ConfigHook(BuildHookInterface):  # type: ignore[type-arg]
    """From a working copy the files are in ../config; from a source distribution in config."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # the loader finds the files in the tree
        root = Path(self.root)
        folder = root / "config"
        if not folder.is_dir():
            folder = root.parent / "config"
        inside = "config" if self.target_name == "sdist" else "planning_poker_server/config"
        for name in FILES:
            build_data["force_include"][str(folder / name)] = f"{inside}/{name}"
