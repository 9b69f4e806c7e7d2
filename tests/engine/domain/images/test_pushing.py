from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from engine.errors import InvalidParameter, NotFound, SystemFailure
from tests.engine.domain.images.samples import CONFIG, ID, LOWER, UPPER
from tests.engine.domain.images.test_pulling import LAYERS, index_of, told
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, digest_of
from tests.fakes.images_room import Room, images_room
from tests.fakes.registry import INDEX, FakeRegistry, error

DIFF_IDS = [digest_of(LOWER)[7:19], digest_of(UPPER)[7:19]]


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry(hosts=("https://reg.test", "https://old.test"))
    registry.image("app", "1", CONFIG, LAYERS)
    return registry


@pytest.fixture
async def room(stores: FakeContainerd, registry: FakeRegistry) -> AsyncIterator[Room]:
    async with images_room(stores, registry=registry) as room:
        await room.pull("old.test/app", "1")
        await room.images.tag("old.test/app:1", "reg.test/new", "2")
        registry.held.clear()
        registry.requests.clear()
        room.events.clear()
        yield room


async def test_what_was_pulled_is_pushed_byte_for_byte(room: Room, registry: FakeRegistry) -> None:
    messages = await room.push("reg.test/new", "2")
    assert registry.manifests["new", "2"] == registry.manifests["app", "1"]
    held = {digest for path, digest in registry.held if path == "new"}
    assert held == {ID, *map(digest_of, LAYERS)}
    digest = digest_of(registry.manifests["new", "2"][1])
    size = len(registry.manifests["new", "2"][1])
    lines = told(messages)
    assert lines[:3] == [
        "The push refers to repository [reg.test/new]",
        f"{DIFF_IDS[1]}: Preparing",
        f"{DIFF_IDS[0]}: Preparing",
    ]
    assert set(lines[3:5]) == {f"{each}: Pushed" for each in DIFF_IDS}
    assert messages[-2]["status"] == f"2: digest: {digest} size: {size}"
    assert messages[-1] == {
        "progressDetail": {},
        "aux": {"Tag": "2", "Digest": digest, "Size": size},
    }
    assert room.events == [("push", "reg.test/new:2", {"l": "v", "name": "reg.test/new"})]
    assert f"reg.test/new@{digest}" in room.images.resolve(ID).digests


async def test_layers_that_the_repository_has_are_not_sent(
    room: Room, registry: FakeRegistry
) -> None:
    await room.push("reg.test/new", "2")
    registry.requests.clear()
    lines = told(await room.push("reg.test/new", "2"))
    assert set(lines[3:5]) == {f"{each}: Layer already exists" for each in DIFF_IDS}
    assert not registry.asked("POST", "uploads")


async def test_layers_of_a_neighbour_are_mounted(room: Room, registry: FakeRegistry) -> None:
    await room.push("reg.test/new", "2")
    await room.images.tag(ID, "reg.test/next", "3")
    lines = told(await room.push("reg.test/next", "3"))
    assert set(lines[3:5]) == {f"{each}: Mounted from new" for each in DIFF_IDS}
    assert not registry.asked("PATCH", "/next/")[1:]  # the config alone


async def test_mount_that_is_refused_becomes_an_upload(room: Room, registry: FakeRegistry) -> None:
    await room.push("reg.test/new", "2")
    registry.held.clear()
    await room.images.tag(ID, "reg.test/next", "3")
    lines = told(await room.push("reg.test/next", "3"))
    assert set(lines[3:5]) == {f"{each}: Pushed" for each in DIFF_IDS}
    assert registry.uploads == {}


async def test_push_without_a_tag_sends_all(room: Room, registry: FakeRegistry) -> None:
    await room.images.tag(ID, "reg.test/new", "3")
    await room.push("reg.test/new")
    assert {("new", "2"), ("new", "3")} <= set(registry.manifests)


async def test_push_of_nothing_says_so(room: Room) -> None:
    with pytest.raises(NotFound) as caught:
        await room.push("reg.test/none", "1")
    assert str(caught.value) == ("An image does not exist locally with the tag: reg.test/none:1")


async def test_push_of_a_digest_is_refused(room: Room) -> None:
    with pytest.raises(InvalidParameter, match="cannot push a digest reference"):
        room.images.push("reg.test/new", ID)


async def test_of_an_index_only_the_platform_that_is_here_is_sent(
    stores: FakeContainerd, registry: FakeRegistry
) -> None:
    amd = registry.image("app", "amd", CONFIG, LAYERS)
    arm = registry.image("app", "arm", config_of([UPPER], User="arm"), LAYERS[1:])
    index = index_of(registry, amd64=amd, arm64=arm)
    registry.tag("app", "both", index, INDEX)
    async with images_room(stores, registry=registry) as room:
        await room.pull("reg.test/app", "both", platform="linux/amd64")
        await room.images.tag("reg.test/app:both", "reg.test/new", "2")
        messages = await room.push("reg.test/new", "2")
    assert digest_of(registry.manifests["new", "2"][1]) == amd
    assert messages[-1]["aux"]["manifestPushedInsteadOfIndex"] is True
    assert messages[-1]["aux"]["originalIndex"]["digest"] == digest_of(index)


