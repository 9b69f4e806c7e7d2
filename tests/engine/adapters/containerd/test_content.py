from __future__ import annotations

import hashlib
import os

import pytest
import trio

from engine.adapters.containerd import Containerd, FailedPrecondition
from engine.errors import InvalidParameter, NotFound
from tests.engine.adapters.containerd.conftest import Rig

pytestmark = pytest.mark.integration

MEGABYTE = 1024 * 1024
ROOT = {"containerd.io/gc.root": "test"}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


async def put(client: Containerd, data: bytes, ref: str = "ref") -> str:
    async with client.content.writer(ref, expected=digest_of(data), labels=ROOT) as writer:
        await writer.write(data)
        return await writer.commit(len(data))


async def test_64_megabytes_survive_both_ways(rig: Rig) -> None:
    data = os.urandom(4 * MEGABYTE) * 16
    digest = await put(rig.client, data)
    assert digest == digest_of(data)
    checksum = hashlib.sha256()
    async for piece in rig.client.content.read(digest):
        checksum.update(piece)
    assert "sha256:" + checksum.hexdigest() == digest
    assert (await rig.client.content.info(digest)).size == len(data)
    assert rig.bulk.open_streams == 0


async def test_reads_and_calls_go_on_beside_each_other(rig: Rig) -> None:
    data = os.urandom(8 * MEGABYTE)
    digest = await put(rig.client, data)
    lengths = []

    async def read() -> None:
        length = 0
        async for piece in rig.client.content.read(digest):
            length += len(piece)
        lengths.append(length)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(read)
            nursery.start_soon(rig.client.version)
    assert lengths == [len(data)] * 8


async def test_abandoned_reads_leave_the_connection_as_it_was(rig: Rig) -> None:
    data = os.urandom(16 * MEGABYTE)
    digest = await put(rig.client, data)
    # More bytes than the connection's window: were they not returned, the last read would hang.
    for _ in range(20):
        async with rig.client.content.read(digest) as pieces:
            async for _ in pieces:
                break
    with trio.fail_after(20):
        assert await rig.client.content.read_all(digest) == data
    assert rig.bulk.open_streams == 0


async def test_cancelled_read_leaks_no_stream(rig: Rig) -> None:
    digest = await put(rig.client, os.urandom(32 * MEGABYTE))
    with trio.CancelScope() as scope:
        async for _ in rig.client.content.read(digest):
            scope.cancel()
    assert scope.cancelled_caught
    assert rig.bulk.open_streams == 0


async def test_stalled_readers_do_not_stop_the_others(rig: Rig) -> None:
    data = os.urandom(8 * MEGABYTE)
    digest = await put(rig.client, data)
    stalled = [rig.client.content.read(digest) for _ in range(6)]
    for reader in stalled:
        await reader.__anext__()
    with trio.fail_after(20):
        assert len(await rig.client.content.read_all(digest)) == len(data)
    for reader in stalled:
        await reader.aclose()
    assert rig.bulk.open_streams == 0


async def test_part_of_a_blob_is_read_by_offset_and_size(rig: Rig) -> None:
    digest = await put(rig.client, b"0123456789")
    assert [p async for p in rig.client.content.read(digest, 2, 5)] == [b"23456"]
    with pytest.raises(InvalidParameter, match="longer than 4 bytes"):
        await rig.client.content.read_all(digest, limit=4)


async def test_upload_left_half_way_is_resumed(rig: Rig) -> None:
    content = rig.client.content
    async with content.writer("half", size=10, labels=ROOT) as writer:
        await writer.write(b"01234")
    status = await content.status("half")
    assert (status.offset, status.total) == (5, 10)
    assert [one.ref for one in await content.statuses()] == ["half"]
    async with content.writer("half", size=10, labels=ROOT) as writer:
        assert writer.offset == 5
        await writer.write(b"56789")
        digest = await writer.commit()
    assert digest == digest_of(b"0123456789")
    assert await content.read_all(digest) == b"0123456789"


async def test_aborted_upload_is_gone(rig: Rig) -> None:
    content = rig.client.content
    async with content.writer("ref") as writer:
        await writer.write(b"x")
    await content.abort("ref")
    with pytest.raises(NotFound):
        await content.status("ref")


async def test_content_that_is_there_needs_no_upload(rig: Rig) -> None:
    digest = await put(rig.client, b"hello")
    async with rig.client.content.writer("again", size=5, expected=digest) as writer:
        assert writer.exists
        await writer.write(b"hello")
        assert await writer.commit() == digest


async def test_content_that_came_meanwhile_commits_as_well(rig: Rig) -> None:
    digest = digest_of(b"hello")
    async with rig.client.content.writer("slow") as writer:
        await writer.write(b"hello")
        await put(rig.client, b"hello")
        assert await writer.commit(5, digest) == digest


async def test_wrong_digest_is_refused(rig: Rig) -> None:
    async with rig.client.content.writer("ref") as writer:
        await writer.write(b"hello")
        with pytest.raises(FailedPrecondition):
            await writer.commit(5, digest_of(b"other"))
    assert rig.bulk.open_streams == 0


async def test_labels_are_merged_and_empty_ones_removed(rig: Rig) -> None:
    content = rig.client.content
    digest = await put(rig.client, b"hello")
    await content.update_labels(digest, {"a.b/c": "1", "d": "2"})
    info = await content.update_labels(digest, {"d": ""})
    assert info.labels == {**ROOT, "a.b/c": "1"}
    assert [one.digest for one in await content.list('labels."a.b/c"==1')] == [digest]
    await content.delete(digest)
    with pytest.raises(NotFound):
        await content.info(digest)
