"""One repository, read through its mirrors or from the registry itself."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import urlencode

import httpx

from engine.adapters.registry.failures import translated
from engine.adapters.registry.host import Host, read_limited
from engine.adapters.registry.uploads import Uploads
from engine.domain.images.ports import Descriptor
from engine.domain.images.registries import Fetched, Interrupted, Offset, Refused
from engine.errors import EngineError, InvalidParameter

__all__ = ["RemoteRepository"]

log = logging.getLogger(__name__)

T = TypeVar("T")

ACCEPT: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
MANIFEST_LIMIT: Final = 4 << 20
TAGS_LIMIT: Final = 4 << 20
TAGS_PAGES: Final = 1000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')


class RemoteRepository:
    """`hosts` in the order in which they are tried; `sources` are repositories to mount from."""

    def __init__(
        self,
        hosts: Sequence[Host],
        domain: str,
        path: str,
        *,
        push: bool = False,
        sources: Sequence[str] = (),
    ) -> None:
        self._hosts = hosts
        self._domain = domain
        self._path = path
        self._current = 0
        own = f"repository:{path}:{'pull,push' if push else 'pull'}"
        self._scopes = (own, *(f"repository:{each}:pull" for each in sources))

    @property
    def mirror(self) -> str:
        host = self._hosts[self._current]
        return host.endpoint.base if host.endpoint.mirror else ""

    async def resolve(self, reference: str) -> Descriptor | None:
        async def head(host: Host) -> Descriptor | None:
            async with self._get(host, "HEAD", f"manifests/{reference}", ACCEPT) as response:
                return _described(response)

        return await self._first(head)

    async def manifest(self, reference: str) -> Fetched:
        async def get(host: Host) -> Fetched:
            async with self._get(host, "GET", f"manifests/{reference}", ACCEPT) as response:
                data = await read_limited(response, MANIFEST_LIMIT)
                return _fetched(reference, response, data)

        return await self._first(get)

    async def tags(self) -> list[str]:
        async def get(host: Host) -> list[str]:
            found: list[str] = []
            url = f"/v2/{self._path}/tags/list"
            for _ in range(TAGS_PAGES):
                async with host.send("GET", url, scopes=self._scopes) as response:
                    page = httpx.Response(200, content=await read_limited(response, TAGS_LIMIT))
                    found += _names(page)
                    following = _NEXT.search(response.headers.get("Link", ""))
                if following is None:
                    break
                url = str(response.url.join(following[1]))
            return found

        return await self._first(get)

    @asynccontextmanager
    async def blob(self, blob: Descriptor, offset: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        async with AsyncExitStack() as stack:

            async def open_(host: Host) -> httpx.Response:
                headers = {"Range": f"bytes={offset}-"} if offset else {}
                return await stack.enter_async_context(
                    host.send(
                        "GET",
                        self._url(host, f"blobs/{blob.digest}"),
                        scopes=self._scopes,
                        headers=headers,
                        expect=(200, 206),
                        patient=False,
                    )
                )

            response = await self._first(open_)
            yield _body(response, offset)

    async def has_blob(self, digest: str) -> bool:
        try:
            async with self._get(self._own, "HEAD", f"blobs/{digest}"):
                return True
        except Refused as error:
            if error.status == 404:
                return False
            raise

    async def mount(self, digest: str, source: str) -> bool:
        return await self._uploads().mount(digest, source)

    async def upload(
        self, blob: Descriptor, content: Offset, progress: Callable[[int], None]
    ) -> None:
        await self._uploads().upload(blob, content, progress)

    async def put_manifest(self, reference: str, manifest: Descriptor, data: bytes) -> None:
        async with self._own.send(
            "PUT",
            f"/v2/{self._path}/manifests/{reference}",
            scopes=self._scopes,
            headers={"Content-Type": manifest.media_type},
            content=data,
            expect=(200, 201, 202),
        ):
            return

    async def connect(self) -> None:
        """Find the endpoint that answers, for what is done there only."""

        async def nothing(host: Host) -> None:
            await host.connect()

        await self._first(nothing)

    @property
    def _own(self) -> Host:
        return self._hosts[self._current]

    def _uploads(self) -> Uploads:
        return Uploads(self._own, self._path, self._scopes)

    def _url(self, host: Host, path: str) -> str:
        """A mirror of several registries is told whose content is meant, as containerd does."""
        query = f"?{urlencode({'ns': self._domain})}" if host.endpoint.mirror else ""
        return f"/v2/{self._path}/{path}{query}"

    @asynccontextmanager
    async def _get(
        self, host: Host, method: str, path: str, accept: str = "*/*"
    ) -> AsyncGenerator[httpx.Response, None]:
        async with host.send(
            method,
            self._url(host, path),
            scopes=self._scopes,
            headers={"Accept": accept},
            patient=not host.endpoint.mirror,
        ) as response:
            yield response

    async def _first(self, operation: Callable[[Host], Awaitable[T]]) -> T:
        """By the endpoint that worked last, else by those after it: what fails there is the answer."""
        for index in range(self._current, len(self._hosts)):
            host = self._hosts[index]
            try:
                await host.connect()
                result = await operation(host)
            except EngineError as error:
                if not self._may_fall_back(index, error):
                    raise
                level = logging.WARNING if host.endpoint.mirror else logging.DEBUG
                log.log(level, "%s: %s; trying the next endpoint", host.endpoint.base, error)
            else:
                self._current = index
                return result
        raise AssertionError("the last endpoint either answers or raises")

    def _may_fall_back(self, index: int, error: EngineError) -> bool:
        """A mirror that fails is passed over; https gives way to http only before it answered."""
        if index + 1 == len(self._hosts):
            return False
        host = self._hosts[index]
        return host.endpoint.mirror or (isinstance(error, Interrupted) and not host.connected)


def _described(response: httpx.Response) -> Descriptor | None:
    digest = response.headers.get("Docker-Content-Digest", "")
    length = response.headers.get("Content-Length", "")
    if not _DIGEST.match(digest) or not length.isdecimal():
        return None
    return Descriptor(_media_type(response), digest, int(length))


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip()


def _fetched(reference: str, response: httpx.Response, data: bytes) -> Fetched:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if _DIGEST.match(reference) and digest != reference:
        raise InvalidParameter(f"manifest verification failed for digest {reference}")
    length = response.headers.get("Content-Length", "")
    if len(data) >= MANIFEST_LIMIT or (length.isdecimal() and int(length) != len(data)):
        raise Interrupted(f"the manifest {reference} did not arrive whole")
    return Fetched(_media_type(response), digest, data)


def _names(page: httpx.Response) -> list[str]:
    try:
        tags = page.json().get("tags")
    except (ValueError, AttributeError) as error:
        raise Refused(f"the registry's list of tags cannot be read: {error}") from error
    return [each for each in tags or [] if isinstance(each, str)]


async def _body(response: httpx.Response, offset: int) -> AsyncGenerator[bytes, None]:
    """The bytes from `offset` on, whether or not the server honoured the range."""
    skip = offset if response.status_code == 200 else 0
    if response.status_code == 206 and offset:
        start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if start is None or int(start[1]) != offset:
            raise Interrupted("the registry answered with another range than was asked for")
    with translated("GET", str(response.url)):
        async for piece in response.aiter_raw():
            if skip:
                piece, skip = piece[skip:], max(0, skip - len(piece))
            if piece:
                yield piece
