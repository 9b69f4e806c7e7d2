from __future__ import annotations

import httpx
import pytest

from engine.domain.images.ports import Descriptor
from engine.domain.images.registries import Interrupted, Refused
from engine.errors import InvalidParameter
from engine.models.registry import AuthConfig
from tests.engine.adapters.registry.rooms import repository
from tests.fakes.registry import MANIFEST, FakeRegistry, digest_of, error, streamed

MIRROR = {"reg.test": ("https://mirror.test",)}
DATA = b'{"a": 1}'
BLOB = bytes(range(256)) * 20


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry(hosts=("https://reg.test", "https://mirror.test"))
    registry.tag("app", "1", DATA)
    registry.put("app", BLOB)
    return registry


def fails(host: str, part: str, status: int = 404) -> object:
    def fault(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == host and part in str(request.url):
            return error(status, "MANIFEST_UNKNOWN", "manifest unknown")
        return None

    return fault


async def read(registry: FakeRegistry, offset: int = 0, **options: object) -> bytes:
    descriptor = Descriptor("", digest_of(BLOB), len(BLOB))
    async with (
        repository(registry, **options) as found,  # type: ignore[arg-type]
        found.blob(descriptor, offset) as chunks,
    ):
        return b"".join([each async for each in chunks])


async def test_manifest_comes_as_it_is(registry: FakeRegistry) -> None:
    async with repository(registry) as found:
        fetched = await found.manifest("1")
        assert (fetched.media_type, fetched.digest, fetched.data) == (
            MANIFEST,
            digest_of(DATA),
            DATA,
        )
        assert await found.resolve("1") == fetched.descriptor
        assert found.mirror == ""


async def test_manifest_that_ends_early_is_not_believed(registry: FakeRegistry) -> None:
    registry.faults.append(lambda request: streamed(200, DATA, length=99) if "manifests" in str(request.url) else None)  # fmt: skip
    async with repository(registry) as found:
        with pytest.raises(Interrupted, match="did not arrive whole"):
            await found.manifest("1")


async def test_manifest_is_checked_against_the_digest_asked_for(registry: FakeRegistry) -> None:
    wanted = f"sha256:{'0' * 64}"
    registry.manifests["app", wanted] = (MANIFEST, DATA)
    async with repository(registry) as found:
        with pytest.raises(InvalidParameter, match="manifest verification failed"):
            await found.manifest(wanted)


async def test_head_without_a_digest_resolves_nothing(registry: FakeRegistry) -> None:
    registry.faults.append(lambda request: httpx.Response(200) if request.method == "HEAD" else None)  # fmt: skip
    async with repository(registry) as found:
        assert await found.resolve("1") is None


async def test_tags_are_read_page_by_page(registry: FakeRegistry) -> None:
    def pages(request: httpx.Request) -> httpx.Response | None:
        if "tags/list" not in str(request.url):
            return None
        if request.url.params.get("last") == "b":
            return httpx.Response(200, json={"tags": ["c"]})
        link = {"Link": '</v2/app/tags/list?last=b&n=2>; rel="next"'}
        return httpx.Response(200, json={"tags": ["a", "b"]}, headers=link)

    registry.faults.append(pages)
    async with repository(registry) as found:
        assert await found.tags() == ["a", "b", "c"]


async def test_blob_is_read_from_an_offset(registry: FakeRegistry) -> None:
    assert await read(registry) == BLOB
    assert await read(registry, 1500) == BLOB[1500:]
    registry.faults.append(lambda r: streamed(200, BLOB) if r.headers.get("Range") else None)
    assert await read(registry, 1500) == BLOB[1500:]


async def test_answer_with_another_range_is_refused(registry: FakeRegistry) -> None:
    wrong = {"Content-Range": f"bytes 5-99/{len(BLOB)}"}
    registry.faults.append(lambda r: streamed(206, BLOB, wrong) if r.headers.get("Range") else None)
    with pytest.raises(Interrupted, match="another range"):
        await read(registry, 1500)


async def test_mirror_is_asked_first_by_the_registrys_name_and_without_its_password(
    registry: FakeRegistry,
) -> None:
    auth = AuthConfig(username="alice", password="secret")
    async with repository(registry, mirrors=MIRROR, auth=auth) as found:
        await found.manifest("1")
        assert found.mirror == "https://mirror.test"
    assert {each.url.host for each in registry.requests} == {"mirror.test"}
    assert registry.requests[-1].url.params["ns"] == "reg.test"
    assert not any("Authorization" in each.headers for each in registry.requests)


@pytest.mark.parametrize("status", [404, 403, 500])
async def test_mirror_that_fails_is_passed_over(registry: FakeRegistry, status: int) -> None:
    registry.faults.append(fails("mirror.test", "manifests", status))  # type: ignore[arg-type]
    async with repository(registry, mirrors=MIRROR) as found:
        assert (await found.manifest("1")).data == DATA
        assert found.mirror == ""


async def test_dead_mirror_is_passed_over(registry: FakeRegistry) -> None:
    registry.hosts = ("https://reg.test",)
    assert await read(registry, mirrors=MIRROR) == BLOB


async def test_blob_that_the_mirror_lacks_comes_from_the_registry(registry: FakeRegistry) -> None:
    registry.faults.append(fails("mirror.test", "blobs"))  # type: ignore[arg-type]
    assert await read(registry, mirrors=MIRROR) == BLOB


async def test_what_the_registry_says_last_is_the_answer(registry: FakeRegistry) -> None:
    async with repository(registry, mirrors=MIRROR) as found:
        with pytest.raises(Refused) as caught:
            await found.manifest("2")
    assert caught.value.code == "MANIFEST_UNKNOWN"
    assert registry.requests[-1].url.host == "reg.test"


async def test_plain_http_comes_after_https_for_who_may(registry: FakeRegistry) -> None:
    registry.hosts = ("http://127.0.0.1:5000",)
    async with repository(registry, "127.0.0.1:5000/app") as found:
        assert (await found.manifest("1")).data == DATA
        with pytest.raises(Refused):
            await found.manifest("2")
    assert [each.url.scheme for each in registry.requests] == ["https", "http", "http", "http"]


async def test_https_that_answered_never_gives_way_to_http(registry: FakeRegistry) -> None:
    registry.hosts = ("https://127.0.0.1:5000", "http://127.0.0.1:5000")
    async with repository(registry, "127.0.0.1:5000/app") as found:
        with pytest.raises(Refused):
            await found.manifest("2")
    assert {each.url.scheme for each in registry.requests} == {"https"}
