"""The room from its door, on an in-memory containerd."""

from __future__ import annotations

import gzip
import json
import tarfile
from contextlib import aclosing
from io import BytesIO

import pytest
import trio

from engine.domain.images.ports import Descriptor
from engine.domain.images.removal import ImageUser
from engine.domain.names.references import parse_normalized
from engine.errors import Conflict, InvalidParameter, NotFound, Unavailable
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    blob_path,
    chunks_of,
    config_of,
    digest_of,
    docker_archive,
    oci_layout,
    tar_of,
)
from tests.fakes.images_room import Room, images_room

LOWER = tar_of({"etc/motd": b"hello"})
UPPER = tar_of({"bin/sh": b"#!"})
CONFIG = config_of([LOWER, UPPER], Cmd=["sh"], Labels={"l": "v"})
ID = digest_of(CONFIG)
ARCHIVE = docker_archive((CONFIG, [LOWER, UPPER], ["busybox:latest"]))
GZIPPED = "application/vnd.oci.image.layer.v1.tar+gzip"


def empty(stores: FakeContainerd) -> bool:
    stores.collect()
    return not (
        stores.content.blobs
        or stores.content.ingests
        or stores.snapshots.snapshots
        or stores.images.records
        or stores.leases.leases
    )


async def test_loaded_image_has_its_configs_digest_and_its_name(room: Room) -> None:
    assert await room.load(ARCHIVE) == [{"stream": "Loaded image: busybox:latest\n"}]
    image = room.images.resolve("busybox")
    assert (image.id, image.names, image.digests) == (ID, ("busybox:latest",), ())
    assert image.config.config.cmd == ["sh"]
    assert image.size == len(LOWER) + len(UPPER)
    assert room.events == [("load", ID, {"l": "v", "name": ID})]


async def test_load_shows_layers_that_are_new(room: Room) -> None:
    messages = await room.load(ARCHIVE, quiet=False)
    assert [each.get("id") for each in messages] == [
        *[digest_of(LOWER)[7:19]] * 2,
        *[digest_of(UPPER)[7:19]] * 2,
        None,
    ]
    again = await room.load(ARCHIVE, quiet=False)
    assert again == [{"stream": "Loaded image: busybox:latest\n"}]


