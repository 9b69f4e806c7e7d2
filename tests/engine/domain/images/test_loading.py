from __future__ import annotations

import gzip

import pytest

from engine.errors import InvalidParameter
from tests.engine.domain.images.samples import ARCHIVE, CONFIG, GZIPPED, ID, LOWER, UPPER, empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    config_of,
    digest_of,
    docker_archive,
    oci_layout,
    tar_of,
)
from tests.fakes.images_room import Room

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


@pytest.mark.parametrize("name", BAD)
async def test_bad_archive_is_refused_and_leaves_nothing(
    room: Room, stores: FakeContainerd, name: str
) -> None:
    archive, text = BAD[name]
    with pytest.raises(InvalidParameter, match=text):
        await room.load(archive)
    assert empty(stores)
    assert room.images.everything() == []
