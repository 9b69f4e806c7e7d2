"""The images room on a real containerd, against images that a dockerd has saved."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.client import Containerd
from engine.adapters.containerd.process import EmbeddedContainerd
from tests.fakes.image_archives import config_of, docker_archive, tar_of
from tests.fakes.images_room import Room, images_room

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("containerd") is None, reason="needs containerd"),
]


@pytest.fixture
async def containerd(tmp_path: Path) -> AsyncIterator[Containerd]:
    """A containerd of its own, in a namespace of its own."""
    process = EmbeddedContainerd(tmp_path / "data", tmp_path / "exec")
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: process.run(task_status=task_status))
        control, bulk = Channel(process.socket), Channel(process.socket)
        for channel in (control, bulk):
            await nursery.start(channel.run)
        namespace = f"images-{uuid.uuid4().hex[:8]}"
        client = Containerd(control, bulk, namespace=namespace)
        await client.namespaces.create(namespace)
        yield client
        await process.stop()
        nursery.cancel_scope.cancel()


@pytest.fixture
async def room(containerd: Containerd) -> AsyncIterator[Room]:
    async with images_room(containerd) as room:
        yield room


async def test_try(room: Room, containerd: Containerd, tmp_path: Path) -> None:
    layer = tar_of({"etc/motd": b"hello"})
    config = config_of([layer], Cmd=["sh"])
    print(await room.load(docker_archive((config, [layer], ["a:1", "b:2"])), quiet=False))
    print(room.images.list())
    print(room.images.inspect("a:1"))
    print(room.images.history("a:1"))
    data = await room.save("a:1")
    print(len(data))
    print(await room.remove("a:1"), await room.remove("b:2"))
    print(room.events)
    await containerd.images.list()
    await trio.sleep(1)
    print(await containerd.content.list(), await containerd.snapshots.list())
    print(await room.load(data))