async def test_index_that_is_here_whole_is_sent_whole_or_one_platform_of_it(
    stores: FakeContainerd, registry: FakeRegistry
) -> None:
    amd = registry.image("app", "amd", CONFIG, LAYERS)
    arm = registry.image("app", "arm", config_of([UPPER], User="arm"), LAYERS[1:])
    index = index_of(registry, amd64=amd, arm64=arm)
    registry.tag("app", "both", index, INDEX)
    arm_only = '{"os": "linux", "architecture": "arm64"}'
    async with images_room(stores, registry=registry) as room:
        await room.pull("reg.test/app", "both", platform="linux/amd64")
        await room.images.tag("reg.test/app:both", "reg.test/new", "2")
        with pytest.raises(
            NotFound, match=r"does not provide the specified platform \(linux/arm64\)"
        ):
            await room.push("reg.test/new", "2", platform=arm_only)
        await room.pull("reg.test/app", "both", platform="linux/arm64")
        messages = await room.push("reg.test/new", "2")
        assert messages[-1]["aux"] == {"Tag": "2", "Digest": digest_of(index), "Size": len(index)}
        assert registry.manifests["new", "2"] == (INDEX, index)
        assert {("new", amd), ("new", arm)} <= set(registry.manifests)
        assert f"reg.test/new@{digest_of(index)}" in room.images.resolve(ID).digests
        messages = await room.push("reg.test/new", "2", platform=arm_only)
        assert digest_of(registry.manifests["new", "2"][1]) == arm
        assert messages[-1]["aux"]["Digest"] == arm


async def test_platform_of_a_push_must_be_one_and_the_images(room: Room) -> None:
    with pytest.raises(InvalidParameter, match="failed to parse platform"):
        room.images.push("reg.test/new", "2", platform="linux/arm64")
    with pytest.raises(InvalidParameter, match="both OS and Architecture"):
        room.images.push("reg.test/new", "2", platform='{"os": "linux"}')
    with pytest.raises(NotFound, match="does not provide the specified platform"):
        await room.push("reg.test/new", "2", platform='{"os": "linux", "architecture": "s390x"}')


async def test_upload_that_breaks_is_resumed_in_pieces(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    target = LAYERS[0]
    broken: list[str] = []

    def breaks(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH" and request.content == target and not broken:
            upload = request.url.path.rpartition("/")[2]
            broken.append(upload)
            registry.uploads[upload] += target[:50]
            raise httpx.WriteError("broken") from BrokenPipeError(32, "broken")
        return None

    registry.faults.append(breaks)
    await room.push("reg.test/new", "2")
    resumed = [each for each in registry.asked("PATCH", f"/{broken[0]}") if "Content-Range" in each.headers]  # fmt: skip
    assert [each.headers["Content-Range"] for each in resumed] == [f"50-{len(target) - 1}"]
    assert registry.blobs[digest_of(target)] == target


async def test_upload_that_the_registry_forgot_begins_anew(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    broken: list[str] = []

    def breaks(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH" and not broken:
            broken.append(request.url.path.rpartition("/")[2])
            del registry.uploads[broken[0]]
            raise httpx.ReadError("reset") from ConnectionResetError(104, "reset")
        return None

    registry.faults.append(breaks)
    await room.push("reg.test/new", "2")
    assert {digest for path, digest in registry.held if path == "new"} >= set(
        map(digest_of, LAYERS)
    )


async def test_upload_gives_up_after_five_attempts(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    def breaks(request: httpx.Request) -> httpx.Response | None:
        return error(503, "UNAVAILABLE", "busy") if request.method == "PATCH" else None

    registry.faults.append(breaks)
    with pytest.raises(SystemFailure, match="unavailable: busy"):
        await room.push("reg.test/new", "2")
    assert trio.current_time() == pytest.approx(5 + 10 + 15 + 20)


async def test_denied_push_is_told_as_it_came(room: Room, registry: FakeRegistry) -> None:
    def denies(request: httpx.Request) -> httpx.Response | None:
        denied = error(403, "DENIED", "requested access to the resource is denied")
        return denied if request.method == "POST" else None

    registry.faults.append(denies)
    with pytest.raises(SystemFailure) as caught:
        await room.push("reg.test/new", "2")
    assert str(caught.value) == "denied: requested access to the resource is denied"


async def test_image_that_came_uncompressed_is_pushed_as_it_is(
    stores: FakeContainerd, registry: FakeRegistry
) -> None:
    async with images_room(stores, registry=registry) as room:
        await room.import_(LOWER, repo="reg.test/plain", tag="1")
        await room.push("reg.test/plain", "1")
    manifest = json.loads(registry.manifests["plain", "1"][1])
    assert gzip.decompress(registry.blobs[manifest["layers"][0]["digest"]]) == LOWER
