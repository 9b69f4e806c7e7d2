from __future__ import annotations

from engine.domain.storage.account import Accountant, balance, with_init
from engine.domain.storage.owners import BLOBS, LAYERS, OWNERS, UPLOADS, Known
from engine.domain.storage.ports import Unit
from tests.engine.domain.images.samples import ARCHIVE
from tests.fakes.containerd import FakeContainerd, Snapshot
from tests.fakes.images_room import images_room
from tests.fakes.storage import ENGINE_ID, FakeDisk

WEB = "a" * 64


def test_everything_is_counted_once() -> None:
    units = [Unit("state.db", 1), Unit("tmp/a", 2), Unit("tmp/b", 3), Unit("else", 4)]
    account = balance(units, Known())
    assert account.total == 10
    assert set(account.owners) == set(OWNERS)
    assert (account.owners["unowned"].bytes, account.owners["unowned"].items) == (5, 2)
    assert [each.path for each in account.unowned] == ["tmp/a", "tmp/b"]


def test_layer_between_image_and_container_is_the_images() -> None:
    assert with_init(frozenset({"sha256:x"})) == {"sha256:x", "init-sha256:x"}


async def test_images_containers_and_strays_are_told_apart() -> None:
    stores = FakeContainerd()
    async with images_room(stores) as room:
        await room.load(ARCHIVE)
        (image,) = room.images.everything()
        own = {"containerd.io/gc.root": "x"}
        init = f"init-{image.chain_id}"
        stores.snapshots.snapshots[init] = Snapshot(init, image.chain_id, "committed", own)
        stores.snapshots.snapshots[WEB] = Snapshot(WEB, init, "active", own)
        files = {
            f"{stores.snapshots.directory(name).removeprefix('/data/')}/fs/x": 10
            for name in stores.snapshots.snapshots
        }
        files |= {f"{BLOBS}/{each.removeprefix('sha256:')}": 100 for each in stores.content.blobs}
        files |= {f"{LAYERS}/77/fs/x": 1000, "volumes/vol/_data/x": 2000, "state.db": 4000}
        disk = FakeDisk(files)
        accountant = Accountant(
            disk,
            stores,
            engine_id=ENGINE_ID,
            embedded=True,
            containers=lambda: [WEB],
            volumes=lambda: ["vol"],
        )
        owners = (await accountant.measure()).owners
        assert owners["images"].bytes == 100 * len(stores.content.blobs) + 10 * 3
        assert owners["containers"].bytes == 10
        assert owners["volumes"].bytes == 2000
        assert owners["unowned"].bytes == 1000
        assert owners["staging"].bytes == 0


async def test_layers_of_a_removed_image_are_kept_by_their_container() -> None:
    stores = FakeContainerd()
    own = {"containerd.io/gc.root": "x"}
    stores.snapshots.snapshots = {
        "sha256:x": Snapshot("sha256:x", "", "committed", {}),
        WEB: Snapshot(WEB, "sha256:x", "active", own),
    }
    disk = FakeDisk({f"{stores.snapshots.directory('sha256:x').removeprefix('/data/')}/fs/x": 5})
    accountant = Accountant(
        disk, stores, engine_id=ENGINE_ID, embedded=True, containers=lambda: [WEB], volumes=list
    )
    assert (await accountant.measure()).owners["images"].bytes == 5


async def test_containerd_of_the_hosts_own_is_not_asked() -> None:
    disk = FakeDisk({"state.db": 5})
    accountant = Accountant(
        disk, None, engine_id=ENGINE_ID, embedded=False, containers=list, volumes=list
    )  # type: ignore[arg-type]
    assert (await accountant.measure()).total == 5


async def test_what_managed_plugins_have_in_their_namespace_is_theirs() -> None:
    stores, plugins = FakeContainerd(), FakeContainerd()
    own = {"containerd.io/gc.root": "x"}
    layer = "plugin-layer-sha256:x"
    plugins.snapshots.snapshots[layer] = Snapshot(layer, "", "committed", own)
    await plugins.leases.create("installing", {})
    async with plugins.content.writer("r", lease="installing") as writer:
        await writer.write(b"blob")
        digest = await writer.commit()
    async with plugins.content.writer("pulling") as writer:
        await writer.write(b"half")
    directory = plugins.snapshots.directory(layer).removeprefix("/data/")
    files = {
        f"{directory}/fs/x": 10,
        f"{BLOBS}/{digest.removeprefix('sha256:')}": 100,
        f"{UPLOADS}/u/data": 1000,
        "plugins/id/rootfs/x": 2000,
    }
    accountant = Accountant(
        FakeDisk(files, refs={f"{UPLOADS}/u": "pulling"}),
        stores,
        engine_id=ENGINE_ID,
        embedded=True,
        containers=list,
        volumes=list,
        plugins=plugins,
    )
    owners = (await accountant.measure()).owners
    assert (owners["plugins"].bytes, owners["staging"].bytes) == (2110, 1000)
    assert owners["unowned"].bytes == owners["foreign"].bytes == 0
