from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from engine.domain.builds.downloads import fetch_context, is_git
from engine.domain.builds.options import BuildOptions
from engine.errors import InvalidParameter
from tests.engine.domain.builds.rooms import House


async def test_an_url_is_added_as_it_is() -> None:
    house = House()
    house.fetcher.pages["http://x/y.tar"] = b"1"
    await house.build("FROM busybox\nADD http://x/y.tar /d/\n")
    assert house.workshop.copies[0][0] == ["y.tar"]
    assert "#(nop) ADD 6b86b273" in house.bench.steps[0].created_by


async def test_a_download_without_a_name_needs_one() -> None:
    house = House()
    house.fetcher.pages["http://x/"] = b"1"
    with pytest.raises(InvalidParameter, match="cannot determine filename for source http://x/"):
        await house.build("FROM busybox\nADD http://x/ /d/\n")
    await house.build("FROM busybox\nADD http://x/ /d\n")


def test_repositories_are_told_by_their_ending() -> None:
    assert is_git("https://x/y.git#ref:dir")
    assert is_git("git://x/y")
    assert not is_git("https://x/y")


@pytest.mark.parametrize(
    "url", ["git://x/y.git", "git@x:y.git", "file:///x.git", "ext::sh -c x", "ssh://x/y.git", "-x"]
)
async def test_only_http_is_taken(url: str) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(InvalidParameter, match="only http and https are taken"):
            await fetch_context(url, House().work(stack, BuildOptions()))


async def test_contexts_are_repositories_archives_or_a_dockerfile() -> None:
    house = House()
    house.fetcher.pages = {"http://x/a": b"\x1f\x8b" + bytes(600), "http://x/d": b"FROM busybox\n"}
    async with AsyncExitStack() as stack:
        work = house.work(stack, BuildOptions())
        assert await fetch_context("https://x/y.git#r:sub", work) == (house.workshop.tree, None)
        assert house.workshop.made == ["context/sub"]
        assert await fetch_context("http://x/a", work) == (house.workshop.tree, None)
        _, dockerfile = await fetch_context("http://x/d", work)
        assert dockerfile == b"FROM busybox\n"
