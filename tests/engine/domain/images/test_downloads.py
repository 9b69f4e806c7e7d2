from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from engine.errors import SystemFailure
from tests.engine.domain.images.samples import empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, digest_of, tar_of
from tests.fakes.images_room import Room, images_room
from tests.fakes.registry import Cut, FakeRegistry, error, once, streamed

BIG = tar_of({"random": os.urandom(3 << 20)})
LAYER = gzip.compress(BIG, mtime=0)
DIGEST = digest_of(LAYER)
ARRIVED = 2 << 20


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry()
    registry.image("app", "1", config_of([BIG]), [LAYER])
    return registry


@pytest.fixture
async def room(stores: FakeContainerd, registry: FakeRegistry) -> AsyncIterator[Room]:
    async with images_room(stores, registry=registry) as room:
        yield room


def cut(request: httpx.Request) -> httpx.Response:
    """Break off after 2 MiB, from where the client wanted to have it."""
    start = int(request.headers.get("Range", "bytes=0-")[6:-1])
    headers = {"Content-Length": str(len(LAYER) - start)}
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(LAYER) - 1}/{len(LAYER)}"
    stream = Cut(LAYER[start : start + ARRIVED])
    return httpx.Response(206 if start else 200, stream=stream, headers=headers)


async def test_cut_connection_is_resumed_where_it_broke(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(once(DIGEST, cut))
    messages = await room.pull("reg.test/app", "1")
    first, second = registry.asked("GET", DIGEST)
    assert "Range" not in first.headers
    assert second.headers["Range"] == f"bytes={ARRIVED}-"
    retries = [each["status"] for each in messages if "Retrying" in each["status"]]
    assert retries == [*(f"Retrying in {n} seconds" for n in (5, 4, 3, 2)), "Retrying in 1 second"]
    assert room.names() == ["reg.test/app:1"]


async def test_pull_after_a_failed_one_resumes_it(
    room: Room, registry: FakeRegistry, stores: FakeContainerd, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(once(DIGEST, cut))
    with trio.move_on_after(2):
        await room.pull("reg.test/app", "1")
    stores.collect()
    assert (len(stores.content.blobs), room.images.everything()) == (0, [])
    await room.pull("reg.test/app", "1")
    assert registry.asked("GET", DIGEST)[-1].headers["Range"] == f"bytes={ARRIVED}-"
    assert not stores.content.ingests


async def test_server_that_ignores_the_range_is_read_from_the_start(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(once(DIGEST, cut))
    registry.faults.append(lambda r: streamed(200, LAYER) if r.headers.get("Range") else None)
    await room.pull("reg.test/app", "1")
    assert room.names() == ["reg.test/app:1"]


async def test_bytes_of_an_earlier_attempt_that_were_wrong_are_fetched_anew(
    room: Room, registry: FakeRegistry, stores: FakeContainerd, autojump_clock: trio.abc.Clock
) -> None:
    def wrong(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Cut(bytes(ARRIVED)))

    registry.faults.append(once(DIGEST, wrong))
    await room.pull("reg.test/app", "1")
    ranges = [each.headers.get("Range") for each in registry.asked("GET", DIGEST)]
    assert ranges == [None, f"bytes={ARRIVED}-", None]
    assert room.names() == ["reg.test/app:1"]


async def test_attempts_are_counted_and_the_delay_grows(
    room: Room, registry: FakeRegistry, stores: FakeContainerd, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(once(DIGEST, lambda _: httpx.Response(500), times=99))
    with pytest.raises(SystemFailure) as caught:
        await room.pull("reg.test/app", "1")
    assert str(caught.value) == (
        "download failed after attempts=5: received unexpected HTTP status: 500 Internal Server Error"
    )
    assert len(registry.asked("GET", DIGEST)) == 5
    assert trio.current_time() == pytest.approx(5 + 10 + 15 + 20)
    stores.content.ingests.clear()
    assert empty(stores)


async def test_connection_that_breaks_again_and_again_still_gets_there(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    big = tar_of({"random": os.urandom(14 << 20)})
    layer = gzip.compress(big, 1, mtime=0)
    registry.image("app", "big", config_of([big]), [layer])

    def short(request: httpx.Request) -> httpx.Response | None:
        if digest_of(layer) not in str(request.url):
            return None
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"Content-Range": f"bytes {start}-{len(layer) - 1}/{len(layer)}"}
        return httpx.Response(206, stream=Cut(layer[start : start + ARRIVED]), headers=headers)

    registry.faults.append(short)
    await room.pull("reg.test/app", "big")
    assert len(registry.asked("GET", digest_of(layer))) == 8
    assert room.names() == ["reg.test/app:big"]


@pytest.mark.parametrize("status", [429, 503])
async def test_registry_that_asks_for_patience_gets_it(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock, status: int
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return error(status, "TOOMANYREQUESTS", "slow down", {"Retry-After": "7"})

    registry.faults += [once(DIGEST, answer), once("manifests/1", answer)]
    messages = await room.pull("reg.test/app", "1")
    assert "Retrying in 7 seconds" in [each["status"] for each in messages]
    assert trio.current_time() == pytest.approx(14)


async def test_registry_that_asks_for_an_hour_is_told_to_the_user_instead(
    room: Room, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return error(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": "3600"})

    registry.faults.append(once(DIGEST, answer, times=9))
    with pytest.raises(SystemFailure, match="toomanyrequests: slow down"):
        await room.pull("reg.test/app", "1")
    assert trio.current_time() < 1


async def test_blob_that_is_shorter_than_its_manifest_says_is_refused(
    room: Room, registry: FakeRegistry, stores: FakeContainerd, autojump_clock: trio.abc.Clock
) -> None:
    registry.blobs[DIGEST] = LAYER[:-100]
    with pytest.raises(SystemFailure, match="download failed after attempts=5: unexpected EOF"):
        await room.pull("reg.test/app", "1")
    stores.content.ingests.clear()
    assert empty(stores)


async def test_no_more_downloads_at_a_time_than_configured(
    stores: FakeContainerd, registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    layers = [tar_of({"n": bytes([n]) * 2000}) for n in range(6)]
    registry.image("many", "1", config_of(layers), [gzip.compress(each) for each in layers])

    def answer() -> httpx.Response:
        return error(503, "UNAVAILABLE", "busy", {"Retry-After": "10"})

    busy = {digest_of(gzip.compress(each)): 1 for each in layers}

    def once_each(request: httpx.Request) -> httpx.Response | None:
        digest = request.url.path.rpartition("/")[2]
        return answer() if request.method == "GET" and busy.pop(digest, 0) else None

    registry.faults.append(once_each)
    async with images_room(stores, registry=registry) as room:
        messages = await room.pull("reg.test/many", "1")
    assert sum("Waiting" in each["status"] for each in messages) == 3
    assert trio.current_time() == pytest.approx(20)
