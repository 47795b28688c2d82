"""Write the fold vectors: scripted games, played by the server's rules, folded by the model.

Run through `make vectors`. `--check` compares with what is there instead of writing.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tools import fold_scenes, fold_scenes_rounds
from tools.fold_table import Table

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "vectors" / "fold"
WIDTH: Final = 100

Scene = Callable[[Table], None]


def scenes() -> Iterator[Scene]:
    """All scenes, in the order of their files."""
    for module in (fold_scenes, fold_scenes_rounds):
        for _, scene in inspect.getmembers(module, inspect.isfunction):
            if scene.__module__ == module.__name__:
                yield scene


def vector(scene: Scene) -> dict[str, Any]:
    """What one scene gives, as JSON has it."""
    table = Table()
    scene(table)
    made: dict[str, Any] = {
        "name": scene.__name__,
        "description": " ".join((scene.__doc__ or "").split()),
        "start": as_json(table.start) if table.start is not None else None,
        "events": [as_json(event) for event in table.events],
    }
    if table.refused:
        made["refused"] = True
    made["result"] = as_json(_folded(table))
    return made


def _folded(table: Table) -> pb.Game:
    """The game after the events, without the last one where that is to be refused."""
    view = GameView() if table.start is None else GameView.from_game(table.start)
    for event in table.events[: len(table.events) - table.refused]:
        view.apply(event)
    return view.to_game()


def as_json(message: pb.Game | pb.GameEvent) -> dict[str, Any]:
    """Proto3 JSON; labels, which have no order of their own, in that of their keys."""
    plain: dict[str, Any] = MessageToDict(message)
    game = plain.get("gameCreated", {}).get("game", plain)
    if "labels" in game:
        game["labels"] = dict(sorted(game["labels"].items()))
    return plain


def pretty(value: Any, indent: int = 0, before: int = 0) -> str:
    """JSON for people: what fits on a line, `before` characters included, stays on it."""
    line = json.dumps(value, ensure_ascii=False)
    fits = indent + before + len(line) < WIDTH
    if fits or not value or not isinstance(value, dict | list):
        return line
    inner = indent + 2
    if isinstance(value, dict):
        keys = [f"{json.dumps(key)}: " for key in value]
        values = zip(keys, value.values(), strict=True)
        parts = [key + pretty(each, inner, len(key)) for key, each in values]
    else:
        parts = [pretty(each, inner) for each in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    body = ",\n".join(" " * inner + part for part in parts)
    return f"{begin}\n{body}\n{' ' * indent}{end}"


def files() -> dict[str, str]:
    """The text of each file, by its name."""
    return {f"{scene.__name__}.json": pretty(vector(scene)) + "\n" for scene in scenes()}


def differences(fresh: dict[str, str], folder: Path) -> list[str]:
    """Names of files that are missing, left over or different in `folder`."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}
    return sorted(name for name in fresh.keys() | there if fresh.get(name) != there.get(name))


def main() -> None:
    fresh = files()
    stale = differences(fresh, TARGET)
    if sys.argv[1:] == ["--check"]:
        if stale:
            raise SystemExit("not in step with the rules (run `make vectors`): " + ", ".join(stale))
        print("vectors/fold is in step with the rules")
        return
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in fresh:
            (TARGET / name).write_text(fresh[name], encoding="utf-8")
        else:
            (TARGET / name).unlink()
    print(f"wrote {len(stale)} of {len(fresh)} files under {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
