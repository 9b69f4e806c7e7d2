"""Sending blobs: mounting, one stream, and pieces once a stream was cut."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import httpx
import trio

from engine.adapters.registry.host import Host
from engine.domain.images.ports import Descriptor
from engine.domain.images.registries import Interrupted, Offset, Refused

__all__ = ["Uploads"]

# The first try is one stream, which every registry takes (dockerd sends nothing else); after a cut
# we send pieces, since a registry may count only what a finished request brought.
PIECE = 32 << 20
ATTEMPTS = 5
PAUSE = 5.0
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)\Z")


class Uploads:
    def __init__(self, host: Host, path: str, scopes: Sequence[str]) -> None:
        self._host = host
        self._path = path
        self._scopes = scopes

    async def mount(self, digest: str, source: str) -> bool:
        """Whether the registry has taken the blob over; an upload that it began instead is dropped."""
        query = httpx.QueryParams({"mount": digest, "from": source})
        try:
            async with self._host.send(
                "POST",
                f"/v2/{self._path}/blobs/uploads/?{query}",
                scopes=self._scopes,
                expect=(201, 202),
            ) as response:
                if response.status_code == 201:
                    return True
                location = self._location(response)
        except Refused:
            return False  # not allowed to read the source: it is uploaded instead
        await self._drop(location)
        return False

    async def upload(
        self, blob: Descriptor, content: Offset, progress: Callable[[int], None]
    ) -> None:
        """Raises Interrupted when some attempts in a row brought nothing, Refused at once."""
        location, at, piece = await self._begin(), 0, blob.size
        failures = 0
        while True:
            try:
                while at < blob.size:
                    location = await self._send(location, blob, content, at, piece, progress)
                    at, failures = min(blob.size, at + piece), 0
                await self._finish(location, blob)
                return
            except Interrupted as error:
                failures += 1
                if failures >= ATTEMPTS:
                    raise
                await trio.sleep(error.retry_after or failures * PAUSE)
            piece = PIECE
            location, at = await self._resume(location)
            progress(at)

    async def _begin(self) -> str:
        async with self._host.send(
            "POST", f"/v2/{self._path}/blobs/uploads/", scopes=self._scopes, expect=(202,)
        ) as response:
            return self._location(response)

    async def _send(
        self,
        location: str,
        blob: Descriptor,
        content: Offset,
        at: int,
        piece: int,
        progress: Callable[[int], None],
    ) -> str:
        size = min(piece, blob.size - at)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Content-Range": f"{at}-{at + size - 1}",
        }
        if size == blob.size:
            del headers["Content-Range"]
        async with self._host.send(
            "PATCH",
            location,
            scopes=self._scopes,
            headers=headers,
            content=lambda: _counted(content(at), at, size, progress),
            expect=(202, 204, 201),
            patient=False,
        ) as response:
            return self._location(response, location)

    async def _finish(self, location: str, blob: Descriptor) -> None:
        url = httpx.URL(location).copy_add_param("digest", blob.digest)
        async with self._host.send(
            "PUT",
            str(url),
            scopes=self._scopes,
            headers={"Content-Length": "0", "Content-Type": "application/octet-stream"},
            expect=(201, 204),
            patient=False,
        ):
            return

    async def _resume(self, location: str) -> tuple[str, int]:
        """Where the registry stands; from the beginning if it does not know the upload any more."""
        try:
            async with self._host.send(
                "GET", location, scopes=self._scopes, expect=(204, 202, 200)
            ) as response:
                found = _RANGE.match(response.headers.get("Range", ""))
                # 0-0 may be one byte or none: registries differ, and one byte is nothing.
                if found is not None and int(found[1]) > 0:
                    return self._location(response, location), int(found[1]) + 1
        except Refused:
            pass
        await self._drop(location)
        return await self._begin(), 0

    async def _drop(self, location: str) -> None:
        """Best effort: registries collect what nobody finishes."""
        try:
            async with self._host.send(
                "DELETE", location, scopes=self._scopes, expect=(204, 202, 200), patient=False
            ):
                return
        except (Refused, Interrupted):
            return

    def _location(self, response: httpx.Response, before: str = "") -> str:
        location = response.headers.get("Location", before)
        if not location:
            raise Refused("the registry began an upload and did not say where")
        return str(response.request.url.join(location))


async def _counted(
    chunks: AsyncIterator[bytes], at: int, size: int, progress: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    """`size` bytes, each told once it was handed over."""
    left = size
    async with aclosing(cast(Any, chunks)) as source:
        async for chunk in source:
            piece = chunk[:left]
            left -= len(piece)
            yield piece
            progress(at + size - left)
            if not left:
                return
