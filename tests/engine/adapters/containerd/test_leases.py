from __future__ import annotations

import pytest

from engine.adapters.containerd import AlreadyExists, Resource
from engine.adapters.containerd.leases import EXPIRE_LABEL
from engine.errors import NotFound
from tests.engine.adapters.containerd.conftest import Rig

pytestmark = pytest.mark.integration


async def test_leased_content_stays_until_the_lease_goes(rig: Rig) -> None:
    client = rig.client
    await client.leases.create("pull", {"k": "v"}, expire_s=3600)
    async with client.content.writer("ref", lease="pull") as writer:
        await writer.write(b"hello")
        digest = await writer.commit()
    (lease,) = await client.leases.list()
    assert lease.id == "pull"
    assert lease.labels["k"] == "v"
    assert lease.labels[EXPIRE_LABEL].endswith("Z")
    assert Resource(digest, "content") in await client.leases.list_resources("pull")
    assert (await client.content.info(digest)).size == 5
    await client.leases.delete("pull", sync=True)
    with pytest.raises(NotFound):
        await client.content.info(digest)


async def test_leased_snapshot_stays_until_its_resource_is_taken_out(rig: Rig) -> None:
    client = rig.client
    await client.leases.create("one")
    with pytest.raises(AlreadyExists):
        await client.leases.create("one")
    await client.snapshots.prepare("work", lease="one")
    resource = Resource("work", "snapshots/overlayfs")
    assert await client.leases.list_resources("one") == [resource]
    await client.leases.delete_resource("one", resource)
    assert await client.leases.list_resources("one") == []
    await client.leases.add_resource("one", resource)
    assert await client.leases.list_resources("one") == [resource]
