from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from engine.domain.images.facade import TransferLimits
from engine.errors import InvalidParameter, NotFound, SystemFailure
from engine.models.registry import AuthConfig
from tests.engine.domain.images.samples import CONFIG, LOWER, UPPER
from tests.engine.domain.images.test_pulling import index_of
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, digest_of, tar_of
from tests.fakes.images_room import Room, images_room
from tests.fakes.registry import INDEX, FakeRegistry, error, once


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry()
    registry.image("app", "1", CONFIG, [gzip.compress(LOWER), gzip.compress(UPPER)])
    return registry


@pytest.fixture
async def room(stores: FakeContainerd, registry: FakeRegistry) -> AsyncIterator[Room]:
    async with images_room(stores, registry=registry) as room:
        yield room


@pytest.mark.parametrize(
    ("name", "tag", "platform", "text"),
    [
        ("Upper/Case", "1", "", "repository name .* must be lowercase"),
        ("a", "?", "", "invalid tag format"),
        ("a", "sha256:12", "", "invalid checksum digest"),
        ("a", "1", "a/b/c/d", "unknown operating system or architecture"),
    ],
)
async def test_names_are_checked_before_anything_is_asked(
    room: Room, registry: FakeRegistry, name: str, tag: str, platform: str, text: str
) -> None:
    with pytest.raises(InvalidParameter, match=text):
        room.images.pull(name, tag, platform=platform)
    assert registry.requests == []


async def test_distribution_of_an_image_has_the_platform_of_its_config(
    room: Room, registry: FakeRegistry
) -> None:
    found = await room.images.distribution("reg.test/app:1")
    media_type, data = registry.manifests["app", "1"]
    assert found.descriptor == {
        "mediaType": media_type,
        "digest": digest_of(data),
        "size": len(data),
    }
    config = json.loads(CONFIG)
    assert found.platforms == [{"architecture": config["architecture"], "os": config["os"]}]


async def test_distribution_of_an_index_has_its_platforms(
    room: Room, registry: FakeRegistry
) -> None:
    digest = digest_of(registry.manifests["app", "1"][1])
    registry.tag("app", "all", index_of(registry, amd64=digest, arm64=digest), INDEX)
    found = await room.images.distribution("reg.test/app:all")
    assert [each["architecture"] for each in found.platforms] == ["amd64", "arm64"]


async def test_distribution_of_what_is_not_there(room: Room) -> None:
    with pytest.raises(NotFound) as caught:
        await room.images.distribution("reg.test/app:2")
    assert str(caught.value) == "manifest unknown: manifest unknown"
    with pytest.raises(InvalidParameter, match="no manifest found for full image ID"):
        await room.images.distribution("a" * 64)


async def test_login_answers_as_dockerd(room: Room) -> None:
    answer = await room.images.login(AuthConfig(server_address="reg.test"))
    assert (answer.status, answer.identity_token) == ("Login Succeeded", "")


RESULTS = [
    {"name": "a", "star_count": 9, "is_official": True},
    {"name": "b", "star_count": 2, "is_automated": True},
    {"name": "c", "star_count": 1},
]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, "abc"),
        ({"is-official": ["true"]}, "a"),
        ({"is-official": ["false"]}, "bc"),
        ({"is-automated": ["true"]}, "b"),
        ({"stars": ["2"]}, "ab"),
    ],
)
async def test_search_is_filtered_here(
    room: Room, registry: FakeRegistry, filters: dict[str, list[str]], names: str
) -> None:
    registry.faults.append(lambda _: httpx.Response(200, json={"results": RESULTS}))
    found = await room.images.search("reg.test/x", filters=filters)
    assert [each.name for each in found] == list(names)


async def test_search_refuses_what_dockerd_refuses(room: Room) -> None:
    with pytest.raises(InvalidParameter, match="invalid filter 'colour'"):
        await room.images.search("x", filters={"colour": ["red"]})
    with pytest.raises(InvalidParameter, match="invalid filter 'stars=many'"):
        await room.images.search("x", filters={"stars": ["many"]})
    with pytest.raises(InvalidParameter, match=r"outside the range of \[1, 100\]"):
        await room.images.search("x", limit=101)
    with pytest.raises(SystemFailure, match="connection refused"):
        await room.images.search("nobody.test/x")


async def test_limits_can_be_changed_while_the_daemon_runs(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    layers = [tar_of({"n": bytes([n]) * 2000}) for n in range(4)]
    packed = [gzip.compress(each, mtime=0) for each in layers]
    registry.image("many", "1", config_of(layers), packed)
    for each in packed:
        registry.faults.append(
            once(digest_of(each), lambda _: error(503, "X", "busy", {"Retry-After": "10"}))
        )
    room.images.limit(TransferLimits(downloads=1))
    messages = await room.pull("reg.test/many", "1")
    assert sum("Waiting" in each["status"] for each in messages) == 3
    assert trio.current_time() == pytest.approx(40)
