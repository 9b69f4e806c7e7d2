from __future__ import annotations

import pytest
import trio

from engine.adapters.containerd import AlreadyExists
from tests.engine.adapters.containerd.conftest import Rig

pytestmark = pytest.mark.integration


async def test_server_tells_version_plugins_and_identity(rig: Rig) -> None:
    version, _ = await rig.client.version()
    assert version.startswith(("1.", "2."))
    plugins = {plugin.id: plugin for plugin in await rig.client.plugins()}
    assert plugins["overlayfs"].error == ""
    assert "cri" not in plugins
    assert all(plugins[name].error == "" for name in ("tasks", "content", "snapshots", "leases"))
    assert await rig.client.uuid() == await rig.client.uuid()


async def test_namespaces_are_made_listed_and_deleted(rig: Rig) -> None:
    namespaces = rig.client.namespaces
    await namespaces.create("other", {"k": "v"})
    with pytest.raises(AlreadyExists):
        await namespaces.create("other")
    assert (await namespaces.list())["other"] == {"k": "v"}
    assert await rig.client.in_namespace("other").containers.list() == []
    await namespaces.delete("other")
    assert "other" not in await namespaces.list()


async def test_calls_cancelled_at_any_moment_leak_nothing(rig: Rig) -> None:
    async def call(patience: float) -> None:
        with trio.move_on_after(patience):
            await rig.client.plugins()

    async def events(patience: float) -> None:
        with trio.move_on_after(patience):
            async with rig.client.events() as stream:
                async for _ in stream:
                    pass

    async with trio.open_nursery() as nursery:
        for step in range(150):
            nursery.start_soon(call, step / 5000)
            nursery.start_soon(events, step / 5000)
    assert rig.control.open_streams == 0
    assert rig.control.generation == 1
    assert await rig.client.plugins()
