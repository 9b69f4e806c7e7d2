from __future__ import annotations

import base64

import pytest

from engine.adapters.registry.tokens import with_secret
from engine.domain.images.registries import Refused
from engine.models.registry import AuthConfig
from tests.engine.adapters.registry.rooms import repository
from tests.fakes.registry import FakeRegistry

ALICE = AuthConfig(username="alice", password="secret")


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry(user="alice:secret")
    registry.tag("app", "1", b"{}")
    return registry


def test_base64_pair_is_spelled_out() -> None:
    pair = base64.b64encode(b"alice:se:cret").decode()
    found = with_secret(AuthConfig(auth=pair))
    assert (found.username, found.password) == ("alice", "se:cret")
    assert with_secret(AuthConfig(auth="?")) == AuthConfig(auth="?")


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(ALICE)


async def test_basic_credentials_are_sent_once_they_are_asked_for(registry: FakeRegistry) -> None:
    async with repository(registry, auth=ALICE) as found:
        await found.manifest("1")
    assert ["Authorization" in each.headers for each in registry.requests] == [False, True]


async def test_wrong_password_is_tried_once(registry: FakeRegistry) -> None:
    async with repository(registry, auth=AuthConfig(username="alice", password="no")) as found:
        with pytest.raises(Refused, match="unauthorized: authentication required"):
            await found.manifest("1")
    assert len(registry.requests) == 2


async def test_no_credentials_is_dockerds_text(registry: FakeRegistry) -> None:
    async with repository(registry) as found:
        with pytest.raises(Refused) as caught:
            await found.manifest("1")
    assert str(caught.value) == (
        'Get "https://reg.test/v2/app/manifests/1": no basic auth credentials'
    )


async def test_token_is_fetched_once_for_its_scope(registry: FakeRegistry) -> None:
    registry.bearer = True
    async with repository(registry, auth=ALICE) as found:
        await found.manifest("1")
        await found.tags()
    (asked,) = registry.asked("GET", "auth.test")
    assert dict(asked.url.params) == {
        "account": "alice",
        "service": "reg.test",
        "scope": "repository:app:pull",
    }


async def test_push_asks_for_its_sources_too(registry: FakeRegistry) -> None:
    registry.bearer = True
    async with repository(registry, auth=ALICE, push=True, sources=["base"]) as found:
        await found.has_blob(f"sha256:{'0' * 64}")
    (asked,) = registry.asked("GET", "auth.test")
    assert asked.url.params.get_list("scope") == [
        "repository:app:pull,push",
        "repository:base:pull",
    ]


async def test_token_that_is_refused_is_renewed(registry: FakeRegistry) -> None:
    registry.bearer = True
    async with repository(registry, auth=ALICE) as found:
        await found.manifest("1")
        registry.revoked.add("t1")
        await found.manifest("1")
    assert registry.issued == 2


async def test_identity_token_is_exchanged_by_a_grant(registry: FakeRegistry) -> None:
    registry.bearer = True
    async with repository(registry, auth=AuthConfig(identity_token="identity")) as found:
        await found.manifest("1")
    (asked,) = registry.asked("POST", "auth.test")
    assert b"grant_type=refresh_token" in asked.content
    assert b"scope=repository%3Aapp%3Apull" in asked.content


async def test_registry_token_is_sent_as_it_is(registry: FakeRegistry) -> None:
    registry.bearer = True
    async with repository(registry, auth=AuthConfig(registry_token="t9")) as found:
        await found.manifest("1")
    assert registry.requests[-1].headers["Authorization"] == "Bearer t9"


async def test_refused_token_tells_why(registry: FakeRegistry) -> None:
    registry.bearer = True
    async with repository(registry, auth=AuthConfig(username="alice", password="no")) as found:
        with pytest.raises(Refused, match="unauthorized: incorrect username or password"):
            await found.manifest("1")
