"""The text of a transcript: what is done stands at the margin, what is seen below it."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent
INDENT: Final = "    "
_HEAD: Final = re.compile(r"(played by|seated|settings|left out): (.*)")


@dataclass
class Scene:
    """One transcript, without what was seen."""

    path: Path
    head: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    """Everything at the margin, in order: head, comments, blank lines and actions."""

    @property
    def players(self) -> list[str]:
        """Who sits at the table at the beginning; the first one has opened the game."""
        return _listed(self.head.get("seated", ""))

    @property
    def backends(self) -> list[str]:
        return _listed(self.head.get("played by", ""))

    @property
    def left_out(self) -> list[str]:
        """Names of messages that are not shown."""
        return _listed(self.head.get("left out", ""))

    @property
    def settings(self) -> dict[str, dict[str, int]]:
        """By section, as settings files have them: "stream.window_events=3"."""
        sections: dict[str, dict[str, int]] = {}
        for each in _listed(self.head.get("settings", "")):
            name, _, value = each.partition("=")
            section, _, key = name.partition(".")
            sections.setdefault(section, {})[key] = int(value)
        return sections


class Said(NamedTuple):
    """A line at the margin, and what was seen before the next one."""

    line: str
    seen: Sequence[str]


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def is_action(line: str) -> bool:
    """Whether a line at the margin is something to do."""
    return bool(line) and not line.startswith("#") and not _HEAD.fullmatch(line)


def read(path: Path) -> Scene:
    scene = Scene(path)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(INDENT):
            continue
        head = _HEAD.fullmatch(line)
        if head:
            scene.head[head[1]] = head[2]
        scene.lines.append(line)
    return scene


def scenes(backend: str) -> list[Scene]:
    """The scenes that this backend plays."""
    every = (read(path) for path in sorted(FOLDER.glob("*.txt")))
    return [scene for scene in every if backend in scene.backends]


def write(said: Sequence[Said]) -> str:
    """The text of a scene as it was played."""
    return "".join(f"{line}\n" for line in _lines(said))


def _lines(said: Sequence[Said]) -> Iterator[str]:
    for line, seen in said:
        yield line
        yield from (INDENT + each for each in seen)


def difference(scene: Scene, played: str) -> str:
    """How the scene as it was played differs from its file; empty if it does not."""
    expected = scene.path.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        expected.splitlines(), played.splitlines(), scene.path.name, "as played", lineterm="", n=8
    )
    return "\n".join(lines)