async def test_content_and_snapshot_are_tied_to_the_record(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    stores.collect()
    image = room.images.resolve("busybox")
    assert len(stores.content.blobs) == 4  # two layers, config, manifest
    assert set(stores.snapshots.snapshots) == set(image.chain_ids)
    assert not stores.leases.leases
    assert await room.images.unpacked(image) == image.chain_id


async def test_everything_made_carries_the_engines_label(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    objects = [
        *stores.content.blobs.values(),
        *stores.images.records.values(),
        *stores.snapshots.snapshots.values(),
    ]
    assert {each.labels.get("io.trimaran.engine") for each in objects} == {"test-engine"}


async def test_several_images_keep_their_names(room: Room) -> None:
    other = config_of([LOWER])
    archive = docker_archive((CONFIG, [LOWER, UPPER], ["a:1", "b:2"]), (other, [LOWER], None))
    assert await room.load(archive) == [
        {"stream": "Loaded image: a:1\n"},
        {"stream": "Loaded image: b:2\n"},
        {"stream": f"Loaded image ID: {digest_of(other)}\n"},
    ]
    assert room.names() == ["a:1", "b:2"]
    assert room.images.resolve(digest_of(other)).names == ()


@pytest.mark.parametrize("name", ["", "docker.io/library/x:1", "1"])
async def test_oci_layout_keeps_its_manifest(room: Room, stores: FakeContainerd, name: str) -> None:
    config = config_of([LOWER])
    key = "io.containerd.image.name" if "/" in name else "org.opencontainers.image.ref.name"
    annotations = {key: name} if name else {}
    layout, manifest = oci_layout(
        config, [gzip.compress(LOWER)], media_type=GZIPPED, annotations=annotations
    )
    (message,) = await room.load(layout)
    expected = "Loaded image: x:1" if "/" in name else f"Loaded image ID: {digest_of(config)}"
    assert message == {"stream": f"{expected}\n"}
    assert room.images.resolve(digest_of(config)).target.digest == digest_of(manifest)
    assert stores.content.blobs[digest_of(manifest)].data == manifest


async def test_legacy_archive_without_a_manifest_is_loaded(room: Room) -> None:
    lower, upper = "1" * 64, "2" * 64
    archive = tar_of(
        {
            f"{lower}/json": json.dumps({"id": lower, "os": "linux"}).encode(),
            f"{lower}/layer.tar": LOWER,
            f"{upper}/json": json.dumps(
                {"id": upper, "parent": lower, "os": "linux", "config": {"Cmd": ["x"]}}
            ).encode(),
            f"{upper}/layer.tar": UPPER,
            "repositories": json.dumps({"old": {"1": upper}}).encode(),
        }
    )
    assert await room.load(archive) == [{"stream": "Loaded image: old:1\n"}]
    image = room.images.resolve("old:1")
    assert image.config.rootfs.diff_ids == [digest_of(LOWER), digest_of(UPPER)]
    assert image.config.config.cmd == ["x"]


BAD = {
    "empty": (tar_of({}), "does not contain a manifest.json"),
    "no tar": (b"garbage\n", "Error processing tar file"),
    "layer missing": (
        tar_of({"manifest.json": b'[{"Config":"c","Layers":["l","m"]}]', "c": CONFIG}),
        "open l: no such file",
    ),
    "too few layers": (
        tar_of({"manifest.json": b'[{"Config":"c","Layers":["l"]}]', "c": CONFIG, "l": LOWER}),
        "layers length mismatch: expected 1, got 2",
    ),
    "wrong layer": (
        docker_archive((CONFIG, [UPPER, LOWER], ["a:1"])),
        "invalid diffID for layer 0",
    ),
    "no tag": (docker_archive((CONFIG, [LOWER, UPPER], ["a"])), 'invalid tag "a"'),
    "bad name": (docker_archive((CONFIG, [LOWER, UPPER], ["A:1"])), "must be lowercase"),
    "no json": (tar_of({"manifest.json": b"{"}), "invalid archive"),
    "no config": (tar_of({"manifest.json": b'[{"Config":"c"}]', "c": b"{}"}), "no RootFS key"),
    "other system": (
        docker_archive((CONFIG.replace(b'"linux"', b'"windows"'), [LOWER, UPPER], None)),
        "cannot load windows image on linux",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_archive_is_refused_and_leaves_nothing(
    room: Room, stores: FakeContainerd, name: str
) -> None:
    archive, text = BAD[name]
    with pytest.raises(InvalidParameter, match=text):
        await room.load(archive)
    assert empty(stores)
    assert room.images.everything() == []


async def test_lying_blob_for_a_layer_that_is_here_is_refused(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    before = set(stores.content.blobs)
    config = config_of([LOWER, UPPER], User="u")
    layers = [gzip.compress(LOWER), gzip.compress(b"something else")]
    layout, _ = oci_layout(config, layers, media_type=GZIPPED, annotations={})
    with pytest.raises(InvalidParameter, match="invalid diffID for layer 1"):
        await room.load(layout)
    stores.collect()
    assert set(stores.content.blobs) == before


async def test_cancelled_load_leaves_nothing(room: Room, stores: FakeContainerd) -> None:
    async def body() -> None:
        async for _ in room.images.load(chunks):
            pass

    class Stuck:
        def __aiter__(self) -> Stuck:
            return self

        async def __anext__(self) -> bytes:
            if chunks_left:
                return chunks_left.pop()
            started.set()
            await trio.sleep_forever()
            return b""

    big = tar_of({"l": bytes(400 << 10)})
    chunks_left, started, chunks = [big[: 300 << 10]], trio.Event(), Stuck()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        await started.wait()
        assert stores.leases.leases
        nursery.cancel_scope.cancel()
    assert empty(stores)


async def test_name_that_moves_leaves_the_old_image_nameless(room: Room) -> None:
    await room.load(ARCHIVE)
    other = config_of([LOWER])
    messages = await room.load(docker_archive((other, [LOWER], ["busybox:latest"])))
    assert messages[0]["stream"] == (
        f"The image busybox:latest already exists, renaming the old one with ID {ID} "
        "to empty string\n"
    )
    assert room.images.resolve("busybox").id == digest_of(other)
    assert room.images.resolve(ID).names == ()
    (dangling,) = room.images.list(filters={"dangling": ["true"]})
    assert dangling.id == ID


async def test_nameless_image_that_gets_a_name_is_kept_by_it_alone(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(docker_archive((CONFIG, [LOWER, UPPER], None)))
    await room.images.tag(ID, "x", "")
    assert list(stores.images.records) == ["docker.io/library/x:latest"]
    assert room.events[-1] == ("tag", ID, {"l": "v", "name": "x:latest"})


async def test_imported_image_is_as_dockerd_makes_it(room: Room, stores: FakeContainerd) -> None:
    id = await room.import_(
        gzip.compress(LOWER), repo="imp", tag="v1", message="hello", changes=["CMD a b"]
    )
    assert [each[0] for each in room.events] == ["tag", "import"]
    config = json.loads(stores.content.blobs[id].data)
    assert config["rootfs"] == {"type": "layers", "diff_ids": [digest_of(LOWER)]}
    assert config["comment"] == config["history"][0]["comment"] == "hello"
    assert config["config"]["Cmd"] == ["/bin/sh", "-c", "a b"]
    assert room.images.resolve("imp:v1").id == id
    assert len(room.images.history("imp:v1")) == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"repo": "A"}, "must be lowercase"),
        ({"changes": ["RUN x"]}, "run is not a valid change command"),
        ({"platform": "windows/amd64"}, "operating system is not supported"),
        ({"platform": "a/b/c/d"}, "unknown operating system or architecture"),
    ],
)
async def test_bad_import_is_refused_before_anything_is_read(
    room: Room, options: dict[str, object], text: str
) -> None:
    chunks = chunks_of(LOWER)
    with pytest.raises(InvalidParameter, match=text):
        room.images.import_(chunks, **options)  # type: ignore[arg-type]
    assert chunks.taken == 0


async def test_import_for_another_platform_says_so(room: Room) -> None:
    id = await room.import_(LOWER, platform="linux/arm64/v8")
    config = room.images.resolve(id).config
    assert (config.architecture, config.variant) == ("arm64", "v8")
    assert config.comment == "Imported from -"


async def test_saved_image_loads_back_with_the_same_digests(room: Room) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "two", "2")
    before = room.images.resolve("busybox")
    archive = await room.save("busybox", "two:2")
    assert room.events[-1][0] == "save"
    async with images_room(FakeContainerd()) as elsewhere:
        await elsewhere.load(archive)
        after = elsewhere.images.resolve("busybox")
        assert (after.id, after.target, after.layers) == (ID, before.target, before.layers)
        assert after.names == ("busybox:latest", "two:2")


async def test_saved_archive_serves_docker_and_oci(room: Room) -> None:
    await room.load(ARCHIVE)
    with tarfile.open(fileobj=BytesIO(await room.save("busybox"))) as archive:
        names = archive.getnames()

        def read(name: str) -> object:
            held = archive.extractfile(name)
            assert held is not None
            return json.loads(held.read())

        assert read("manifest.json") == [
            {
                "Config": blob_path(CONFIG),
                "RepoTags": ["busybox:latest"],
                "Layers": [blob_path(LOWER), blob_path(UPPER)],
            }
        ]
        index = read("index.json")
    assert isinstance(index, dict)
    assert index["manifests"][0]["annotations"] == {
        "io.containerd.image.name": "docker.io/library/busybox:latest",
        "org.opencontainers.image.ref.name": "latest",
    }
    assert len(names) == len(set(names))


async def test_save_takes_all_tags_of_a_bare_repository_and_none_of_an_id(room: Room) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "busybox", "2")
    async with images_room(FakeContainerd()) as elsewhere:
        await elsewhere.load(await room.save("busybox"))
        assert elsewhere.names() == ["busybox:2", "busybox:latest"]
    async with images_room(FakeContainerd()) as elsewhere:
        await elsewhere.load(await room.save(ID))
        assert elsewhere.names() == []


