from __future__ import annotations

import pytest
import trio
from google.protobuf.message import Message

from engine.adapters.containerd.calls import Calls
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.gen import introspection_pb2, namespaces_pb2, version_pb2
from engine.adapters.containerd.server import Namespaces, Server
from engine.errors import Conflict
from tests.engine.adapters.containerd.conftest import Rig
from tests.engine.adapters.containerd.fake_server import FakeServer


async def calls_of(server: FakeServer, nursery: trio.Nursery, answer: Message) -> Calls:
    data = answer.SerializeToString()
    server.answer = lambda connection, stream_id: connection.answer(stream_id, data)
    channel = Channel(server.path)
    await nursery.start(channel.run)
    return Calls(channel, "ns")


async def test_version_is_told_with_its_revision(server: FakeServer, nursery: trio.Nursery) -> None:
    answer = version_pb2.VersionResponse(version="1.6.20", revision="abc")
    assert await Server(await calls_of(server, nursery, answer)).version() == ("1.6.20", "abc")


async def test_plugins_are_told_with_why_they_did_not_start(
    server: FakeServer, nursery: trio.Nursery
) -> None:
    answer = introspection_pb2.PluginsResponse(
        plugins=[
            introspection_pb2.Plugin(type="t", id="overlayfs", capabilities=["x"]),
            introspection_pb2.Plugin(type="t", id="zfs", exports={"root": "/r"}),
        ]
    )
    answer.plugins[1].init_err.message = "no zfs"
    good, bad = await Server(await calls_of(server, nursery, answer)).plugins()
    assert (good.id, good.capabilities, good.error) == ("overlayfs", ("x",), "")
    assert (bad.id, bad.exports, bad.error) == ("zfs", {"root": "/r"}, "no zfs")


async def test_namespaces_are_told_with_their_labels(
    server: FakeServer, nursery: trio.Nursery
) -> None:
    namespace = namespaces_pb2.Namespace(name="moby", labels={"a": "b"})
    answer = namespaces_pb2.ListNamespacesResponse(namespaces=[namespace])
    assert await Namespaces(await calls_of(server, nursery, answer)).list() == {"moby": {"a": "b"}}


@pytest.mark.integration
async def test_containerd_answers_all_of_it(rig: Rig) -> None:
    calls = Calls(rig.control, rig.client.namespace)
    server, namespaces = Server(calls), Namespaces(calls)
    version, _ = await server.version()
    assert version.startswith(("1.", "2."))
    (plugin,) = await server.plugins("id==overlayfs")
    assert plugin.error == ""
    assert len(await server.uuid()) == 36
    await namespaces.create("mine", {"a": "b"})
    with pytest.raises(Conflict):
        await namespaces.create("mine")
    assert (await namespaces.list())["mine"] == {"a": "b"}
    await namespaces.delete("mine")
    assert "mine" not in await namespaces.list()
