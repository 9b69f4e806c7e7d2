from __future__ import annotations

import httpx
import pytest

from engine.domain.images.registries import Interrupted, Refused
from engine.errors import Unauthorized
from engine.models.registry import AuthConfig
from tests.fakes.registry import FakeRegistry, registries

LOCAL = "http://127.0.0.1:5000"


def auth(password: str = "secret", server: str = "reg.test") -> AuthConfig:
    return AuthConfig(username="alice", password=password, server_address=server)


async def test_login_with_a_password() -> None:
    registry = FakeRegistry(user="alice:secret")
    assert await registries(registry).login(auth()) == ""
    with pytest.raises(Unauthorized) as caught:
        await registries(registry).login(auth("wrong"))
    assert str(caught.value) == (
        "login attempt to https://reg.test/v2/ failed with status: 401 Unauthorized"
    )
    with pytest.raises(Unauthorized, match="no basic auth credentials"):
        await registries(registry).login(AuthConfig(server_address="reg.test"))


async def test_login_at_a_token_server_brings_an_identity_token() -> None:
    registry = FakeRegistry(user="alice:secret", bearer=True)
    assert await registries(registry).login(auth(server="https://reg.test/v1/")) == "identity"
    (asked,) = registry.asked("GET", "auth.test")
    assert asked.url.params["offline_token"] == "true"
    with pytest.raises(Unauthorized) as caught:
        await registries(registry).login(auth("wrong"))
    assert str(caught.value) == (
        'Get "https://reg.test/v2/": unauthorized: incorrect username or password'
    )


async def test_login_falls_back_to_http_for_loopback() -> None:
    registry = FakeRegistry(hosts=(LOCAL,))
    assert await registries(registry).login(auth(server="127.0.0.1:5000")) == ""
    with pytest.raises(Interrupted, match=r'Get "http://127\.0\.0\.1:5001/v2/": dial tcp'):
        await registries(registry).login(auth(server="127.0.0.1:5001"))


@pytest.mark.parametrize("server", ["", "https://index.docker.io/v1/", "docker.io"])
async def test_docker_hubs_old_names_are_known(server: str) -> None:
    registry = FakeRegistry(hosts=("https://registry-1.docker.io",))
    assert await registries(registry).login(auth(server=server)) == ""


async def test_search_asks_the_registry_in_the_term() -> None:
    registry = FakeRegistry()
    found = {"results": [{"name": "x/app", "star_count": 3, "description": "d", "more": 1}]}

    def search(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(200, json=found) if "/v1/search" in str(request.url) else None

    registry.faults.append(search)
    (result,) = await registries(registry).search("127.0.0.1:5000/app", 7, AuthConfig())
    assert (result.name, result.star_count, result.description) == ("x/app", 3, "d")
    assert dict(registry.requests[0].url.params) == {"q": "app", "n": "7"}
    await registries(registry).search("library/app", 7, AuthConfig())
    assert str(registry.requests[-1].url) == "https://index.docker.io/v1/search?q=app&n=7"


async def test_search_that_a_registry_does_not_have_is_told() -> None:
    registry = FakeRegistry()
    registry.faults.append(lambda _: httpx.Response(404))
    with pytest.raises(Refused, match="Unexpected status code 404"):
        await registries(registry).search("reg.test/app", 7, AuthConfig())
