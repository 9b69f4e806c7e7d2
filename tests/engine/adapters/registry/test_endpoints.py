from __future__ import annotations

import pytest

from engine.adapters.registry.endpoints import Endpoint, endpoints_of, is_insecure
from engine.adapters.registry.settings import RegistrySettings

ADDRESSES = {"localhost": ["127.0.0.1", "::1"], "lan": ["10.1.2.3"], "far": ["93.184.216.34"]}


async def lookup(name: str) -> list[str]:
    return ADDRESSES.get(name, [])


@pytest.mark.parametrize(
    ("host", "insecure"),
    [
        ("localhost:5000", True),
        ("127.0.0.2:5000", True),
        ("[::1]:5000", True),
        ("lan:5000", True),  # by its network
        ("10.1.9.9", True),
        ("listed:5000", True),
        ("named", True),
        ("named:77", True),
        ("listed:5001", False),
        ("far:5000", False),
        ("nobody:5000", False),
        ("10.2.0.1:5000", False),
        ("registry-1.docker.io", False),
    ],
)
async def test_who_is_insecure(host: str, insecure: bool) -> None:
    listed = ("10.1.0.0/16", "listed:5000", "named")
    assert await is_insecure(host, listed, lookup) is insecure


async def test_docker_hub_is_asked_after_its_mirrors() -> None:
    settings = RegistrySettings(
        mirrors={"docker.io": ("https://one.test/", "http://localhost:5000/")}
    )
    assert await endpoints_of("docker.io", settings, lookup) == [
        Endpoint("https://one.test", mirror=True),
        Endpoint("http://localhost:5000", verify=False, mirror=True),
        Endpoint("https://registry-1.docker.io"),
    ]
    assert await endpoints_of("docker.io", settings, lookup, mirrors=False) == [
        Endpoint("https://registry-1.docker.io")
    ]


async def test_star_is_the_mirror_of_all_that_have_none() -> None:
    settings = RegistrySettings(mirrors={"*": ("https://all.test",), "own.test": ()})
    assert (await endpoints_of("other.test", settings, lookup))[0].base == "https://all.test"
    assert await endpoints_of("own.test", settings, lookup) == [Endpoint("https://own.test")]


async def test_insecure_registry_is_tried_by_https_first() -> None:
    assert await endpoints_of("localhost:5000", RegistrySettings(), lookup) == [
        Endpoint("https://localhost:5000", verify=False),
        Endpoint("http://localhost:5000", verify=False),
    ]
