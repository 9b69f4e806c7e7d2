"""What builds fetch: an ADD's URL as a file, and contexts that are elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from urllib.parse import urlsplit

from engine.domain.builds.dockerfile import LIMIT
from engine.domain.builds.ports import Picked, Tree
from engine.domain.builds.work import Work
from engine.errors import InvalidParameter

__all__ = ["download", "fetch_context", "is_git"]

_UNNAMED = "__unnamed__"
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_HEAD = 512


async def download(url: str, target: str, work: Work) -> tuple[Tree, Picked]:
    """One file, readable by its owner alone, as old as the server says."""
    async with work.fetcher.http(url) as fetched:
        if not fetched.name and target.endswith("/"):
            raise InvalidParameter(f"cannot determine filename for source {url}")
        directory = work.workshop.directory(work.id, f"url-{work.number()}")
        _, tree = await work.stack.enter_async_context(directory)
        name = fetched.name or _UNNAMED
        return tree, await tree.store(name, fetched.chunks, fetched.modified)


def is_git(url: str) -> bool:
    """As dockerd tells them: by their ending, or by a transport that is git's alone."""
    place = url.partition("#")[0]
    return place.endswith(".git") or not place.startswith(("http://", "https://"))


async def fetch_context(url: str, work: Work) -> tuple[Tree, bytes | None]:
    """The context, and the Dockerfile where the URL led to one alone. InvalidParameter, DeadlineExceeded."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidParameter(f"remote {url}: only http and https are taken")
    enter = work.stack.enter_async_context
    if is_git(url):
        path, _ = await enter(work.workshop.directory(work.id, "context"))
        below = await work.fetcher.git(url, path)
        return await enter(work.workshop.below(work.id, "context", below)), None
    async with work.fetcher.http(url) as fetched:
        chunks = fetched.chunks
        head = b""
        while len(head) < _HEAD and (chunk := await anext(chunks, None)) is not None:
            head += chunk
        if head.startswith(_MAGIC) or head[257:262] == b"ustar":
            async with aclosing(_joined(head, chunks)) as whole:
                return await enter(work.workshop.receive(work.id, whole)), None
        _, tree = await enter(work.workshop.directory(work.id, "context"))
        async with aclosing(_joined(head, chunks)) as whole:
            await tree.store("Dockerfile", whole, 0)
    return tree, await tree.read("Dockerfile", LIMIT)


async def _joined(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield head
    async for chunk in chunks:
        yield chunk
