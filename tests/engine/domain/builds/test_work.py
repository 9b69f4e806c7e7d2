from __future__ import annotations

from contextlib import AsyncExitStack

from engine.domain.builds.options import BuildOptions
from engine.models.registry import AuthConfig
from tests.engine.domain.builds.rooms import BUSYBOX, House


async def test_a_root_is_opened_once() -> None:
    async with AsyncExitStack() as stack:
        work = House().work(stack, BuildOptions())
        assert await work.tree_of(BUSYBOX) is await work.tree_of(BUSYBOX)


async def test_names_are_the_builds_own_and_kept_for_who_asks() -> None:
    house = House()
    async with AsyncExitStack() as stack:
        work = house.work(stack, BuildOptions(remove=False))
        name = work.container_name()
        assert name.startswith("build-id-")
        assert work.container_name() != name
        work.dispose(name)
        assert not house.leavings.containers
        house.work(stack, BuildOptions()).dispose(name)
        assert house.leavings.containers == {"id": {name}}


async def test_credentials_are_those_of_the_registry() -> None:
    auths = {
        "localhost:5000": AuthConfig(username="a"),
        "https://index.docker.io/v1/": AuthConfig(username="b"),
    }
    async with AsyncExitStack() as stack:
        work = House().work(stack, BuildOptions(auths=auths))
        assert work._auth("localhost:5000/x:1") == AuthConfig(username="a")
        assert work._auth("library/x") == AuthConfig(username="b")
        assert work._auth("other.host/x") is None
