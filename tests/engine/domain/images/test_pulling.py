from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import pytest
import trio

from engine.errors import InvalidParameter, NotFound, SystemFailure
from tests.engine.domain.images.samples import CONFIG, ID, LOWER, UPPER, empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, digest_of
from tests.fakes.images_room import Room, images_room
from tests.fakes.registry import INDEX, MANIFEST, FakeRegistry, error, once

LAYERS = [gzip.compress(LOWER, mtime=0), gzip.compress(UPPER, mtime=0)]
SHORT = [digest_of(each)[7:19] for each in LAYERS]


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry()
    registry.image("app", "1", CONFIG, LAYERS)
    return registry


@pytest.fixture
async def room(stores: FakeContainerd, registry: FakeRegistry) -> AsyncIterator[Room]:
    async with images_room(stores, registry=registry) as room:
        yield room


def told(messages: list[dict[str, object]]) -> list[str]:
    """Without the bars, and without doubles."""
    lines = [
        f"{each['id']}: {each['status']}" if "id" in each else str(each["status"])
        for each in messages
        if "status" in each and not each.get("progressDetail")
    ]
    return list(dict.fromkeys(lines))


async def test_pulled_image_is_bit_identical_and_has_both_names(
    room: Room, stores: FakeContainerd, registry: FakeRegistry
) -> None:
    messages = await room.pull("reg.test/app", "1")
    media_type, manifest = registry.manifests["app", "1"]
    digest = digest_of(manifest)
    assert stores.content.blobs[digest].data == manifest
    assert stores.content.blobs[ID].data == CONFIG
    image = room.images.resolve("reg.test/app:1")
    assert (image.id, image.target.media_type) == (ID, media_type)
    assert image.digests == (f"reg.test/app@{digest}",)
    assert told(messages)[0] == "1: Pulling from app"
    assert told(messages)[-2:] == [
        f"Digest: {digest}",
        "Status: Downloaded newer image for reg.test/app:1",
    ]
    for layer in SHORT:
        states = [line for line in told(messages) if line.startswith(layer)]
        assert [each.partition(": ")[2] for each in states] == [
            "Pulling fs layer",
            "Verifying Checksum",
            "Download complete",
            "Pull complete",
        ]
    assert room.events == [
        ("pull", "reg.test/app:1", {"l": "v", "name": "reg.test/app"}),
    ]
    stores.collect()
    assert room.images.resolve(ID).chain_ids == tuple(stores.snapshots.snapshots)
    assert not stores.leases.leases
    assert not stores.content.ingests


async def test_second_pull_asks_only_what_the_tag_stands_for(
    room: Room, registry: FakeRegistry
) -> None:
    await room.pull("reg.test/app", "1")
    registry.requests.clear()
    messages = await room.pull("reg.test/app", "1")
    assert told(messages)[1:3] == [f"{each}: Already exists" for each in SHORT]
    assert told(messages)[-1] == "Status: Image is up to date for reg.test/app:1"
    assert [(each.method, each.url.path) for each in registry.requests] == [
        ("GET", "/v2/"),
        ("HEAD", "/v2/app/manifests/1"),
    ]


async def test_layer_that_another_image_has_is_not_downloaded_again(
    room: Room, registry: FakeRegistry
) -> None:
    await room.pull("reg.test/app", "1")
    registry.image("app", "2", config_of([LOWER]), LAYERS[:1])
    registry.requests.clear()
    messages = await room.pull("reg.test/app", "2")
    assert f"{SHORT[0]}: Already exists" in told(messages)
    assert not registry.asked("GET", digest_of(LAYERS[0]))


async def test_pull_by_digest_names_the_image_by_its_digest_alone(
    room: Room, registry: FakeRegistry
) -> None:
    digest = digest_of(registry.manifests["app", "1"][1])
    messages = await room.pull("reg.test/app", digest)
    assert told(messages)[0] == f"reg.test/app@{digest}: Pulling from app"
    (image,) = room.images.everything()
    assert (image.names, image.digests) == ((), (f"reg.test/app@{digest}",))


async def test_pull_without_a_tag_brings_all_tags(room: Room, registry: FakeRegistry) -> None:
    registry.image("app", "2", config_of([UPPER]), LAYERS[1:])
    messages = await room.pull("reg.test/app")
    assert room.names() == ["reg.test/app:1", "reg.test/app:2"]
    assert told(messages)[-1] == "Status: Downloaded newer image for reg.test/app"


def index_of(registry: FakeRegistry, **manifests: str) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": MANIFEST,
                    "digest": digest,
                    "size": len(registry.manifests["app", digest][1]),
                    "platform": {"os": "linux", "architecture": architecture},
                }
                for architecture, digest in manifests.items()
            ],
        }
    ).encode()


async def test_two_platforms_of_an_index_are_two_images_also_after_a_restart(
    stores: FakeContainerd, registry: FakeRegistry
) -> None:
    amd = registry.image("app", "amd", CONFIG, LAYERS)
    arm = registry.image("app", "arm", config_of([UPPER], User="arm"), LAYERS[1:])
    index = index_of(registry, amd64=amd, arm64=arm)
    registry.tag("app", "both", index, INDEX)
    async with images_room(stores, registry=registry) as room:
        await room.pull("reg.test/app", "both", platform="linux/amd64")
        await room.images.tag("reg.test/app:both", "here", "amd")
        await room.pull("reg.test/app", "both", platform="linux/arm64")
        before = {each.id: each.names for each in room.images.everything()}
    stores.collect()
    assert before[ID] == ("here:amd",)
    assert len(before) == 2
    async with images_room(stores, registry=registry) as room:
        assert {each.id: each.names for each in room.images.everything()} == before
        arm_image = room.images.resolve("reg.test/app:both")
        assert arm_image.target.digest == digest_of(index)
        assert arm_image.manifest.digest == arm


