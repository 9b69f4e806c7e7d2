from __future__ import annotations

import pytest

from engine.adapters.containerd import AlreadyExists, RuncOptions
from engine.errors import NotFound
from tests.engine.adapters.containerd.conftest import Rig

pytestmark = pytest.mark.integration


async def test_record_keeps_what_it_was_given(rig: Rig) -> None:
    containers = rig.client.containers
    made = await containers.create(
        "one",
        image="img",
        labels={"engine": "x"},
        runtime="io.containerd.runc.v2",
        runtime_options=RuncOptions(binary_name="runc", systemd_cgroup=False),
        spec=b'{"ociVersion":"1.0.2"}',
        snapshotter="overlayfs",
        snapshot_key="one",
    )
    assert await containers.get("one") == made
    assert (made.id, made.image, made.labels) == ("one", "img", {"engine": "x"})
    assert (made.snapshotter, made.snapshot_key) == ("overlayfs", "one")
    assert made.spec == b'{"ociVersion":"1.0.2"}'
    assert made.created_at > 1_700_000_000
    with pytest.raises(AlreadyExists):
        await containers.create("one", spec=b"{}")


async def test_labels_are_merged_and_the_spec_replaced(rig: Rig) -> None:
    containers = rig.client.containers
    await containers.create("one", labels={"a": "1", "b": "2"}, spec=b"{}")
    assert (await containers.update_labels("one", {"b": "", "c": "3"})).labels == {
        "a": "1",
        "c": "3",
    }
    assert (await containers.update_spec("one", b'{"x":1}')).spec == b'{"x":1}'
    assert (await containers.get("one")).labels == {"a": "1", "c": "3"}


async def test_list_filters_by_label_and_delete_removes(rig: Rig) -> None:
    containers = rig.client.containers
    for id in ("one", "two"):
        await containers.create(id, labels={"trimaran.engine": id}, spec=b"{}")
    found = await containers.list('labels."trimaran.engine"==two')
    assert [one.id for one in found] == ["two"]
    await containers.delete("two")
    assert [one.id for one in await containers.list()] == ["one"]
    with pytest.raises(NotFound, match='container "two"'):
        await containers.get("two")
