from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.adapters.containerd import AlreadyExists, FailedPrecondition, Mount
from engine.errors import NotFound
from tests.engine.adapters.containerd.conftest import Rig
from tests.engine.adapters.containerd.rootfs import mounted

pytestmark = pytest.mark.integration

ROOT = {"containerd.io/gc.root": "test"}


@contextmanager
def at(rig: Rig, mounts: list[Mount]) -> Iterator[Path]:
    target = rig.base / "mnt"
    target.mkdir(exist_ok=True)
    with mounted(mounts, target):
        yield target


async def test_layers_are_prepared_committed_and_viewed(rig: Rig) -> None:
    snapshots = rig.client.snapshots
    with at(rig, await snapshots.prepare("work", labels=ROOT)) as target:
        (target / "file").write_text("lower")
    await snapshots.commit("lower", "work", labels=ROOT)
    with at(rig, await snapshots.prepare("upper", "lower", labels=ROOT)) as target:
        assert (target / "file").read_text() == "lower"
        (target / "file").write_text("changed" * 1000)
    size, inodes = await snapshots.usage("upper")
    assert size >= 7000
    assert inodes >= 1
    with at(rig, await snapshots.view("look", "lower")) as target:
        assert (target / "file").read_text() == "lower"
    assert await snapshots.mounts("upper") == await snapshots.mounts("upper")


async def test_snapshots_are_told_of_listed_and_removed(rig: Rig) -> None:
    snapshots = rig.client.snapshots
    await snapshots.prepare("work", labels=ROOT)
    with pytest.raises(AlreadyExists):
        await snapshots.prepare("work")
    await snapshots.commit("lower", "work", labels={**ROOT, "k": "v"})
    await snapshots.prepare("upper", "lower")
    info = await snapshots.stat("lower")
    assert (info.kind, info.parent, info.labels["k"]) == ("committed", "", "v")
    assert (await snapshots.update_labels("lower", {"k": ""})).labels == ROOT
    listed = {one.name: one.kind for one in await snapshots.list()}
    assert listed == {"lower": "committed", "upper": "active"}
    assert [one.name for one in await snapshots.list("parent==lower")] == ["upper"]
    with pytest.raises(FailedPrecondition):
        await snapshots.remove("lower")
    await snapshots.remove("upper")
    await snapshots.remove("lower")
    with pytest.raises(NotFound):
        await snapshots.stat("lower")