async def test_save_of_an_unknown_image_is_refused_at_once(room: Room) -> None:
    with pytest.raises(NotFound, match="No such image: nope"):
        room.images.save(["nope"])
    with pytest.raises(InvalidParameter, match="invalid reference format"):
        room.images.save([""])


async def test_removed_image_leaves_nothing(room: Room, stores: FakeContainerd) -> None:
    await room.load(ARCHIVE)
    chain = room.images.resolve(ID).chain_ids
    assert await room.remove("busybox") == ["busybox:latest", ID, *reversed(chain)]
    assert [each[0] for each in room.events] == ["load", "untag", "delete"]
    assert room.events[-1] == ("delete", ID, {"name": ID})
    assert empty(stores)
    with pytest.raises(NotFound):
        room.images.resolve(ID)


async def test_layer_of_another_image_stays(room: Room, stores: FakeContainerd) -> None:
    other = config_of([LOWER])
    await room.load(ARCHIVE)
    await room.load(docker_archive((other, [LOWER], ["o:1"])))
    top = room.images.resolve(ID).chain_id
    assert await room.remove(ID) == ["busybox:latest", ID, top]
    stores.collect()
    assert set(stores.snapshots.snapshots) == {digest_of(LOWER)}


async def test_image_in_use_stays_without_a_name_when_forced(room: Room) -> None:
    await room.load(ARCHIVE)
    room.containers[ID] = [ImageUser("c" * 64, running=True)]
    with pytest.raises(Conflict):
        await room.remove("busybox")
    assert await room.remove("busybox", force=True) == ["busybox:latest"]
    assert room.images.resolve(ID).names == ()
    with pytest.raises(Conflict, match="cannot be forced"):
        await room.remove(ID, force=True)