async def test_index_without_the_platform_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    amd = registry.image("app", "amd", CONFIG, LAYERS)
    registry.tag("app", "both", index_of(registry, amd64=amd), INDEX)
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x in the manifest list"):
        await room.pull("reg.test/app", "both", platform="linux/s390x")
    assert empty(stores)


async def test_concurrent_pulls_of_a_layer_download_it_once(
    room: Room, registry: FakeRegistry
) -> None:
    registry.image("other", "1", config_of([LOWER, UPPER], User="o"), LAYERS)
    async with trio.open_nursery() as nursery:
        for name in ("reg.test/app", "reg.test/other", "reg.test/app"):
            nursery.start_soon(room.pull, name, "1")
    assert room.names() == ["reg.test/app:1", "reg.test/other:1"]
    for layer in LAYERS:
        assert len(registry.asked("GET", f"blobs/{digest_of(layer)}")) == 1


async def test_layer_goes_on_for_the_second_client_when_the_first_leaves(
    room: Room, registry: FakeRegistry, stores: FakeContainerd, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(
        once(digest_of(LAYERS[0]), lambda _: error(503, "X", "busy", {"Retry-After": "30"}))
    )
    async with trio.open_nursery() as nursery:

        async def leaves() -> None:
            with trio.move_on_after(5):
                await room.pull("reg.test/app", "1")

        nursery.start_soon(leaves)
        await trio.sleep(1)
        messages = await room.pull("reg.test/app", "1")
    assert f"{SHORT[0]}: Retrying in 28 seconds" in told(messages)
    assert trio.current_time() < 20
    assert room.names() == ["reg.test/app:1"]


async def test_client_that_leaves_leaves_nothing(
    room: Room, registry: FakeRegistry, stores: FakeContainerd, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(
        once(digest_of(LAYERS[1]), lambda _: error(429, "X", "slow", {"Retry-After": "60"}))
    )
    with trio.move_on_after(5):
        await room.pull("reg.test/app", "1")
    assert room.images.everything() == []
    stores.content.ingests.clear()  # what has arrived may be resumed; containerd drops it in a day
    assert empty(stores)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("DENIED", "pull access denied for reg.test/app, repository does not exist or may require 'docker login': denied: no"),
        ("MANIFEST_UNKNOWN", "manifest for reg.test/app:1 not found: manifest unknown: no"),
        ("NAME_UNKNOWN", "repository reg.test/app not found: name unknown: no"),
    ],
)  # fmt: skip
async def test_refusals_are_worded_as_dockerds(
    room: Room, registry: FakeRegistry, code: str, text: str
) -> None:
    registry.faults.append(lambda request: error(404, code, "no") if "manifests" in str(request.url) else None)  # fmt: skip
    with pytest.raises(NotFound) as caught:
        await room.pull("reg.test/app", "1")
    assert str(caught.value) == text


async def test_refused_connection_is_told_in_dockerds_words(room: Room) -> None:
    with pytest.raises(SystemFailure) as caught:
        await room.pull("nobody.test/app", "1")
    assert str(caught.value) == (
        'Get "https://nobody.test/v2/": dial tcp nobody.test:443: connect: connection refused'
    )


async def test_manifest_of_another_digest_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    digest = f"sha256:{'0' * 64}"
    registry.manifests["app", digest] = registry.manifests["app", "1"]
    with pytest.raises(InvalidParameter, match=f"manifest verification failed for digest {digest}"):
        await room.pull("reg.test/app", digest)
    assert empty(stores)


async def test_config_of_another_digest_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    registry.blobs[ID] = CONFIG.replace(b"sh", b"ls")
    with pytest.raises(SystemFailure, match=f"image config verification failed for digest {ID}"):
        await room.pull("reg.test/app", "1")
    assert empty(stores)


async def test_layer_of_another_digest_is_refused_and_leaves_nothing(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    digest = digest_of(LAYERS[1])
    registry.blobs[digest] = bytes(len(LAYERS[1]))
    with pytest.raises(
        SystemFailure, match=f"filesystem layer verification failed for digest {digest}"
    ):
        await room.pull("reg.test/app", "1")
    assert empty(stores)


async def test_layer_that_is_longer_than_it_should_be_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    digest = digest_of(LAYERS[0])
    registry.blobs[digest] = LAYERS[0] + b"more"
    with pytest.raises(
        SystemFailure, match=f"filesystem layer verification failed for digest {digest}"
    ):
        await room.pull("reg.test/app", "1")
    assert empty(stores)


async def test_layer_whose_gzip_is_truncated_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    registry.image("app", "bad", CONFIG, [LAYERS[0], LAYERS[1][:-20]])
    with pytest.raises(SystemFailure, match="failed to register layer: unexpected EOF"):
        await room.pull("reg.test/app", "bad")
    assert room.images.everything() == []
    assert empty(stores)


async def test_windows_image_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    config = json.loads(CONFIG)
    config["os"] = "windows"
    registry.image("app", "win", json.dumps(config).encode(), LAYERS)
    with pytest.raises(InvalidParameter, match='image operating system "windows" cannot be used'):
        await room.pull("reg.test/app", "win")
    assert empty(stores)


async def test_schema_1_is_refused_in_words(
    room: Room, registry: FakeRegistry, stores: FakeContainerd
) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    registry.tag("app", "old", b'{"schemaVersion": 1}', kind)
    with pytest.raises(InvalidParameter, match="schema 1, which is not supported any more"):
        await room.pull("reg.test/app", "old")
    assert empty(stores)
