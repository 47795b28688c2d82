"""The disk itself: a test that loses too little would prove nothing."""

from random import Random

import pytest

from tests.powercut.disk import SECTOR, Disk, PowerCut, Truncate, Write


def disks(count: int = 200) -> list[Disk]:
    return [Disk(Random(seed)) for seed in range(count)]  # noqa: S311


def test_what_was_synced_is_there_after_any_cut() -> None:
    for disk in disks():
        file = disk.create("log")
        disk.change(file, Write(0, b"safe"))
        disk.sync(file)
        disk.sync_folder()
        disk.change(file, Write(4, b"perhaps"))
        disk.power_on()
        assert disk.files()["log"].content.startswith(b"safe")


def test_what_was_not_synced_is_there_or_not_or_in_part() -> None:
    whole = b"a" * SECTOR + b"b" * SECTOR
    found = set()
    for disk in disks():
        file = disk.create("log")
        disk.sync_folder()
        disk.change(file, Write(0, whole))
        disk.power_on()
        found.add(bytes(file.content))
    assert {b"", whole, whole[:SECTOR], bytes(SECTOR) + whole[SECTOR:]} <= found


def test_a_later_write_may_be_there_without_an_earlier_one() -> None:
    found = set()
    for disk in disks():
        file = disk.create("log")
        disk.change(file, Write(0, bytes(2)))
        disk.sync(file)
        disk.sync_folder()
        disk.change(file, Write(0, b"1"))
        disk.change(file, Write(1, b"2"))
        disk.power_on()
        found.add(bytes(file.content))
    assert found == {b"\0\0", b"1\0", b"\0002", b"12"}


def test_what_was_cut_off_may_come_back() -> None:
    sizes = set()
    for disk in disks():
        file = disk.create("log")
        disk.change(file, Write(0, b"long"))
        disk.sync(file)
        disk.sync_folder()
        disk.change(file, Truncate(0))
        assert file.content == b""
        disk.power_on()
        sizes.add(len(file.content))
    assert sizes == {0, 4}


def test_files_appear_and_vanish_for_certain_only_once_the_folder_is_synced() -> None:
    seen = set()
    for disk in disks():
        disk.create("old")
        disk.create("kept")
        disk.sync_folder()
        disk.delete("old")
        disk.create("new")
        disk.power_on()
        assert "kept" in disk.files()
        seen.add(("old" in disk.files(), "new" in disk.files()))
    assert seen == {(a, b) for a in (True, False) for b in (True, False)}


def test_a_killed_program_loses_nothing_of_what_it_wrote() -> None:
    for disk in disks():
        file = disk.create("log")
        disk.change(file, Write(0, b"written"))
        disk.cut()
        disk.restart()
        assert disk.files()["log"].content == b"written"


def test_power_fails_in_the_operation_that_was_named_and_stays_away() -> None:
    (disk,) = disks(1)
    file = disk.create("log")
    disk.fail_at(2)
    disk.change(file, Write(0, b"1"))
    for _ in range(2):
        with pytest.raises(PowerCut):
            disk.sync(file)
    disk.power_on()
    disk.sync(file)