async def test_prune_takes_nameless_images_and_on_request_all_unused(room: Room) -> None:
    other = config_of([UPPER])
    await room.load(ARCHIVE)
    await room.load(docker_archive((other, [UPPER], None)))
    report = await room.images.prune({}, users=room.users)
    assert next(each.deleted for each in report.images_deleted or []) == digest_of(other)
    assert report.space_reclaimed == len(UPPER)
    assert room.events[-1] == ("prune", "", {"reclaimed": str(len(UPPER))})
    room.containers[ID] = [ImageUser("c", running=False)]
    assert (await room.images.prune({"dangling": ["0"]}, users=room.users)).images_deleted is None
    room.containers.clear()
    assert (await room.images.prune({"dangling": ["0"]}, users=room.users)).space_reclaimed > 0
    assert room.images.everything() == []


async def test_pulled_image_has_repo_digests_and_picks_its_platform(
    room: Room, stores: FakeContainerd
) -> None:
    config = config_of([LOWER])
    layout, manifest = oci_layout(config, [LOWER], media_type=GZIPPED[:-5], annotations={})
    assert layout
    image = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": len(manifest)}
    index = json.dumps(
        {
            "manifests": [
                {**image, "digest": f"sha256:{'f' * 64}", "platform": {"os": "linux", "architecture": "z"}},
                {**image, "digest": digest_of(manifest), "platform": {"os": "linux", "architecture": "amd64"}},
            ]
        }
    ).encode()  # fmt: skip
    media_type = "application/vnd.oci.image.index.v1+json"
    async with room.images.ingest() as ingest:
        for data in (LOWER, config, manifest):
            await ingest.put(data, "")
        target = await ingest.put(index, media_type)
        names = [parse_normalized("p:1"), parse_normalized(f"p@{target.digest}")]
        image_here = await room.images.adopt(ingest, target, names, platform="linux/amd64")
    assert image_here.names == ("p:1",)
    assert image_here.digests == (f"p@{digest_of(index)}",)
    assert room.images.resolve(f"p@{digest_of(index)}").id == digest_of(config)
    assert room.events == [("pull", digest_of(config), {"name": digest_of(config)})]
    stores.collect()
    assert digest_of(LOWER) in stores.content.blobs
    assert await room.remove("p:1") == [
        "p:1", f"p@{digest_of(index)}", digest_of(config), digest_of(LOWER)
    ]  # fmt: skip
    assert empty(stores)


