from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from engine.adapters.registry import uploads
from engine.domain.images.ports import Descriptor
from engine.domain.images.registries import Interrupted, Refused
from tests.engine.adapters.registry.rooms import repository
from tests.fakes.registry import FakeRegistry, digest_of, error

BLOB = bytes(range(256)) * 10
DESCRIPTOR = Descriptor("", digest_of(BLOB), len(BLOB))


async def content(offset: int) -> AsyncIterator[bytes]:
    for start in range(offset, len(BLOB), 700):
        yield BLOB[start : start + 700]


async def upload(registry: FakeRegistry) -> list[int]:
    told: list[int] = []
    async with repository(registry, push=True) as found:
        await found.upload(DESCRIPTOR, content, told.append)
    return told


async def test_blob_goes_in_one_stream_of_known_length() -> None:
    registry = FakeRegistry()
    assert (await upload(registry))[-1] == len(BLOB)
    (sent,) = registry.asked("PATCH", "")
    assert sent.headers["Content-Length"] == str(len(BLOB))
    assert "Content-Range" not in sent.headers
    assert registry.blobs[DESCRIPTOR.digest] == BLOB
    (end,) = registry.asked("PUT", "")
    assert dict(end.url.params) == {"state": "s", "digest": DESCRIPTOR.digest}


async def test_after_a_cut_the_rest_goes_in_pieces(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.abc.Clock
) -> None:
    monkeypatch.setattr(uploads, "PIECE", 1000)
    registry = FakeRegistry()
    cuts = [300]

    def cut(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH" and cuts:
            (upload,) = registry.uploads.values()
            upload += BLOB[: cuts.pop()]
            raise httpx.WriteError("x") from BrokenPipeError(32, "")
        return None

    registry.faults.append(cut)
    told = await upload(registry)
    ranges = [each.headers.get("Content-Range") for each in registry.asked("PATCH", "")]
    assert ranges == [None, "300-1299", "1300-2299", "2300-2559"]
    assert 300 in told
    assert registry.blobs[DESCRIPTOR.digest] == BLOB


async def test_registry_without_status_is_sent_all_again(autojump_clock: trio.abc.Clock) -> None:
    registry = FakeRegistry()
    cuts = [300]

    def cut(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH" and cuts:
            cuts.pop()
            raise httpx.WriteError("x") from BrokenPipeError(32, "")
        if request.method == "GET" and "uploads" in str(request.url):
            return error(416, "RANGE_INVALID", "invalid content range")
        return None

    registry.faults.append(cut)
    await upload(registry)
    assert registry.blobs[DESCRIPTOR.digest] == BLOB
    assert registry.uploads == {}  # the first was dropped


async def test_upload_that_is_refused_is_not_repeated() -> None:
    registry = FakeRegistry()
    registry.faults.append(lambda r: error(413, "SIZE_INVALID", "too large") if r.method == "PATCH" else None)  # fmt: skip
    with pytest.raises(Refused, match="size invalid: too large"):
        await upload(registry)
    assert len(registry.asked("PATCH", "")) == 1


async def test_five_failures_in_a_row_are_the_end(autojump_clock: trio.abc.Clock) -> None:
    registry = FakeRegistry()
    registry.faults.append(lambda r: httpx.Response(500) if r.method == "PATCH" else None)
    with pytest.raises(Interrupted, match="500 Internal Server Error"):
        await upload(registry)
    assert trio.current_time() == pytest.approx(50)


async def test_mount_falls_back_when_the_registry_begins_an_upload() -> None:
    registry = FakeRegistry()
    registry.put("base", BLOB)
    async with repository(registry, push=True, sources=["base"]) as found:
        assert await found.mount(DESCRIPTOR.digest, "base")
        assert await found.has_blob(DESCRIPTOR.digest)
        assert not await found.mount(f"sha256:{'0' * 64}", "base")
    assert registry.uploads == {}
