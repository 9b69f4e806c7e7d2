from __future__ import annotations

import pytest

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
