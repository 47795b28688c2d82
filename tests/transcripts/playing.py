"""How a test plays a scene and compares it with its file, or writes the file anew."""

import os

import pytest

from tests.transcripts.scene import Scene, difference, write
from tests.transcripts.stage import House, Stage

UPDATE = "UPDATE_TRANSCRIPTS"


async def check(scene: Scene, house: House, *, may_write: bool = False) -> None:
    """Fail with what differs; if it may, and is asked to by the environment, write it as played."""
    played = write(await Stage(house).play(scene))
    differs = difference(scene, played)
    if differs and may_write and os.environ.get(UPDATE):
        scene.path.write_text(played, encoding="utf-8")
        pytest.fail(f"{scene.path.name} was written anew: look at it and run without {UPDATE}")
    if differs:
        pytest.fail(f"the scene was played differently:\n{differs}", pytrace=False)
