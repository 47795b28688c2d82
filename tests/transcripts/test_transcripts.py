"""Each scene, played by the pure parts of server and SDK in virtual time."""

import asyncio
from pathlib import Path

import pytest

from planning_poker_simulator.virtual_time import VirtualLoop
from tests.integration.harness import settings_for
from tests.transcripts.playing import check
from tests.transcripts.pure import PureHouse
from tests.transcripts.scene import Scene, scenes


async def play(scene: Scene, folder: Path) -> None:
    house = PureHouse(settings_for(folder, **scene.settings))
    try:
        await check(scene, house, may_write=True)
    finally:
        await house.close()


@pytest.mark.parametrize("scene", scenes("pure"), ids=lambda scene: scene.path.stem)
def test_a_scene_goes_as_written(scene: Scene, tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play(scene, tmp_path))
