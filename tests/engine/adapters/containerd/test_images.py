from __future__ import annotations

import pytest

from engine.adapters.containerd import AlreadyExists, Descriptor
from engine.errors import NotFound
from tests.engine.adapters.containerd.conftest import Rig

pytestmark = pytest.mark.integration

TARGET = Descriptor("application/vnd.oci.image.manifest.v1+json", "sha256:" + "0" * 64, 7)
OTHER = Descriptor("application/vnd.oci.image.index.v1+json", "sha256:" + "1" * 64, 8, {"k": "v"})


async def test_names_are_made_moved_listed_and_deleted(rig: Rig) -> None:
    images = rig.client.images
    made = await images.create("docker.io/library/a:latest", TARGET, {"l": "1", "m": "2"})
    assert await images.get(made.name) == made
    assert made.target == TARGET
    with pytest.raises(AlreadyExists):
        await images.create(made.name, TARGET)
    moved = await images.update(made.name, OTHER, {"m": ""})
    assert (moved.target, moved.labels) == (OTHER, {"l": "1"})
    assert [image.name for image in await images.list(f"target.digest=={OTHER.digest}")] == [
        made.name
    ]
    await images.delete(made.name, sync=True)
    assert await images.list() == []
    with pytest.raises(NotFound):
        await images.delete(made.name)