async def test_lost_snapshot_is_made_again(room: Room, stores: FakeContainerd) -> None:
    await room.load(ARCHIVE)
    image = room.images.resolve(ID)
    stores.snapshots.snapshots.clear()
    assert await room.images.unpacked(image) == image.chain_id
    assert set(stores.snapshots.snapshots) == set(image.chain_ids)


async def test_next_life_knows_the_same_images(room: Room, stores: FakeContainerd) -> None:
    await room.load(ARCHIVE)
    await room.import_(LOWER)
    await stores.leases.create(
        "left", {"io.trimaran.engine": "test-engine", "io.trimaran.ingest": "true"}
    )
    await stores.leases.create("foreign", {"io.trimaran.ingest": "true"})
    async with images_room(stores) as next_life:
        before = {each.id: each for each in room.images.everything()}
        after = {each.id: each for each in next_life.images.everything()}
        assert set(before) == set(after)
        assert after[ID].names == before[ID].names
        assert after[ID].layer_sizes == before[ID].layer_sizes
    assert set(stores.leases.leases) == {"foreign"}


async def test_other_engines_images_are_neither_seen_nor_touched(
    room: Room, stores: FakeContainerd
) -> None:
    async with images_room(stores, engine_id="other") as other:
        await other.load(ARCHIVE)
        await room.images.refresh()
        assert room.images.everything() == []
        with pytest.raises(Conflict, match="belongs to somebody else"):
            await room.load(ARCHIVE)
        assert other.names() == ["busybox:latest"]
        assert (
            stores.images.records["docker.io/library/busybox:latest"].labels["io.trimaran.engine"]
            == "other"
        )


async def test_image_with_lost_content_is_left_out_and_the_others_stay(
    room: Room, stores: FakeContainerd
) -> None:
    other = config_of([LOWER])
    await room.load(ARCHIVE)
    await room.load(docker_archive((other, [LOWER], ["o:1"])))
    del stores.content.blobs[ID]
    await room.images.refresh()
    assert [each.id for each in room.images.everything()] == [digest_of(other)]


async def test_reads_before_the_first_look_are_unavailable(
    stores: FakeContainerd, autojump_clock: trio.testing.MockClock
) -> None:
    async def away(*filters: str) -> list[object]:
        raise Unavailable("containerd is away")

    stores.images.list, there = away, stores.images.list  # type: ignore[method-assign, assignment]
    async with images_room(stores) as room:
        with pytest.raises(Unavailable, match="not known yet"):
            room.images.list()
        with pytest.raises(Unavailable, match="containerd is away"):
            await room.images.tag("a", "b", "c")
        stores.images.list = there  # type: ignore[method-assign]
        await room.images.refresh()
        assert room.images.list() == []


async def test_stream_that_is_closed_early_gives_its_lease_back(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    async with aclosing(room.images.save(["busybox"])) as stream:
        await anext(stream)
        assert stores.leases.leases
    assert not stores.leases.leases


async def test_descriptor_of_a_missing_tree_is_not_found(room: Room) -> None:
    async with room.images.ingest() as ingest:
        with pytest.raises(NotFound):
            await room.images.adopt(ingest, Descriptor("m", f"sha256:{'0' * 64}", 1), [])
