"""What the images room relies on in containerd; the fake and the real one both pass it."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from engine.domain.images.ports import Descriptor, Resource
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound
from tests.fakes.image_archives import digest_of, tar_of

LAYER = tar_of({"etc/motd": b"hello"})
TAR = "application/vnd.oci.image.layer.v1.tar"
ABSENT = f"sha256:{'0' * 64}"


async def put(stores: Any, data: bytes, *, lease: str | None = None, ref: str = "r") -> str:
    async with stores.content.writer(ref, lease=lease) as writer:
        await writer.write(data[:10])
        await writer.write(data[10:])
        await writer.commit(len(data), digest_of(data), {"own": "1"})
    return digest_of(data)


async def content_is_kept_by_digest(stores: Any) -> None:
    digest = await put(stores, LAYER)
    assert await put(stores, LAYER, ref="again") == digest
    info = await stores.content.info(digest)
    assert (info.digest, info.size, dict(info.labels)) == (digest, len(LAYER), {"own": "1"})
    assert await stores.content.read_all(digest, len(LAYER)) == LAYER
    assert b"".join([piece async for piece in stores.content.read(digest)]) == LAYER
    with pytest.raises(InvalidParameter):
        await stores.content.read_all(digest, 10)


async def content_labels_are_merged(stores: Any) -> None:
    digest = await put(stores, LAYER)
    await stores.content.update_labels(digest, {"b": "2"})
    assert dict((await stores.content.info(digest)).labels) == {"own": "1", "b": "2"}
    await stores.content.update_labels(digest, {"own": ""})
    assert dict((await stores.content.info(digest)).labels) == {"b": "2"}


async def absent_content_is_not_found(stores: Any) -> None:
    for call in (
        lambda: stores.content.info(ABSENT),
        lambda: stores.content.read_all(ABSENT, 10),
        lambda: stores.content.update_labels(ABSENT, {"a": "b"}),
    ):
        with pytest.raises(NotFound):
            await call()


async def content_of_another_digest_is_refused(stores: Any) -> None:
    async with stores.content.writer("bad") as writer:
        await writer.write(b"x")
        with pytest.raises(EngineError):
            await writer.commit(1, ABSENT, {})


async def writer_knows_content_that_is_there(stores: Any) -> None:
    digest = await put(stores, LAYER)
    async with stores.content.writer("w1", expected=digest) as writer:
        assert writer.exists
    async with stores.content.writer("w2", expected=ABSENT) as writer:
        assert not writer.exists


async def upload_begun_without_a_lease_is_resumed_after_the_lease_is_gone(stores: Any) -> None:
    digest = digest_of(LAYER)
    with pytest.raises(NotFound):
        await stores.content.status("d")
    await stores.leases.create("one", {})
    async with stores.content.writer("d", expected=digest):
        pass
    async with stores.content.writer("d", expected=digest, lease="one") as writer:
        assert writer.offset == 0
        await writer.write(LAYER[:100])
        assert writer.offset == 100
    await stores.leases.delete("one", sync=True)
    await stores.content.status("d")
    await stores.leases.create("two", {})
    async with stores.content.writer("d", expected=digest, lease="two") as writer:
        assert writer.offset == 100
        await writer.write(LAYER[100:])
        await writer.commit(len(LAYER), digest, {"own": "1"})
    assert await stores.content.read_all(digest, len(LAYER)) == LAYER
    await stores.leases.delete("two", sync=True)
    with pytest.raises(NotFound):
        await stores.content.info(digest)


async def upload_of_another_digest_is_a_conflict_until_it_is_aborted(stores: Any) -> None:
    for expected in (0, 0):
        async with stores.content.writer("d", expected=ABSENT) as writer:
            assert writer.offset == expected
            await writer.write(LAYER)
            with pytest.raises(Conflict):
                await writer.commit(len(LAYER), ABSENT, {})
        await stores.content.abort("d")


async def image_records_are_made_once_and_found_by_label(stores: Any) -> None:
    target = Descriptor(TAR, await put(stores, LAYER), len(LAYER))
    await stores.images.create("a:1", target, {"io.trimaran.engine": "e", "x": "1"})
    with pytest.raises(Conflict):
        await stores.images.create("a:1", target, {})
    await stores.images.create("b:1", target, {"io.trimaran.engine": "f"})
    (found,) = await stores.images.list('labels."io.trimaran.engine"=="e"')
    assert (found.name, found.target.digest, found.target.size) == (
        "a:1",
        target.digest,
        len(LAYER),
    )
    await stores.images.update("a:1", target, {"x": "", "y": "2"})
    record = await stores.images.get("a:1")
    assert dict(record.labels) == {"io.trimaran.engine": "e", "y": "2"}
    assert record.updated_at > 0
    await stores.images.delete("a:1")
    for call in (stores.images.get, stores.images.delete):
        with pytest.raises(NotFound):
            await call("a:1")


async def layer_is_applied_and_committed_once(stores: Any) -> None:
    packed = gzip.compress(LAYER)
    digest = await put(stores, packed)
    await stores.leases.create("l", {})
    mounts = await stores.snapshots.prepare("k", "", labels={}, lease="l")
    applied = await stores.diff.apply(Descriptor(f"{TAR}+gzip", digest, len(packed)), mounts)
    assert applied.digest == digest_of(LAYER)
    await stores.snapshots.commit("chain", "k", labels={"own": "1"}, lease="l")
    assert dict((await stores.snapshots.stat("chain")).labels)["own"] == "1"
    size, _ = await stores.snapshots.usage("chain")
    assert size > 0
    await stores.snapshots.prepare("k2", "chain", labels={}, lease="l")
    with pytest.raises(Conflict):
        await stores.snapshots.commit("chain", "k2", labels={}, lease="l")
    await stores.snapshots.remove("k2")
    for call in (stores.snapshots.stat, stores.snapshots.remove):
        with pytest.raises(NotFound):
            await call("k2")


async def lease_holds_what_nothing_else_does(stores: Any) -> None:
    await stores.leases.create("l", {"io.trimaran.engine": "e", "x": "true"}, expire_s=60)
    digest = await put(stores, LAYER, lease="l")
    await stores.snapshots.prepare("k", "", labels={}, lease="l")
    await stores.snapshots.commit("chain", "k", labels={}, lease="l")
    assert [each.id for each in await stores.leases.list('labels."io.trimaran.engine"=="e",labels."x"==true')] == ["l"]  # fmt: skip
    await collect(stores)
    await stores.content.info(digest)
    await stores.leases.delete("l", sync=True)
    with pytest.raises(NotFound):
        await stores.content.info(digest)
    with pytest.raises(NotFound):
        await stores.snapshots.stat("chain")
    with pytest.raises(NotFound):
        await stores.leases.delete("l")


async def labels_tie_a_tree_to_its_record(stores: Any) -> None:
    await stores.leases.create("l", {})
    config = await put(stores, b"some config", lease="l")
    manifest = await put(stores, b"some manifest", lease="l")
    await stores.snapshots.prepare("k", "", labels={}, lease="l")
    await stores.snapshots.commit("chain", "k", labels={}, lease="l")
    ref = "containerd.io/gc.ref"
    await stores.content.update_labels(manifest, {f"{ref}.content.config": config})
    await stores.content.update_labels(config, {f"{ref}.snapshot.overlayfs": "chain"})
    await stores.images.create("a:1", Descriptor("m", manifest, 13), {})
    await stores.leases.delete("l", sync=True)
    await stores.snapshots.stat("chain")
    await stores.content.info(config)


async def lease_can_hold_what_is_there_already(stores: Any) -> None:
    await stores.leases.create("one", {})
    digest = await put(stores, LAYER, lease="one")
    await stores.snapshots.prepare("k", "", labels={}, lease="one")
    await stores.snapshots.commit("chain", "k", labels={}, lease="one")
    await stores.leases.create("two", {})
    async with stores.content.writer("w", expected=digest, lease="two") as writer:
        assert writer.exists
    await stores.leases.add_resource("two", Resource("chain", "snapshots/overlayfs"))
    await stores.leases.delete("one", sync=True)
    await stores.content.info(digest)
    await stores.snapshots.stat("chain")


async def collect(stores: Any) -> None:
    await stores.leases.create("collector", {})
    await stores.leases.delete("collector", sync=True)


CHECKS = [
    content_is_kept_by_digest,
    content_labels_are_merged,
    absent_content_is_not_found,
    content_of_another_digest_is_refused,
    writer_knows_content_that_is_there,
    upload_begun_without_a_lease_is_resumed_after_the_lease_is_gone,
    upload_of_another_digest_is_a_conflict_until_it_is_aborted,
    image_records_are_made_once_and_found_by_label,
    layer_is_applied_and_committed_once,
    lease_holds_what_nothing_else_does,
    labels_tie_a_tree_to_its_record,
    lease_can_hold_what_is_there_already,
]
