"""The fold vectors, read as any language would read them."""

import json
from pathlib import Path
from typing import NamedTuple

from google.protobuf.json_format import ParseDict

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tests.workspace.tree import ROOT

FOLDER = ROOT / "vectors" / "fold"


class Vector(NamedTuple):
    name: str
    description: str
    start: pb.Game | None
    events: list[pb.GameEvent]
    """Those that fold."""
    refused: pb.GameEvent | None
    """One that must not, after them."""
    result: pb.Game

    def begin(self) -> GameView:
        """The view before the events."""
        return GameView() if self.start is None else GameView.from_game(self.start)


def vectors() -> list[Vector]:
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def _read(path: Path) -> Vector:
    said = json.loads(path.read_text(encoding="utf-8"))
    events = [ParseDict(each, pb.GameEvent()) for each in said["events"]]
    refused = events.pop() if said.get("refused") else None
    start = ParseDict(said["start"], pb.Game()) if said["start"] is not None else None
    result = ParseDict(said["result"], pb.Game())
    return Vector(said["name"], said["description"], start, events, refused, result)
