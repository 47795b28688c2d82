"""A transcript is a test only if it fails when something else happens."""

import asyncio
from pathlib import Path

import pytest

from planning_poker_simulator.virtual_time import VirtualLoop
from tests.integration.harness import settings_for
from tests.transcripts.playing import UPDATE, check
from tests.transcripts.pure import PureHouse
from tests.transcripts.scene import FOLDER, difference, is_action, read, scenes

ANSWER_LOST = FOLDER / "answer_lost.txt"
BACKENDS = {"pure", "real"}


def play(folder: Path, text: str) -> Path:
    """Play a scene of this text, in virtual time."""
    path = folder / "scene.txt"
    path.write_text(text, encoding="utf-8")

    async def run() -> None:
        house = PureHouse(settings_for(folder))
        try:
            await check(read(path), house, may_write=True)
        finally:
            await house.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())
    return path


def otherwise() -> str:
    """A good scene in which another answer is expected."""
    text = ANSWER_LOST.read_text(encoding="utf-8")
    assert "command_result #vote duplicate" in text
    return text.replace("command_result #vote duplicate", "command_result #vote")


def test_a_scene_that_goes_otherwise_fails_and_shows_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(UPDATE, raising=False)
    with pytest.raises(pytest.fail.Exception) as failure:
        play(tmp_path, otherwise())
    changed = [line for line in str(failure.value).splitlines() if line[:2] in ("- ", "+ ")]
    assert [" ".join(line.split()) for line in changed] == [
        "- [0.05 s] Ada < command_result #vote accepted=(version=5)",
        "+ [0.05 s] Ada < command_result #vote duplicate accepted=(version=5)",
    ]
    assert (tmp_path / "scene.txt").read_text(encoding="utf-8") == otherwise()


def test_a_scene_is_written_anew_where_that_is_asked_for_and_fails_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(UPDATE, "1")
    with pytest.raises(pytest.fail.Exception, match="written anew"):
        play(tmp_path, otherwise())
    path = tmp_path / "scene.txt"
    written = path.read_text(encoding="utf-8")
    assert written == ANSWER_LOST.read_text(encoding="utf-8")
    assert play(tmp_path, written) == path


@pytest.mark.parametrize("line", ["-- the moon rises", "Ada votes 8"])
def test_an_action_that_cannot_be_played_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(AssertionError, match=f"cannot be played: {line}"):
        play(tmp_path, f"seated: Ada\n\n{line}\n")


def test_a_scene_that_is_as_written_does_not_differ() -> None:
    scene = read(ANSWER_LOST)
    assert difference(scene, ANSWER_LOST.read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_a_scene_has_a_title_players_something_to_do_and_somebody_to_play_it(path: Path) -> None:
    scene = read(path)
    assert scene.lines[0].startswith("# ")
    assert scene.players
    assert any(map(is_action, scene.lines))
    assert scene.backends
    assert set(scene.backends) <= BACKENDS


def test_there_are_scenes_for_each_backend() -> None:
    assert all(scenes(backend) for backend in BACKENDS)
