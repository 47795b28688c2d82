"""Programs that share nothing with ours but the committed protos."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from planning_poker_client.sync import PokerClient
from tests.workspace.serving import serving
from tests.workspace.tree import ROOT

HERE = Path(__file__).parent
SERVICES = ["", "planningpoker.v1.PlanningPokerService"]
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server"), SERVER__REFLECTION="true") as address:
        yield address


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """The packages of package-lock.json, installed once outside the source tree."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "planning-poker-tests" / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.is_dir():
        install_packages(folder)
    return folder / "node_modules"


def install_packages(folder: Path) -> None:
    """`npm ci` into `folder`, which appears complete or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as name:
        unfinished = Path(name) / "packages"
        unfinished.mkdir()
        for each in ("package.json", "package-lock.json"):
            shutil.copy(HERE / each, unfinished)
        retries = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000")
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *retries]
        done = subprocess.run(npm, cwd=unfinished, capture_output=True, text=True, check=False)
        if done.returncode and any(code in done.stderr for code in UNREACHABLE):
            pytest.skip("the npm registry cannot be reached")
        assert done.returncode == 0, done.stderr
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else: another test process was faster
                raise


@pytest.fixture(scope="module")
def played(address: str, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the seats of play.mjs saw."""
    folder = tmp_path_factory.mktemp("node")
    node = run_node("play.mjs", node_modules, folder, address, str(ROOT / "protos"))
    out, errors = node.communicate(timeout=60)
    assert node.returncode == 0, errors
    return json.loads(out)


def run_node(
    program: str, node_modules: Path, folder: Path, *arguments: str
) -> "subprocess.Popen[str]":
    """A program of this folder, started with the packages that it needs."""
    shutil.copy(HERE / program, folder)
    (folder / "node_modules").symlink_to(node_modules)
    return subprocess.Popen(
        ["node", program, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_watching_and_executing_suffice_to_play(
    address: str, node_modules: Path, tmp_path: Path
) -> None:
    with PokerClient(address) as client:
        game = client.create_game("Sprint 12", player="Ada")
        node = run_node(
            "watch.mjs", node_modules, tmp_path, address, str(ROOT / "protos"), game.game_id
        )
        assert node.stdout is not None
        assert node.stdout.readline() == "watching\n", node.communicate()[1]
        game.start_round()
        game.wait_for(lambda view: len(view.voted) == 1, timeout=30)
        game.reveal(force=True)
        assert [vote.card for vote in game.view.votes.values()] == ["8"]
        game.end()
        events = [(change.version, change.name) for change in client.history(game.game_id)]
        out, errors = node.communicate(timeout=30)
    assert node.returncode == 0, errors
    found = json.loads(out.splitlines()[-1])
    assert found["kinds"][0] == "heartbeat"
    assert [(each["version"], _snake(each["name"])) for each in found["told"]] == events


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_a_client_in_javascript_sees_the_reveal_from_both_seats(played: Any) -> None:
    for seat in played["seats"]:
        assert seat["votes"] == {"Ada": "5", "Bob": "8"}
        assert seat["mean"] == 6.5


def test_a_client_in_javascript_is_told_each_event_once_and_in_order(played: Any) -> None:
    for seat in played["seats"]:
        first = seat["joinedAt"] + 1
        assert seat["versions"] == list(range(first, first + len(seat["versions"])))


def test_a_client_in_javascript_learns_that_others_voted_but_not_what(played: Any) -> None:
    for seat in played["seats"]:
        assert seat["votedFields"] == [["playerId", "roundId"]] * 2


def test_a_client_in_javascript_is_told_its_own_card(played: Any) -> None:
    assert [seat["ownCard"] for seat in played["seats"]] == ["5", "8"]


def test_a_client_in_javascript_accepts_the_estimate(played: Any) -> None:
    assert played["estimate"] == "8"


def test_a_client_in_javascript_leaves_without_a_stream_and_once_only(played: Any) -> None:
    first, again = played["left"]
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["version"] == again["version"]


def buf_curl(*arguments: str, folder: Path) -> str:
    """What `buf curl` prints; it learns all it knows of the service by reflection."""
    buf = Path(sys.executable).with_name("buf")
    done = subprocess.run(
        [buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "BUF_CACHE_DIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_buf_lists_the_services_by_reflection(address: str, tmp_path: Path) -> None:
    listed = buf_curl("--list-services", f"http://{address}", folder=tmp_path).split()
    assert set(listed) >= {"grpc.health.v1.Health", "planningpoker.v1.PlanningPokerService"}
    methods = buf_curl("--list-methods", f"http://{address}", folder=tmp_path).split()
    assert "planningpoker.v1.PlanningPokerService/Play" in methods
    assert "planningpoker.v1.PlanningPokerService/Execute" in methods


@pytest.mark.parametrize("service", SERVICES, ids=["the server", "the service"])
def test_buf_finds_the_service_healthy(address: str, tmp_path: Path, service: str) -> None:
    url = f"http://{address}/grpc.health.v1.Health/Check"
    answer = buf_curl("--data", json.dumps({"service": service}), url, folder=tmp_path)
    assert json.loads(answer) == {"status": "SERVING"}


def test_reflection_is_off_unless_configured(tmp_path: Path) -> None:
    with (
        serving(tmp_path, SERVER__REFLECTION="false") as address,
        pytest.raises(AssertionError, match="unimplemented"),
    ):
        buf_curl("--list-services", f"http://{address}", folder=tmp_path)
