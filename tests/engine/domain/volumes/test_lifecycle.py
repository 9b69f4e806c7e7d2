from __future__ import annotations

import pytest
import trio
import trio.testing

from engine.domain.volumes.book import Book
from engine.domain.volumes.filters import pruning
from engine.domain.volumes.lifecycle import Lifecycle
from engine.domain.volumes.records import ANONYMOUS, VolumeWish
from engine.domain.volumes.remote import Remote
from engine.domain.volumes.startup import Startup
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure, Unavailable
from tests.fakes.volumes import FakeDisk, FakeDrivers, FakeStore

REFUSED = SystemFailure("mkdir /volumes/vol: no space left on device")


class Bench:
    def __init__(self) -> None:
        self.book, self.disk, self.store = Book(), FakeDisk(), FakeStore()
        self.remote = Remote(self.book, FakeDrivers())
        self.lifecycle = Lifecycle(self.book, self.disk, self.store, self.remote)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_creating_again_answers_with_the_volume_that_is_there(bench: Bench) -> None:
    first = await bench.lifecycle.create(VolumeWish(name="vol", labels={"a": "b"}))
    again = await bench.lifecycle.create(VolumeWish(name="vol", labels={"c": "d"}))
    assert again is first
    assert bench.store.journal == ["create vol"]


async def test_nameless_volume_gets_an_id_and_the_anonymous_label(bench: Bench) -> None:
    record = await bench.lifecycle.create(VolumeWish(labels={"a": "b"}))
    assert len(record.name) == 64
    assert record.labels == {"a": "b", ANONYMOUS: ""}
    assert record.anonymous


async def test_volume_whose_directory_cannot_be_made_is_not_there(bench: Bench) -> None:
    bench.disk.failures["make"] = REFUSED
    with pytest.raises(SystemFailure, match=r"^create vol: mkdir /volumes/vol: no space"):
        await bench.lifecycle.create(VolumeWish(name="vol"))
    assert (bench.book.volumes, bench.store.records) == ({}, {})
    assert bench.store.journal == ["create vol", "destroy vol"]


async def test_making_that_a_crash_cut_short_is_finished_by_the_next_incarnation(
    bench: Bench,
) -> None:
    bench.disk.failures["make"] = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await bench.lifecycle.create(VolumeWish(name="vol"))
    assert bench.book.volumes == {}
    bench.disk.failures.clear()
    bench.book.loaded = True
    await Startup(bench.book, bench.disk, bench.store, bench.lifecycle, bench.remote).set_up()
    assert (list(bench.book.volumes), bench.disk.content) == (["vol"], {"vol": {}})
    await bench.lifecycle.remove("vol")
    assert (bench.store.records, bench.disk.content) == ({}, {})


async def test_volume_in_use_names_its_containers(bench: Bench) -> None:
    for container in ("c1", "c2"):
        await bench.lifecycle.create(VolumeWish(name="vol"), container)
    with pytest.raises(Conflict, match=r"^remove vol: volume is in use - \[c1, c2\]$"):
        await bench.lifecycle.remove("vol", force=True)
    await bench.lifecycle.release("c1")
    await bench.lifecycle.release("c2")
    await bench.lifecycle.remove("vol")
    assert bench.store.journal == ["create vol", "destroy vol"]
    assert (bench.disk.content, bench.disk.away, bench.store.intents) == ({}, {}, set())


async def test_missing_volume_is_removed_by_force_alone(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"^get vol: no such volume$"):
        await bench.lifecycle.remove("vol")
    await bench.lifecycle.remove("vol", force=True)


async def test_removal_that_the_host_refuses_changes_nothing(bench: Bench) -> None:
    await bench.lifecycle.create(VolumeWish(name="vol"))
    bench.disk.busy.add("vol")
    with pytest.raises(SystemFailure, match=r"^remove vol: .*device or resource busy"):
        await bench.lifecycle.remove("vol")
    assert "vol" in bench.book.volumes
    assert "vol" in bench.disk.content
    assert bench.store.intents == set()


async def test_removal_that_cannot_be_committed_brings_the_content_back(bench: Bench) -> None:
    await bench.lifecycle.create(VolumeWish(name="vol"))
    bench.disk.content["vol"] = {"f": b"x"}
    bench.store.failures["drop"] = Unavailable("the state database does not answer")
    with pytest.raises(Unavailable):
        await bench.lifecycle.remove("vol")
    assert bench.disk.content == {"vol": {"f": b"x"}}
    assert "vol" in bench.book.volumes


async def test_content_that_cannot_be_deleted_keeps_its_intent_and_the_name_is_free(
    bench: Bench,
) -> None:
    await bench.lifecycle.create(VolumeWish(name="vol"))
    bench.disk.failures["discard"] = SystemFailure("operation not permitted")
    await bench.lifecycle.remove("vol")
    assert "vol" not in bench.book.volumes
    assert bench.store.intents == {"vol"}
    await bench.lifecycle.create(VolumeWish(name="vol"))


async def test_failed_provision_leaves_no_reference_and_no_anonymous_volume(bench: Bench) -> None:
    wishes = [VolumeWish(name="named"), VolumeWish(), VolumeWish(name="../x")]
    with pytest.raises(InvalidParameter):
        await bench.lifecycle.provide("c1", wishes)
    assert list(bench.book.volumes) == ["named"]
    assert bench.book.users("named") == []


async def test_anonymous_volumes_go_with_their_container_unless_another_one_has_them(
    bench: Bench,
) -> None:
    own, shared = await bench.lifecycle.provide("c1", [VolumeWish(), VolumeWish()])
    await bench.lifecycle.create(VolumeWish(name=shared.name), "c2")
    await bench.lifecycle.release("c1", [own.name, shared.name])
    assert list(bench.book.volumes) == [shared.name]
    await bench.lifecycle.release("c1", [own.name, shared.name])  # again, after a crash


async def test_container_goes_though_its_volume_stays(bench: Bench) -> None:
    (own,) = await bench.lifecycle.provide("c1", [VolumeWish()])
    bench.disk.busy.add(own.name)
    await bench.lifecycle.release("c1", [own.name])
    assert own.name in bench.book.volumes


async def test_prune_removes_what_nobody_uses_and_counts_bytes(bench: Bench) -> None:
    for name in ("used", "free", "stuck"):
        await bench.lifecycle.create(VolumeWish(name=name), "c1" if name == "used" else "")
        bench.disk.content[name] = {"f": b"12345"}
    bench.disk.busy.add("stuck")
    report = await bench.lifecycle.prune(pruning({}, everything=True))
    assert (report.volumes_deleted, report.space_reclaimed) == (["free"], 5)
    assert bench.store.journal[-1] == "prune"
    assert set(bench.book.volumes) == {"used", "stuck"}


async def test_second_prune_waits_for_the_first(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    await bench.lifecycle.create(VolumeWish(name="vol"))
    bench.disk.delays["size"] = 10
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.lifecycle.prune, pruning({}, everything=True))
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        report = await bench.lifecycle.prune(pruning({}, everything=True))
        assert trio.current_time() - began == pytest.approx(10)
    assert report.volumes_deleted == []


async def test_volume_taken_by_a_container_during_a_prune_is_spared(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    for name in ("aa", "bb"):
        await bench.lifecycle.create(VolumeWish(name=name))
    bench.disk.delays["size"] = 10
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.lifecycle.prune, pruning({}, everything=True))
        await trio.testing.wait_all_tasks_blocked()
        await bench.lifecycle.create(VolumeWish(name="bb"), "c1")
    assert list(bench.book.volumes) == ["bb"]
