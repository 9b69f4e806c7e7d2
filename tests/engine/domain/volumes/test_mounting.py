from __future__ import annotations

import pytest

from engine.domain.volumes.book import Book
from engine.domain.volumes.messages import Fill
from engine.domain.volumes.mounting import Mounting
from engine.domain.volumes.ports import NotADirectory
from engine.domain.volumes.records import VolumeRecord
from engine.domain.volumes.remote import Remote
from engine.errors import SystemFailure
from tests.fakes.volumes import FakeDisk, FakeDrivers, FakeStore

TMPFS = {"type": "tmpfs", "device": "tmpfs"}


class Bench:
    def __init__(self) -> None:
        self.book, self.disk = Book(), FakeDisk()
        self.mounting = Mounting(
            self.book, self.disk, FakeStore(), Remote(self.book, FakeDrivers())
        )
        for name, options in (("plain", None), ("ram", TMPFS), ("ram2", TMPFS)):
            self.book.volumes[name] = VolumeRecord(name=name, created_ns=0, options=options)
            self.disk.content[name] = {}


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_mount_is_made_by_the_first_and_undone_by_the_last(bench: Bench) -> None:
    await bench.mounting.mount_all("c1", ("plain", "ram"))
    await bench.mounting.mount_all("c2", ("ram",))
    assert bench.disk.calls == ["mount ram"]
    await bench.mounting.unmount_all("c1")
    assert list(bench.disk.mounted) == ["ram"]
    await bench.mounting.unmount_all("c2")
    await bench.mounting.unmount_all("c2")
    assert bench.disk.calls == ["mount ram", "unmount ram"]


async def test_failed_mount_takes_the_others_back_and_says_where_it_was(bench: Bench) -> None:
    await bench.mounting.mount_all("c1", ("ram",))
    bench.disk.failures["mount"] = SystemFailure("failed to mount local volume: mount x: no")
    with pytest.raises(SystemFailure) as failure:
        await bench.mounting.mount_all("c1", ("ram", "ram2"))
    assert str(failure.value) == (
        "error while mounting volume '/volumes/ram2/_data': failed to mount local volume: mount x: no"
    )
    assert bench.disk.mounted == {}
    assert bench.book.mounted_for("c1") == []


async def test_mount_that_cannot_be_undone_is_in_nobodys_way(bench: Bench) -> None:
    await bench.mounting.mount_all("c1", ("ram",))
    bench.disk.failures["unmount"] = SystemFailure("device or resource busy")
    await bench.mounting.unmount_all("c1")
    assert bench.book.mounted_for("c1") == []


async def test_copy_up_mounts_the_volume_for_its_moment(bench: Bench) -> None:
    bench.disk.root["/data"] = {"f": b"x"}
    await bench.mounting.fill(Fill("c1", "ram", "", (), "/data"))
    assert bench.disk.calls == ["mount ram", "fill ram", "unmount ram"]
    assert bench.disk.content["ram"] == {"f": b"x"}


async def test_copy_up_that_fails_leaves_no_mount(bench: Bench) -> None:
    bench.disk.root["/bin/sh"] = b"elf"
    with pytest.raises(NotADirectory, match=r"^source /bin/sh is not directory$"):
        await bench.mounting.fill(Fill("c1", "ram", "", (), "/bin/sh"))
    assert bench.disk.mounted == {}
