"""Seats are there again, whoever kept them and whatever happened meanwhile."""

import asyncio
import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from planning_poker_client import (
    FileSeatStore,
    MemorySeatStore,
    SeatStore,
    SeatStoreError,
    StoredSeat,
)


def written(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def read(path: Path) -> str:
    return path.read_text()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


SECRET = b"canary-secret-of-thirty-two-byte"
GAME = "ab" * 16


def seat(key: str = "1", **fields: str) -> StoredSeat:
    return StoredSeat(key=key, seat_secret=SECRET, **({"game_id": GAME} | fields))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seats.json"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, path: Path) -> SeatStore:
    made: dict[str, Callable[[], SeatStore]] = {
        "memory": MemorySeatStore,
        "file": lambda: FileSeatStore(path),
    }
    return made[request.param]()


# Every store


async def test_a_new_store_is_empty(store: SeatStore) -> None:
    assert list(await store.load()) == []


async def test_what_is_saved_is_loaded_as_it_was_in_the_order_of_saving(store: SeatStore) -> None:
    ada = seat("2", display_name="Ada ☕", external_id="U1", request_id="r", join_code="K7QF-3M")
    bob = seat("1", player_id="p2")
    await store.save(ada)
    await store.save(bob)
    assert list(await store.load()) == [ada, bob]


async def test_saving_again_replaces_what_has_the_same_key_in_its_place(store: SeatStore) -> None:
    await store.save(seat("1"))
    await store.save(seat("2"))
    await store.save(seat("1", player_id="p1"))
    assert [each.player_id for each in await store.load()] == ["p1", ""]


async def test_what_is_removed_is_gone_and_removing_it_again_is_no_error(store: SeatStore) -> None:
    await store.save(seat("1"))
    await store.save(seat("2"))
    for _ in range(2):
        await store.remove(replace(seat("1"), player_id="p9"))
    assert [each.key for each in await store.load()] == ["2"]


async def test_many_changes_at_once_lose_nothing(store: SeatStore) -> None:
    await asyncio.gather(*(store.save(seat(str(number))) for number in range(20)))
    assert len(await store.load()) == 20


# A seat


def test_a_seat_is_found_by_the_id_or_the_code_of_its_game() -> None:
    kept = seat(join_code="K7QF-3M")
    assert kept.is_in(GAME)
    assert kept.is_in("k7qf3m")
    assert not kept.is_in("K7QF-3N")
    assert not seat().is_in("")
    assert (kept.game, replace(kept, game_id="").game) == (GAME, "K7QF-3M")


def test_a_seat_does_not_show_its_secret() -> None:
    assert "canary" not in repr(seat())


# A file


async def test_another_process_finds_what_was_saved(path: Path) -> None:
    await FileSeatStore(path).save(seat())
    assert list(await FileSeatStore(str(path)).load()) == [seat()]


async def test_only_the_owner_can_read_the_file_whatever_the_umask_and_whatever_was_there(
    path: Path,
) -> None:
    before = os.umask(0)
    try:
        written(path, '{"format": 1, "seats": []}')
        await FileSeatStore(path).save(seat())
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert mode(path.with_name("seats.json.lock")) == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"seats": [', '"seats": [3, '),
        lambda text: text.replace(SECRET.hex(), "not hex"),
        lambda text: text.replace(SECRET.hex(), "abcd"),
        lambda text: text.replace('"key": "1"', '"key": 1'),
        lambda text: text.replace('"key": "1"', '"key": "1", "more": 2'),
        lambda text: text.replace(GAME, ""),
        lambda text: "\0" * len(text),
    ],
)
async def test_a_damaged_file_is_told_of_and_left_alone(
    path: Path, damage: Callable[[str], str]
) -> None:
    store = FileSeatStore(path)
    await store.save(seat())
    damaged = damage(read(path))
    written(path, damaged)
    for attempt in (store.load(), store.save(seat("2")), store.remove(seat())):
        with pytest.raises(SeatStoreError, match=r"seats\.json") as error:
            await attempt
        assert "canary" not in str(error.value)
        assert SECRET.hex() not in str(error.value)
        assert error.value.__cause__ is None
    assert read(path) == damaged
    os.unlink(path)  # noqa: PTH108
    await store.save(seat("2"))
    assert list(await store.load()) == [seat("2")]


async def test_bytes_that_are_no_text_are_a_damaged_file_too(path: Path) -> None:
    written(path, b"\xff\xfe\x00")
    with pytest.raises(SeatStoreError, match="damaged: restore it"):
        await FileSeatStore(path).load()


async def test_where_nothing_can_be_read_the_error_says_why(tmp_path: Path) -> None:
    with pytest.raises(SeatStoreError, match=r"cannot be read: Is a directory\."):
        await FileSeatStore(tmp_path).load()


async def test_a_file_of_another_format_is_not_overwritten(path: Path) -> None:
    written(path, json.dumps({"format": 2, "seats": []}))
    with pytest.raises(SeatStoreError, match="another version"):
        await FileSeatStore(path).save(seat())
    assert json.loads(read(path))["format"] == 2


async def test_where_nothing_can_be_written_the_error_names_the_file(tmp_path: Path) -> None:
    store = FileSeatStore(tmp_path / "nowhere" / "seats.json")
    with pytest.raises(SeatStoreError, match=r"nowhere.*cannot be written"):
        await store.save(seat())
    assert list(await store.load()) == []


async def test_a_crash_while_writing_leaves_the_old_file_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileSeatStore(path)
    await store.save(seat())

    def crash(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crash)
        with pytest.raises(SeatStoreError, match="No space left"):
            await store.save(seat("2"))
    assert list(await store.load()) == [seat()]
    assert sorted(each.name for each in path.parent.iterdir()) == ["seats.json", "seats.json.lock"]


def _save_some(path: str, process: int) -> None:
    async def save() -> None:
        for number in range(10):
            await FileSeatStore(path).save(seat(f"{process}-{number}"))

    asyncio.run(save())


def test_several_processes_do_not_lose_each_others_seats(path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    processes = [
        spawning.Process(target=_save_some, args=(str(path), number)) for number in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(asyncio.run(FileSeatStore(path).load())) == 30
