from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncGenerator

from engine.domain.images.facade import Image, Step
from engine.models.containers import ContainerConfig
from tests.fakes.containerd import FakeContainerd
from tests.fakes.images_room import Room, images_room


def tar(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


async def chunks(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def step(*command: str, **config: object) -> Step:
    return Step(
        config=ContainerConfig(**config), container_config=ContainerConfig(cmd=list(command))
    )  # type: ignore[arg-type]


async def base(room: Room) -> Image:
    return room.images.resolve(await room.import_(tar(f=b"1"), repo="base"))


async def test_a_step_adds_its_line_and_may_add_a_layer() -> None:
    stores = FakeContainerd()
    async with images_room(stores) as room, room.images.workbench() as bench:
        parent = await base(room)
        named = await bench.derive(parent, step("#(nop) ", "ENV a=b", env=["a=b"]))
        assert named.layers == parent.layers
        async with bench.space(named) as space:
            made = await bench.derive(named, step("x", "y"), (space, chunks(tar(g=b"2"))))
        assert len(made.chain_ids) == 2
        assert [each.created_by for each in made.config.history][-2:] == ["#(nop)  ENV a=b", "x y"]
        assert [each.empty_layer for each in made.config.history][-2:] == [True, False]
        assert made.parent == named.id
        assert room.images.children(named.id) == [made]


async def test_an_empty_layer_is_none() -> None:
    async with images_room(FakeContainerd()) as room, room.images.workbench() as bench:
        parent = await base(room)
        async with bench.space(parent) as space:
            made = await bench.derive(parent, step("x"), (space, chunks(bytes(1024))))
        assert made.chain_ids == parent.chain_ids
        assert made.config.history[-1].empty_layer


async def test_what_was_made_outlives_the_build_and_its_spaces_do_not() -> None:
    stores = FakeContainerd()
    async with images_room(stores) as room:
        parent = await base(room)
        async with room.images.workbench() as bench:
            async with bench.space(parent) as space:
                made = await bench.derive(parent, step("x"), (space, chunks(tar(g=b"2"))))
            async with bench.space(None), bench.view(made):
                pass
        assert made.chain_id in stores.snapshots.snapshots
        assert not [
            each for each in stores.snapshots.snapshots if each.startswith("trimaran-build")
        ]
        await room.images.refresh()
        assert room.images.resolve(made.id).parent == parent.id


async def test_removing_the_last_takes_its_nameless_ancestors_along() -> None:
    async with images_room(FakeContainerd()) as room, room.images.workbench() as bench:
        parent = await base(room)
        first = await bench.derive(parent, step("a"))
        second = await bench.derive(first, step("b"))
        await room.images.tag(second.id, "made", "1")
        assert {first.id, second.id} <= {each.id for each in room.images.list(all=True)}
        assert first.id not in {each.id for each in room.images.list()}
        history = room.images.history("made:1")
        assert [each.id for each in history] == [second.id, first.id, parent.id]
        await room.remove("made:1")
        assert [each.id for each in room.images.everything()] == [parent.id]


async def test_a_prune_leaves_the_steps_of_what_stays() -> None:
    async with images_room(FakeContainerd()) as room, room.images.workbench() as bench:
        parent = await base(room)
        first = await bench.derive(parent, step("a"))
        second = await bench.derive(first, step("b"))
        await room.images.tag(second.id, "made", "1")
        await room.images.prune({}, users=room.users)
        assert len(room.images.everything()) == 3


async def test_steps_are_restored_from_an_image_with_the_same_history() -> None:
    async with images_room(FakeContainerd()) as room, room.images.workbench() as bench:
        parent = await base(room)
        async with bench.space(parent) as space:
            first = await bench.derive(parent, step("a"), (space, chunks(tar(g=b"2"))))
        target = await bench.derive(first, step("b"))
        found = await bench.restore(parent, target, ContainerConfig(cmd=["a"]))
        assert found.chain_ids == first.chain_ids
        assert found.parent == parent.id
        await bench.adopt(target, found)
        assert room.images.resolve(target.id).parent == found.id
        await bench.hold(target)


async def test_flattening_keeps_the_history_and_makes_one_layer() -> None:
    async with images_room(FakeContainerd()) as room, room.images.workbench() as bench:
        parent = await base(room)
        top = parent
        for name in ("g", "h"):
            async with bench.space(top) as space:
                layer = (space, chunks(tar(**{name: b"2"})))
                top = await bench.derive(top, step(name), layer)
        flat = await bench.flatten(parent, top, "merge")
        assert (len(top.chain_ids), len(flat.chain_ids)) == (3, 2)
        assert flat.parent == ""
        lines = [(each.created_by, each.comment, each.empty_layer) for each in flat.config.history]
        assert lines[-3:] == [("g", "", True), ("h", "", True), ("", "merge", False)]
        assert len(flat.config.rootfs.diff_ids) == 2
