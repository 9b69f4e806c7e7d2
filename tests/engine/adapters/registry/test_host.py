from __future__ import annotations

import httpx
import pytest
import trio

from engine.adapters.registry.host import retry_after
from engine.domain.images.registries import Interrupted, Refused
from engine.models.registry import AuthConfig
from tests.engine.adapters.registry.rooms import repository
from tests.fakes.registry import FakeRegistry, error, once, streamed


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry(user="alice:secret")
    registry.tag("app", "1", b"{}")
    return registry


ALICE = AuthConfig(username="alice", password="secret")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0), ("", None), ("soon", None)],
)
def test_retry_after_has_two_forms(text: str, seconds: float | None) -> None:
    assert retry_after(httpx.Response(429, headers={"Retry-After": text}), now=10.0) == seconds


async def test_redirect_is_followed_without_the_credentials(registry: FakeRegistry) -> None:
    def redirect(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == "cdn.test":
            return streamed(200, b"the manifest")
        if "manifests" in str(request.url):
            return httpx.Response(307, headers={"Location": "https://cdn.test/x"})
        return None

    registry.faults.append(redirect)
    async with repository(registry, auth=ALICE) as found:
        assert (await found.manifest("1")).data == b"the manifest"
    assert "Authorization" in registry.requests[-2].headers
    assert "Authorization" not in registry.requests[-1].headers


async def test_redirects_without_end_are_given_up(registry: FakeRegistry) -> None:
    registry.faults.append(lambda request: httpx.Response(302, headers={"Location": "/v2/again"}) if "manifests" in str(request.url) or "again" in str(request.url) else None)  # fmt: skip
    async with repository(registry, auth=ALICE) as found:
        with pytest.raises(Refused, match="stopped after 10 redirects"):
            await found.manifest("1")


async def test_busy_registry_is_waited_for_up_to_a_minute(
    registry: FakeRegistry, autojump_clock: trio.abc.Clock
) -> None:
    registry.faults.append(once("manifests", lambda _: error(429, "TOOMANYREQUESTS", "slow"), times=99))  # fmt: skip
    async with repository(registry, auth=ALICE) as found:
        with pytest.raises(Interrupted, match="toomanyrequests: slow"):
            await found.manifest("1")
    assert trio.current_time() == pytest.approx(1 + 2 + 4 + 8 + 16)


async def test_endpoint_is_pinged_once_for_many_requests(registry: FakeRegistry) -> None:
    async with repository(registry, auth=ALICE) as found, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(found.manifest, "1")
    assert [each.url.path for each in registry.requests].count("/v2/") == 1
