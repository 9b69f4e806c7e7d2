from __future__ import annotations

import trio
from trio.testing import MockClock

from engine.domain.storage.account import Accountant
from engine.domain.storage.owners import LAYERS, UPLOADS
from engine.domain.storage.sweeping import Sweeper
from tests.fakes.containerd import FakeContainerd
from tests.fakes.storage import ENGINE_ID, FakeDisk


class Bench:
    def __init__(self, **files: int) -> None:
        self.disk = FakeDisk({name.replace("__", "/"): size for name, size in files.items()})
        self.stores = FakeContainerd()
        self.asked: list[float | None] = []
        accountant = Accountant(
            self.disk,
            self.stores,
            engine_id=ENGINE_ID,
            embedded=True,
            containers=list,
            volumes=list,
        )

        async def broom(grace: float | None) -> None:
            self.asked.append(grace)

        self.sweeper = Sweeper(accountant, self.disk, self.stores, ENGINE_ID, [broom])


async def test_nobodys_file_goes_when_its_grace_is_over(autojump_clock: MockClock) -> None:
    bench = Bench(tmp__part=5)
    first = await bench.sweeper.sweep(60)
    assert ([each.path for each in first.left], first.removed) == (["tmp/part"], [])
    await trio.sleep(59)
    assert (await bench.sweeper.sweep(60)).removed == []
    await trio.sleep(2)
    report = await bench.sweeper.sweep(60)
    assert [(each.path, each.bytes) for each in report.removed] == [("tmp/part", 5)]
    assert bench.disk.removed == ["tmp/part"]
    assert report.left == []


async def test_what_had_an_owner_in_between_begins_anew(autojump_clock: MockClock) -> None:
    bench = Bench(tmp__part=5)
    await bench.sweeper.sweep(60)
    files, bench.disk.files = bench.disk.files, {}
    await trio.sleep(30)
    await bench.sweeper.sweep(60)
    bench.disk.files = files
    await trio.sleep(40)
    assert (await bench.sweeper.sweep(60)).removed == []


async def test_dry_run_touches_nothing() -> None:
    bench = Bench(tmp__part=5)
    report = await bench.sweeper.sweep(0, dry_run=True)
    assert report.dry_run
    assert [each.path for each in report.removed] == ["tmp/part"]
    assert (bench.disk.removed, bench.asked) == ([], [])


async def test_rooms_sweep_first_with_the_grace_that_was_named() -> None:
    bench = Bench()
    await bench.sweeper.sweep(600)
    await bench.sweeper.sweep(5, asked=5)
    assert bench.asked == [None, 5]


async def test_what_is_containerds_is_left_to_its_collection() -> None:
    bench = Bench(**{f"{LAYERS}/9/fs/x".replace("/", "__"): 5})
    collections = []

    def collect() -> None:
        collections.append(sorted(bench.stores.leases.leases))
        if len(collections) == 1:
            bench.disk.files.clear()

    bench.stores.leases.collect = collect
    report = await bench.sweeper.sweep(0)
    assert [each.path for each in report.removed] == [f"{LAYERS}/9"]
    assert bench.disk.removed == []
    assert collections == [[]]
    assert bench.stores.snapshots.snapshots == bench.stores.content.blobs == {}


async def test_upload_that_containerd_does_not_see_is_removed() -> None:
    bench = Bench(**{f"{UPLOADS}/half/data".replace("/", "__"): 5})
    report = await bench.sweeper.sweep(0)
    assert bench.disk.removed == [f"{UPLOADS}/half"]
    assert [each.path for each in report.removed] == [f"{UPLOADS}/half"]


async def test_upload_that_goes_on_is_let_alone() -> None:
    bench = Bench(**{f"{UPLOADS}/half/data".replace("/", "__"): 5})
    bench.disk.refs = {f"{UPLOADS}/half": "pull"}
    bench.stores.content.ingests["pull"] = bytearray(b"x")
    assert (await bench.sweeper.sweep(0)).removed == []
    assert bench.disk.removed == []


async def test_what_cannot_be_removed_is_told_as_left() -> None:
    bench = Bench(tmp__stuck=5, tmp__loose=6)
    bench.disk.busy = {"tmp/stuck"}
    report = await bench.sweeper.sweep(0)
    assert [each.path for each in report.removed] == ["tmp/loose"]
    assert [each.path for each in report.left] == ["tmp/stuck"]
