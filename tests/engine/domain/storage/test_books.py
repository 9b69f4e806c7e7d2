from __future__ import annotations

import pytest

from engine.domain.storage.books import LayerIndex, chain_of, held, places
from engine.errors import Unavailable
from engine.models.runtime import Mount
from tests.fakes.containerd import Blob, FakeContainerd, Snapshot

REF = "containerd.io/gc.ref.content"


def test_what_an_image_holds_follows_the_labels() -> None:
    content = [
        Blob("sha256:index", b"", {f"{REF}.m.1": "sha256:manifest"}),
        Blob("sha256:manifest", b"", {f"{REF}.config": "sha256:config", f"{REF}.l.0": "sha256:l0"}),
        Blob("sha256:config", b"", {"containerd.io/gc.ref.snapshot.overlayfs": "sha256:top"}),
        Blob("sha256:l0", b"", {"other": "sha256:stray"}),
        Blob("sha256:stray", b"", {}),
    ]
    snapshots = [
        Snapshot("sha256:top", "sha256:base", "committed", {}),
        Snapshot("sha256:base", "", "committed", {}),
        Snapshot("sha256:else", "sha256:base", "committed", {}),
    ]
    assert held(["sha256:index"], content, snapshots) == {
        "sha256:index",
        "sha256:manifest",
        "sha256:config",
        "sha256:l0",
        "sha256:top",
        "sha256:base",
    }


def test_labels_in_a_circle_end() -> None:
    content = [
        Blob("sha256:aa", b"", {f"{REF}.1": "sha256:bb"}),
        Blob("sha256:bb", b"", {f"{REF}.1": "sha256:aa"}),
    ]
    assert held(["sha256:aa"], content, []) == {"sha256:aa", "sha256:bb"}


def overlay(*options: str) -> list[Mount]:
    return [Mount("overlay", "overlay", options=options)]


@pytest.mark.parametrize(
    ("mounts", "chain", "expected"),
    [
        (overlay("upperdir=/s/3/fs", "lowerdir=/s/2/fs:/s/1/fs"), ["c", "b", "a"], {"/s/3": "c", "/s/2": "b", "/s/1": "a"}),
        (overlay("lowerdir=/s/2/fs:/s/1/fs"), ["b", "a"], {"/s/2": "b", "/s/1": "a"}),
        ([Mount("bind", "/s/1/fs")], ["a"], {"/s/1": "a"}),
        ([], ["a"], {}),
    ],
)  # fmt: skip
def test_mounts_tell_the_places(
    mounts: list[Mount], chain: list[str], expected: dict[str, str]
) -> None:
    assert places(mounts, chain) == expected


def test_chain_goes_down_to_the_first() -> None:
    assert chain_of("c", {"c": "b", "b": "a", "a": ""}) == ["c", "b", "a"]


async def filled() -> FakeContainerd:
    stores = FakeContainerd()
    own = {"io.trimaran.engine": "e", "containerd.io/gc.root": "x"}
    stores.snapshots.snapshots = {
        "base": Snapshot("base", "", "committed", own),
        "top": Snapshot("top", "base", "committed", own),
        "run": Snapshot("run", "top", "active", own),
        "lone": Snapshot("lone", "", "committed", own),
        "bare": Snapshot("bare", "", "active", own),
    }
    return stores


async def test_every_snapshot_gets_its_place_and_nothing_is_left_of_the_looks() -> None:
    stores = await filled()
    index = LayerIndex(stores, "e")
    found = await index.directories(await stores.snapshots.list())
    assert sorted(found.values()) == ["bare", "base", "lone", "run", "top"]
    for path, name in found.items():
        assert stores.snapshots.directory(name) == path
    assert stores.leases.leases == {}


async def test_what_is_known_is_not_looked_at_again() -> None:
    stores = await filled()
    index = LayerIndex(stores, "e")
    stores.leases.collect = lambda: None  # the views stay, to be counted
    await index.directories(await stores.snapshots.list())
    looks = sum(each.kind == "view" for each in stores.snapshots.snapshots.values())
    known = [each for each in await stores.snapshots.list() if each.kind != "view"]
    await index.directories(known)
    assert sum(each.kind == "view" for each in stores.snapshots.snapshots.values()) == looks == 1


async def test_what_has_gone_is_forgotten() -> None:
    stores = await filled()
    index = LayerIndex(stores, "e")
    await index.directories(await stores.snapshots.list())
    del stores.snapshots.snapshots["bare"]
    assert "bare" not in (await index.directories(await stores.snapshots.list())).values()


async def test_look_that_fails_gives_its_lease_back() -> None:
    stores = await filled()

    async def view(*_: object, **__: object) -> list[Mount]:
        raise Unavailable("containerd is away")

    stores.snapshots.view = view  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await LayerIndex(stores, "e").directories(await stores.snapshots.list())
    assert stores.leases.leases == {}
