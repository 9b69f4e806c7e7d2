"""The images room on a real containerd, and its archives on a real dockerd where one is given.

The dockerd is named by TRIMARAN_PEER, a DOCKER_HOST; it must have busybox:latest.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.client import Containerd
from engine.adapters.containerd.process import EmbeddedContainerd
from engine.errors import InvalidParameter
from tests.contracts.image_stores import CHECKS
from tests.fakes.image_archives import config_of, digest_of, docker_archive, tar_of
from tests.fakes.images_room import Room, images_room

PEER = os.environ.get("TRIMARAN_PEER", "")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("containerd") is None, reason="needs containerd"),
]
with_peer = pytest.mark.skipif(not PEER, reason="needs a dockerd at TRIMARAN_PEER")

LAYER = tar_of({"etc/motd": b"hello"})
CONFIG = config_of([LAYER], Cmd=["sh"])
ARCHIVE = docker_archive((CONFIG, [LAYER], ["a:1"]))


@pytest.fixture
async def containerd(tmp_path: Path) -> AsyncIterator[Containerd]:
    """A containerd of its own, in a namespace of its own."""
    process = EmbeddedContainerd(tmp_path / "data", tmp_path / "exec")
    ended = trio.Event()

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        await process.run(task_status=task_status)
        ended.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        control, bulk = Channel(process.socket), Channel(process.socket)
        for channel in (control, bulk):
            await nursery.start(channel.run)
        namespace = f"images-{uuid.uuid4().hex[:8]}"
        client = Containerd(control, bulk, namespace=namespace)
        await client.namespaces.create(namespace)
        yield client
        await process.stop()
        await ended.wait()
        nursery.cancel_scope.cancel()


@pytest.fixture
async def room(containerd: Containerd) -> AsyncIterator[Room]:
    async with images_room(containerd) as room:
        yield room


async def docker(*arguments: str, stdin: bytes = b"") -> bytes:
    command = ["docker", "-H", PEER, *arguments]
    return (await trio.run_process(command, stdin=stdin, capture_stdout=True)).stdout


async def left_over(containerd: Containerd) -> list[Any]:
    return [
        *await containerd.content.list(),
        *await containerd.content.statuses(),
        *await containerd.snapshots.list(),
        *await containerd.images.list(),
        *await containerd.leases.list(),
    ]


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_containerd_keeps_the_contract(
    containerd: Containerd, check: Callable[[Any], Awaitable[None]]
) -> None:
    await check(containerd)


async def test_image_is_loaded_saved_loaded_again_and_removed(
    room: Room, containerd: Containerd
) -> None:
    assert await room.load(ARCHIVE) == [{"stream": "Loaded image: a:1\n"}]
    image = room.images.resolve("a:1")
    assert image.id == digest_of(CONFIG)
    assert await room.images.unpacked(image) == digest_of(LAYER)
    saved = await room.save("a:1")
    assert await room.remove("a:1") == ["a:1", image.id, digest_of(LAYER)]
    assert await left_over(containerd) == []
    await room.load(saved)
    assert room.images.resolve("a:1").target == image.target


async def test_imported_root_can_be_mounted(room: Room, containerd: Containerd) -> None:
    id = await room.import_(LAYER, repo="imp", changes=["CMD sh"])
    chain = await room.images.unpacked(room.images.resolve("imp"))
    mounts = await containerd.snapshots.view("look", chain)
    source = Path(mounts[0].source)
    assert (source / "etc/motd").read_bytes() == b"hello"
    await containerd.snapshots.remove("look")
    assert room.images.inspect("imp:latest").id == id


async def test_refused_archive_leaves_nothing(room: Room, containerd: Containerd) -> None:
    with pytest.raises(InvalidParameter, match="invalid diffID"):
        await room.load(docker_archive((CONFIG, [tar_of({"x": b"y"})], ["a:1"])))
    assert await left_over(containerd) == []


async def test_cancelled_load_leaves_nothing(room: Room, containerd: Containerd) -> None:
    big = tar_of({"l": os.urandom(8 << 20)})

    class Body:
        taken = 0

        def __aiter__(self) -> Body:
            return self

        async def __anext__(self) -> bytes:
            if self.taken >= 6 << 20:
                nursery.cancel_scope.cancel()
            self.taken += 1 << 16
            return big[self.taken - (1 << 16) : self.taken]

    async def load() -> None:
        async for _ in room.images.load(Body()):
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(load)
    assert await left_over(containerd) == []


async def test_killed_load_is_cleaned_up_by_the_next_life(
    room: Room, containerd: Containerd
) -> None:
    """What a killed daemon leaves: a lease, with a blob, half a blob and a snapshot under it."""
    async with images_room(containerd) as killed:
        keeper = killed.images.ingest()
        ingest = await keeper.__aenter__()
        await ingest.put(LAYER, "m")
        lease = (await containerd.leases.list())[0].id
        async with containerd.content.writer("half", lease=lease) as writer:
            await writer.write(b"x")
        await containerd.snapshots.prepare("half", "", lease=lease)
        assert await left_over(containerd)
        async with images_room(containerd) as next_life:
            await next_life.images.refresh()
        await containerd.leases.create("collector")
        await containerd.leases.delete("collector", sync=True)
        assert await left_over(containerd) == []
        await keeper.__aexit__(None, None, None)


async def test_next_life_knows_the_same_images(room: Room, containerd: Containerd) -> None:
    await room.load(ARCHIVE)
    await room.import_(LAYER)
    async with images_room(containerd) as next_life:
        assert {each.id: each.names for each in next_life.images.everything()} == {
            each.id: each.names for each in room.images.everything()
        }
        assert next_life.images.inspect("a:1") == room.images.inspect("a:1")


@with_peer
async def test_image_of_a_dockerd_has_the_same_id_here(room: Room) -> None:
    await room.load(await docker("save", "busybox"))
    ours = room.images.inspect("busybox")
    (theirs,) = json.loads(await docker("image", "inspect", "busybox"))
    assert (ours.id, ours.repo_tags, ours.created) == (
        theirs["Id"],
        ["busybox:latest"],
        theirs["Created"],
    )
    assert ours.root_fs.layers == theirs["RootFS"]["Layers"]
    assert ours.config is not None
    assert ours.config.cmd == theirs["Config"]["Cmd"]
    assert len(room.images.history("busybox")) == 1


@with_peer
async def test_saved_image_keeps_its_id_on_a_dockerd(room: Room) -> None:
    name = f"trimaran-test-{uuid.uuid4().hex[:8]}"
    id = await room.import_(LAYER, repo=name, tag="v1", message="from here")
    printed = await docker("load", stdin=await room.save(f"{name}:v1"))
    try:
        assert f"Loaded image: {name}:v1" in printed.decode()
        (theirs,) = json.loads(await docker("image", "inspect", f"{name}:v1"))
        assert theirs["Id"] == id
    finally:
        await docker("rmi", f"{name}:v1")
