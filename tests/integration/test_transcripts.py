"""The main scenes of tests/transcripts, played by a real server as well."""

import pytest

from tests.integration.harness import Host
from tests.integration.transcript_house import RealHouse
from tests.transcripts.playing import check
from tests.transcripts.pure import NoChance
from tests.transcripts.scene import Scene, scenes


@pytest.mark.redelivers  # what is sent again is in the scenes themselves
@pytest.mark.parametrize("scene", scenes("real"), ids=lambda scene: scene.path.stem)
async def test_a_scene_goes_as_written_on_a_real_server(
    host: Host, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.lines.expected |= {"the log is unavailable", "delivery failed"}
    monkeypatch.setattr("planning_poker_server.app.Random", NoChance)
    house = RealHouse(host, dict(scene.settings))
    await house.start()
    try:
        await check(scene, house)
    finally:
        await house.close()
