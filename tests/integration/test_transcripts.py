"""The main scenes of tests/transcripts, played by a real server as well."""

import pytest

from tests.integration.harness import Host
from tests.integration.transcript_house import RealHouse
from tests.transcripts.playing import check
from tests.transcripts.scene import Scene, scenes


@pytest.mark.parametrize("scene", scenes("real"), ids=lambda scene: scene.path.stem)
async def test_a_scene_goes_as_written_on_a_real_server(host: Host, scene: Scene) -> None:
    host.lines.expected.add("the log is unavailable")
    house = RealHouse(host, dict(scene.settings))
    await house.start()
    try:
        await check(scene, house)
    finally:
        await house.close()
